#!/usr/bin/env python3
"""Asks Segue and DuckDB the same questions of the demo bank and compares the answers.

The SQL below is written by hand from what LANGUAGE says, not from what Segue prints. Both read the same files.

    python3 tests/compare/compare.py --segue PATH --bank DIR [--as-of 2026-10-31] [-v]

Without --as-of: 2026-10-31, 2026-05-31 (months clip) and 2026-03-15. One line for each segment, then
`N passed, M failed`; exit status 1 on a difference. Without duckdb nothing is compared, and the status is 0.
"""
import argparse
import csv
import datetime
import io
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from decimal import Decimal

try:
    import duckdb
except ImportError:
    print("skipped: duckdb is not installed (pip install duckdb)")
    sys.exit(0)

HERE = os.path.dirname(os.path.abspath(__file__))
ZONE = "Asia/Shanghai"


# ---- the tables, as the script's sources read them ----

def load(con, bank):
    data = os.path.join(bank, "data")
    views = {
        "customers": "customers.parquet", "holdings_raw": "holdings.parquet", "accounts": "accounts.parquet",
        "contacts_raw": "contacts.parquet", "responses_raw": "responses.parquet",
        "tx_raw": "transactions/*.parquet", "app_raw": "app_events/*.parquet",
    }
    for name, path in views.items():
        con.execute(f"create or replace view {name} as select * from read_parquet('{data}/{path}')")
    for name in ("branches", "products", "campaigns", "coupons"):
        con.execute(f"create or replace table {name} as select * from read_csv('{data}/{name}.csv')")


def as_of(con, day):
    """Tables of what is not after the day; `t` is the local time, `d` the local day."""
    con.execute(f"create or replace macro today() as date '{day}'")
    con.execute(f"create or replace macro cut() as (timestamp '{day}' + interval 1 day)")
    con.execute("""
        create or replace table tx as
          select *, txn_time as t, txn_time::date as d from tx_raw where txn_time < cut();
        create or replace table app as
          select * from (select * exclude (event_time), event_time at time zone 'Asia/Shanghai' as t,
                         (event_time at time zone 'Asia/Shanghai')::date as d from app_raw) where t < cut();
        create or replace table hold as
          select h.*, h.since as d, p.risk_grade as p_grade, p.product_type as p_type, p.annual_yield_percent as p_yield,
                 product_id in (select product_id from coupons where campaign_id = 13) as in_13,
                 product_id in (select product_id from coupons where campaign_id > 0) as in_any
          from holdings_raw h left join products p using (product_id) where h.since <= today();
        create or replace table contacts as
          select *, contact_time as t, contact_time::date as d from contacts_raw where contact_time < cut();
        create or replace table responses as
          select r.*, r.response_time as t, c.starts from responses_raw r left join campaigns c using (campaign_id)
          where r.response_time < cut();
    """)
    # Whole months from a to b: the largest n with a + n months, clipped to the month's end, not after b.
    con.execute("""
        create or replace macro months_between(a, b) as (
          with n as (select (year(b) - year(a)) * 12 + month(b) - month(a) as n)
          select case when a + to_months(n::int) > b then n - 1 else n end from n)
    """)


# ---- the portrait: tag -> SQL over one customer `c`; later stages may use the columns of earlier ones ----

class Events:
    """An aggregate over a customer's rows of a table; `nothing` is its value over none."""

    def __init__(self, sql, table="tx", nothing="null"):
        self.sql, self.table, self.nothing = sql, table, nothing


def events(what, where="true", table="tx", nothing="null"):
    """`what` has one `{}` where the filter goes."""
    return Events(what.replace("{}", f"filter (where {where})"), table, nothing)


def count(where="true", table="tx"):
    return Events(f"count(*) filter (where {where})", table, "0")


def days(n, ending=0):
    return f"e.d > today() - {n + ending} and e.d <= today() - {ending}"


def months(n):
    return f"e.d > (today() - interval {n} month)::date"


def total(x, where="true", table="tx"):
    return Events(f"case when count(*) filter (where {where}) = 0 then 0 else sum({x}) filter (where {where}) end",
                  table, "0")


def latest(x, where="true", table="tx", order="e.t, e.txn_id"):
    """The value, missing or not, of the row that `order` puts last."""
    return Events(f"arg_max({{'v': {x}}}, row({order})) filter (where {where}).v", table)


def earliest(x, where="true", table="tx", order="e.t, e.txn_id"):
    return Events(f"arg_min({{'v': {x}}}, row({order})) filter (where {where}).v", table)


def most_common(x, where):
    each = f"map_entries(histogram({x}) filter (where {where}))"
    return Events(f"list_min(list_transform({each}, lambda m: {{'n': -(m.value::bigint), 'v': m.key}})).v")


MONTH = "date_trunc('month', today())"
QUARTER = "date_trunc('quarter', today())"
WEEK = "(today() - (isodow(today()) - 1)::int)"

STAGES = [
    {
        "assets": "deposit_balance + fund_balance + wealth_balance",
        "known_assets": "deposit_balance + coalesce(fund_balance, 0) + coalesce(wealth_balance, 0)",
        "weighted": "deposit_balance::double * 1.05 + fund_balance::double / 2 - 1000",
        "per_child": "monthly_income::double / nullif(children, 0)",
        "remainder": "credit_score % 7",
        "region": "(select b.region from branches b where b.branch_id = c.branch_id)",
        '"branch.region"': "(select b.region from branches b where b.branch_id = c.branch_id)",
        '"branch.city"': "(select b.city from branches b where b.branch_id = c.branch_id)",
        '"branch.branch_name"': "(select b.branch_name from branches b where b.branch_id = c.branch_id)",
        "nested": "case when gender = 'F' then case when married then 1 when not married then 2 end "
                  "when gender = 'M' then 3 else 4 end",

        "n_all": count(),
        "n_travel": count(f"category = 'travel' and {days(90)}"),
        "paid": total("amount", days(90)),
        "mean": events("avg(amount::double) {}", f"amount > 0 and {months(6)}"),
        "smallest": events("min(amount) {}", months(12)),
        "largest": events("max(amount) {}", f"channel <> 'branch' and {months(12)}"),
        "middle": events("median(amount::double) {}", days(90)),
        "spread": events("stddev_samp(amount::double) {}", days(180)),
        "first_shop": earliest("merchant", "category = 'shopping'"),
        "last_shop": latest("merchant", months(3)),
        "last_type": latest("product_type", table="hold", order="e.d, e.product_type"),
        "first_type": earliest("e.amount", table="hold", order="e.d, e.amount"),
        "kinds": events("count(distinct category) {}", days(90), nothing="0"),
        "shop_days": events("count(distinct d) {}", f"category = 'shopping' and {months(3)}", nothing="0"),
        "favourite": most_common("category", months(12)),
        "fav_shop": most_common("merchant", months(2)),
        "went_abroad": Events(f"count(*) filter (where country <> 'CN' and {months(12)}) > 0", nothing="false"),
        "app_share": events(f"count(*) filter (where channel = 'app' and {days(90)}) / nullif(count(*) {{}}, 0)", days(90)),
        "overdue": events("max(overdue_days) {}", table="accounts"),
        "n_accounts": count("status = 'open'", "accounts"),
        "owed": total("balance", "kind in ('loan', 'credit card')", "accounts"),
        "limits": total("credit_limit", table="accounts"),
        "minutes": total("session_minutes", days(30), "app"),
        "last_minutes": latest("session_minutes", table="app", order="e.t, e.session_minutes"),
        "n_app": count(table="app"),
        "n_big": count(f"amount >= 5000 and country = 'CN' and {months(12)}"),
        "double_sum": total("amount * 2 - 1", days(30)),
        "last_time": events("max(t) {}"),

        "w_hours": count("e.t >= cut() - interval 36 hour"),
        "w_day": count("e.d = today()"),
        "w_weeks": count(days(14)),
        "w_months": count(months(3)),
        "w_quarters": count(months(3)),
        "w_years": count(months(12)),
        "w_since": count("e.d >= date '2026-02-28'"),
        "w_since_t": count("e.t >= timestamp '2026-02-28 12:00:00'"),
        "w_before": count("e.d < date '2025-12-01'"),
        "w_on": count("e.d = date '2026-03-14'"),
        "w_from": count("e.d between date '2026-01-01' and date '2026-03-31'"),
        "w_this_m": count(f"e.d >= {MONTH}"),
        "w_prev_m": count(f"e.d >= {MONTH} - interval 1 month and e.d < {MONTH}"),
        "w_this_q": count(f"e.d >= {QUARTER}"),
        "w_prev_q": count(f"e.d >= {QUARTER} - interval 3 month and e.d < {QUARTER}"),
        "w_this_y": count("e.d >= date_trunc('year', today())"),
        "w_this_w": count(f"e.d >= {WEEK}"),
        "w_prev_w": count(f"e.d >= {WEEK} - 7 and e.d < {WEEK}"),
        "w_ending": count(days(30, 30)),
        "w_ending_m": count("e.d > ((today() - interval 1 month)::date - interval 1 month)::date "
                            "and e.d <= (today() - interval 1 month)::date"),
        "w_app": count("e.d = today()", "app"),
        "w_app_m": count(f"e.d >= {MONTH}", "app"),
        "w_hold": count(months(12), "hold"),

        "avg_amount": events("avg(amount::double) {}"),
        "away": count(f"e.city <> c.city and {months(6)}"),
        "early": count("e.t < (c.open_date + 30)::timestamp"),
        "risky": count("p_grade in ('R4', 'R5')", "hold"),
        "yield": total("amount::double * p_yield", "p_type = 'wealth'", "hold"),
        "couponed": Events("count(*) filter (where in_13) > 0",
                           "hold", "false"),
        "uncouponed": count("not in_any", "hold"),
        "answered": count("e.t < (e.starts + 7)::timestamp", "responses"),
        "contact_channels": events("count(distinct channel) {}", table="contacts", nothing="0"),
        "treated_share": events("count(*) filter (where treated) / nullif(count(*), 0)", table="contacts"),

        "f_round": "round(deposit_balance * 1.05, 1)",
        "f_round0": "round(monthly_income::double / 7)",
        "f_floor": "floor(deposit_balance::double / 1000)",
        "f_abs": "abs(600 - credit_score)",
        "f_ceil": "ceil(fund_balance)",
        "f_sqrt": "case when deposit_balance >= 1000 then sqrt((deposit_balance - 1000)::double) end",
        "f_ln": "case when fund_balance > 0 then ln(fund_balance::double) end",
        "f_days": "today() - open_date",
        "f_months": "months_between(open_date, today())",
        "f_until": "loan_maturity - today()",
        "f_until_m": "case when loan_maturity >= today() then months_between(today(), loan_maturity) "
                     "else -months_between(loan_maturity, today()) end",
        "f_year": "year(birth_date)", "f_month": "month(birth_date)", "f_day": "day(birth_date)",
        "f_age": "floor(months_between(birth_date, today()) / 12)::int",
        "f_years": "floor(months_between(open_date, today()) / 12)::int",
        "f_week": "isodow(open_date)",
        "f_quarter": "quarter(open_date)",
        "f_nights": count(f"(hour(e.t) < 6 or hour(e.t) >= 23) and {months(12)}"),
        "f_weekend": count(f"isodow(e.d) >= 6 and {days(90)}", "app"),
        "f_upper": "upper(occupation)",
        "f_text": "left(city, 1) || '-' || right(phone, 2) || '-' || substring(occupation, 2, 3)",
        "f_replace": "replace(occupation, 'er', 'ER')",
        "f_length": "length(occupation)",
        "f_least": "least(deposit_balance, fund_balance, wealth_balance)",
        "f_great": "greatest(fund_balance, wealth_balance)",
        "f_number": "right(phone, 4)::double",
        "f_trim": "city",
        "f_grade": "replace(risk_grade, 'R', '')::double",

        "d_last": events("max(t) {}"),
        "d_first": events("min(d) {}", table="app"),
        "d_end": "(open_date + interval 6 month)::date",
    },
    {
        "fund_share": "fund_balance::double / nullif(assets::double, 0)",
        "idle_days": "today() - last_time::date",
        "no_else": "case when credit_score > 700 then assets when credit_score > 600 then 0 end",
        "above": count("amount::double > c.avg_amount"),
        "above_90d": total("amount", f"amount::double > 2 * c.avg_amount and e.d >= c.open_date and {days(90)}"),
        "rich_spend": count(f"c.assets > 500000 and amount > 100 and {days(90)}"),
        "in_seg": count(f"(c.monthly_income > 20000 or c.in_arrears) and {days(90)}"),
        "trend": "w_ending / nullif(w_months, 0)",
        "d_gap": "d_first - open_date",
    },
    {
        "life": "case when today() - open_date < 90 then 'new' when idle_days <= 30 then 'active' "
                "when idle_days <= 365 then 'dormant' else 'lost' end",
    },
]


def portrait(con):
    con.execute("create or replace table p as select * from customers")
    for stage in STAGES:
        columns, joins = [], []
        for table in sorted({sql.table for sql in stage.values() if isinstance(sql, Events)}):
            mine = {n: e for n, e in stage.items() if isinstance(e, Events) and e.table == table}
            sums = ", ".join(f"{e.sql} as {n}" for n, e in mine.items())
            joins.append(f"left join (select c.customer_id, 1 as has, {sums} from {table} e join p c "
                         f"on e.customer_id = c.customer_id group by c.customer_id) as g_{table} "
                         f"on g_{table}.customer_id = c.customer_id")
            columns += [f"case when g_{table}.has = 1 then g_{table}.{n} else {e.nothing} end as {n}"
                        for n, e in mine.items()]
        columns += [f"{sql} as {n}" for n, sql in stage.items() if isinstance(sql, str)]
        con.execute(f"create or replace table p2 as select c.*, {', '.join(columns)} from p c {' '.join(joins)}")
        con.execute("drop table p")
        con.execute("alter table p2 rename to p")


# ---- the segments: a condition over the portrait, three-valued; members are those for whom it is true ----

S_SUM = "assets >= 1000000"
S_THREE = "monthly_income > 20000 or in_arrears"
S_MATCHES = "regexp_matches(phone, '^12[0-3].*[05]$') and regexp_matches(occupation, 'er$')"


def members_of(condition):
    """A segment's name in another expression: true or not."""
    return f"coalesce(({condition}), false)"


SEGMENTS = {
    "s_sum": S_SUM,
    "s_arith": "weighted >= 50000 or weighted < -900",
    "s_division": "fund_share > 0.2",
    "s_by_zero": "per_child > 3000",
    "s_modulo": "remainder = 3 and customer_id % 2 = 1",
    "s_between": "assets between 100000 and 500000 and not staff",
    "s_not_between": "not (credit_score between 500 and 700)",
    "s_in": "city in ('上海', '北京', '苏州') and occupation not in ('retired', 'student')",
    "s_like": "name like '王%' or phone like '1_0%9'",
    "s_text": "contains(\"branch.branch_name\", '中心') and not starts_with(\"branch.city\", '上') and ends_with(phone, '7')",
    "s_matches": S_MATCHES,
    "s_missing": "monthly_income is null and credit_score is not null",
    "s_three": S_THREE,
    "s_three_not": "not (in_arrears or credit_score < 600)",
    "s_default": "coalesce(monthly_income, 500) >= 20500 and coalesce(risk_grade, 'R1') in ('R1', 'R5')",
    "s_not_equal": "education <> 'bachelor' and married",
    "s_bool_equal": "consent_sms = consent_app and not has_mortgage",
    "s_params": "assets >= 1000000 and city = '上海' and open_date < date '2026-01-01' and n_all >= 3",
    "s_negative": "credit_score > 650",
    "s_life": "life in ('active', 'dormant')",
    "s_nested": "nested >= 2",
    "s_no_else": "no_else < 50000",
    "s_case_in": "in_arrears is null or in_arrears",
    "s_count": "n_travel >= 2",
    "s_count0": "n_all = 0",
    "s_sum_neg": "paid < 0 or paid > 100000",
    "s_avg": "mean >= 500",
    "s_minmax": "smallest < -100 and largest > 500",
    "s_median": "middle between 100 and 300",
    "s_stddev": "spread > 1000",
    "s_first": "first_shop in ('京东商城', '唯品会')",
    "s_last": "last_shop is null and n_all > 0",
    "s_last2": "last_shop >= '中'",
    "s_ties": "last_type = 'wealth' or first_type < 1000",
    "s_distinct": "kinds >= 6 and shop_days >= 2",
    "s_common": "favourite = 'dining' and fav_shop is not null",
    "s_any": "went_abroad",
    "s_not_any": "not went_abroad and n_all > 0",
    "s_share": "app_share >= 0.8",
    "s_untimed": "overdue > 30 or (overdue is null and n_accounts >= 4)",
    "s_owed": "owed < -1000000 or owed = 0",
    "s_limits": "limits is null or limits = 0",
    "s_float": "minutes > 12.55",
    "s_last_missing": "last_minutes is null and n_app > 0",
    "s_filtered_source": "n_big >= 3",
    "s_sum_expr": "double_sum > 5000.5",
    "w_short": "w_hours > w_day and w_weeks >= 1",
    "w_long": "w_months >= 10 or w_quarters >= 10 or w_years > 60",
    "w_written": "w_since > w_since_t or w_before > 30 or w_on >= 1 or w_from >= 40",
    "w_calendar": "w_this_m > w_prev_m and w_this_q >= w_prev_q and w_this_y >= 0",
    "w_week": "w_this_w > w_prev_w",
    "w_trend": "w_ending > 2 * w_ending_m",
    "w_zone": "w_app >= 1 or w_app_m > 10",
    "w_dates": "w_hold >= 2",
    "t_above": "above >= 10 and above_90d > 1000",
    "t_away": "away >= 3",
    "t_rich": "rich_spend >= 5",
    "t_in_seg": "in_seg >= 10",
    "t_early": "early >= 1",
    "t_trend": "trend < 0.25",
    "l_region": "region in ('华东', '华南') and assets > 200000",
    "l_product": "risky >= 1 and yield > 50000",
    "l_list": "couponed",
    "l_list_not": "not couponed and uncouponed >= 2",
    "l_answered": "answered >= 1",
    "l_contacts": "contact_channels >= 2 and treated_share < 0.5",
    "c_and": f"{members_of(S_SUM)} and went_abroad",
    "c_outside": f"{members_of(S_SUM)} and not {members_of(S_THREE)}",
    "c_or": f"{members_of(S_MATCHES)} or (not {members_of(S_SUM)} and went_abroad)",
    "c_entity": "per_child > 3000",
    "c_not": f"{members_of(S_SUM)} and not {members_of(S_THREE)}",
    "f_numbers": "f_round > 0 and f_round0 >= 1000 and f_floor >= 1",
    "f_numbers2": "f_abs <= 30 or f_ceil = 0",
    "f_roots": "f_sqrt < 100 and f_ln > 5",
    "f_ages": "f_age between 25 and 40 and f_months >= 13",
    "f_since": "f_days % 30 = 0 or f_years = 3",
    "f_maturity": "f_until < 400 or f_until_m >= 280",
    "f_parts": "f_month = 2 and f_day >= 28 or f_year = 1990 and f_week = 7 and f_quarter = 4",
    "f_hours": "f_nights >= 5 or f_weekend >= 20",
    "f_texts": "f_upper = 'TEACHER' or f_length <= 5",
    "f_texts2": "ends_with(f_text, 'eac') and f_replace <> 'nurse'",
    "f_extremes": "f_least > 1000 and f_great < 100000",
    "f_missing_extremes": "f_least <= f_great",
    "f_numbered": "f_number % 10 = 7 and f_trim = '上海'",
    "f_graded": "f_grade >= 4",
    "d_plus": "d_end > date '2026-06-30' and (open_date - interval 1 year)::date < date '2025-12-31'",
    "d_gap_big": "d_gap < 300",
    "d_instant": "d_last >= timestamp '2026-03-10 08:00:00' and d_last < timestamp '2026-03-14 08:00:00'",
    "d_same_day": "d_last::date > date '2026-03-13' and d_last::date <= date '2026-03-15'",
    "d_today": "loan_maturity - today() < 500 or open_date = today()",
    "d_hours": "d_last + interval 36 hour > timestamp '2026-03-15 12:00:00'",
    "d_birthday": "month(birth_date) = month(today()) and day(birth_date) <= day(today())",
    "use": S_SUM,
}

# Undecided counts of formulas with segments' names expanded: where Segue's own text has names of segments.
EXPANDED = {
    "c_and": f"({S_SUM}) and went_abroad",
    "c_outside": f"({S_SUM}) and not ({S_THREE})",
    "c_not": f"({S_SUM}) and not ({S_THREE})",
    "c_or": f"({S_MATCHES}) or (not ({S_SUM}) and went_abroad)",
}

TOP = {
    "top_n": "select customer_id from p where assets is not null order by assets desc, customer_id limit 100",
    "top_in": f"select customer_id from p where {S_THREE} order by known_assets desc, customer_id limit 50",
    "top_part": """select customer_id from p qualify row_number() over (order by known_assets desc, customer_id)
                   <= ceil((select count(*) from p) / 100)""",
    "top_within": f"""select customer_id from p where {SEGMENTS['s_between']}
                   qualify row_number() over (partition by city order by known_assets desc, customer_id)
                   <= ceil(count(*) over (partition by city) * 5 / 100)""",
    "top_two": """select customer_id from p where region is not null and gender is not null
                   qualify row_number() over (partition by region, gender order by n_all desc, customer_id) <= 2""",
}
TOP["top_used"] = f"select customer_id from p where went_abroad and customer_id in ({TOP['top_part']})"


# ---- Segue ----

class Fault(Exception):
    pass


class Segue:
    def __init__(self, binary, bank, day):
        self.binary, self.bank, self.day = binary, os.path.abspath(bank), day

    def call(self, *arguments, script, sets=()):
        command = [self.binary, arguments[0], script, *arguments[1:], "--as-of", self.day, "--set", f"bank={self.bank}",
                   "-q", "--color", "never", "--lang", "en"]
        for pair in sets:
            command += ["--set", pair]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
        if done.returncode != 0:
            errors = [line for line in done.stderr.splitlines() if line.startswith("error") or "panicked" in line]
            raise Fault(f"status {done.returncode}: {' | '.join(errors) or done.stderr.strip()[-300:]}")
        return done.stdout

    def members(self, script, segment, sets=()):
        text = self.call("members", segment, "--format", "csv", script=script, sets=sets)
        return list(csv.reader(io.StringIO(text)))

    def ask(self, script, command, sets=()):
        return json.loads(self.call("ask", command, "--format", "json", script=script, sets=sets))


# ---- comparing ----

# Made from columns that the script calls `pii`.
MASKED = {"name", "phone", "f_text", "f_number"}


def same(text, value):
    """Whether the cell of a CSV file is the value of DuckDB."""
    if value is None:
        return text == ""
    if isinstance(value, bool):
        return text.lower() in (("true", "yes") if value else ("false", "no"))
    try:
        if isinstance(value, (int, Decimal)):
            return Decimal(text) == Decimal(value)
        if isinstance(value, float):
            return math.isclose(float(text), value, rel_tol=1e-9, abs_tol=1e-9)
        if isinstance(value, datetime.datetime):
            return datetime.datetime.fromisoformat(text) == value
        if isinstance(value, datetime.date):
            return text == value.isoformat()
    except (ValueError, ArithmeticError):
        return False
    return text == value


class Report:
    def __init__(self, verbose):
        self.verbose, self.passed, self.failed = verbose, 0, 0

    def line(self, name, faults, note):
        ok = not faults
        self.passed, self.failed = self.passed + ok, self.failed + (not ok)
        print(f"{'ok' if ok else 'DIFFERS':8}{name:24}{note}")
        for fault in faults:
            print(f"        {fault}")


def compare_rows(rows, expected, names):
    """Faults and a note for rows of a CSV file against {key: {column: value}}."""
    header, body = rows[0], rows[1:]
    got = {}
    faults = []
    for row in body:
        if row[0] in got:
            faults.append(f"key {row[0]} twice")
        got[row[0]] = row
    missing, extra = expected.keys() - got.keys(), got.keys() - expected.keys()
    for word, keys in (("not found by Segue", missing), ("only found by Segue", extra)):
        if keys:
            faults.append(f"{len(keys)} {word}: {', '.join(sorted(keys)[:5])}")
    if [int(r[0]) for r in body] != sorted(int(r[0]) for r in body):
        faults.append("not in the order of the key")
    compared = [name for name in header[1:] if name in names]
    for name in compared:
        at = header.index(name)
        masked = name in MASKED
        wrong = [(k, got[k][at], expected[k][name]) for k in expected.keys() & got.keys()
                 if not (got[k][at] in ("", "•••") if masked else same(got[k][at], expected[k][name]))]
        if wrong:
            k, theirs, ours = min(wrong)
            faults.append(f"{name}: {len(wrong)} values differ, first at {k}: Segue {theirs!r}, DuckDB {ours!r}")
    return faults, f"{len(body)} members ({len(expected)} expected), {len(compared)} of {len(header) - 1} columns"


def compare_segments(con, segue, script, report):
    description = con.execute("select * from p limit 0").description
    names = [d[0] for d in description]
    quoted = ", ".join(f'"{n}"' for n in names)

    def wanted(where):
        rows = con.execute(f"select {quoted} from p where {where}").fetchall()
        return {str(r[0]): dict(zip(names, r)) for r in rows}

    for name, condition in list(SEGMENTS.items()) + [(n, f"customer_id in ({sql})") for n, sql in TOP.items()]:
        try:
            faults, note = compare_rows(segue.members(script, name), wanted(condition), set(names))
            if name in SEGMENTS:
                formula = EXPANDED.get(name, condition)
                undecided = con.execute(f"select count(*) from p where ({formula}) is null").fetchall()[0][0]
                answer = segue.ask(script, f"count {name}")
                theirs = answer["undecided"]["count"]
                note += f", undecided {theirs}"
                if theirs != undecided:
                    faults.append(f"undecided: Segue {theirs}, DuckDB {undecided}")
                if answer["total"] != 20000 and answer["total"] != con.execute("select count(*) from p").fetchall()[0][0]:
                    faults.append(f"total: Segue {answer['total']}")
        except Fault as fault:
            faults, note = [str(fault)], ""
        report.line(name, faults, note)


def compare_tags(con, segue, script, report):
    """Every tag for every customer, a few at a time."""
    tags = [n for stage in STAGES for n in stage if not n.startswith('"')]
    told = set(re.findall(r"^tag (\w+)", open(script, encoding="utf-8").read(), re.M))
    tags = [t for t in tags if t in told]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "tags.seg")
        with open(path, "w", encoding="utf-8") as out:
            out.write(f'use "{script}"\n')
            out.writelines(f"segment v_{t} where {t} is known or {t} is missing\n" for t in tags)
            for i in range(0, len(tags), 8):
                all_of = " and ".join(f"({t} is known or {t} is missing)" for t in tags[i:i + 8])
                out.write(f"segment v{i} where {all_of}\n")

        def compare(segment, group):
            columns = ", ".join(f'"{n}"' for n in group)
            expected = {str(r[0]): dict(zip(group, r[1:]))
                        for r in con.execute(f"select customer_id, {columns} from p").fetchall()}
            faults, note = compare_rows(segue.members(path, segment), expected, set(group))
            if f" {len(group)} of" not in note:
                faults.append("a tag is not among the columns")
            return faults, note

        for i in range(0, len(tags), 8):
            group = tags[i:i + 8]
            try:
                faults, note = compare(f"v{i}", group)
            except Fault as fault:
                faults, note = [str(fault)], ""
            if not faults:
                report.line("tags " + ", ".join(group) + " ", faults, note)
                continue
            for tag in group:
                try:
                    faults, note = compare(f"v_{tag}", [tag])
                except Fault as fault:
                    faults, note = [str(fault)], ""
                report.line(f"tag {tag}", faults, note)


# ---- the second script: accounts between transactions and customers ----

def compare_accounts(con, segue, script, report):
    con.execute(f"""
        create or replace table q as
          select a.*, c.staff as "customer.staff", c.city as "customer.city",
                 coalesce(moved, 0) as moved, coalesce(abroad, 0) as abroad, coalesce(above, 0) as above,
                 coalesce(away, 0) as away
          from accounts a left join customers c using (customer_id)
          left join (select e.account_id, count(*) filter (where {days(30)}) as moved,
                            count(*) filter (where country <> 'CN') as abroad,
                            count(*) filter (where e.amount > a.balance and {days(90)}) as above,
                            count(*) filter (where e.city <> c.city and {days(90)}) as away
                     from tx e join accounts a on e.account_id = a.account_id
                     left join customers c on c.customer_id = a.customer_id group by 1) using (account_id);
        create or replace table r as
          select c.customer_id, coalesce(moved_by, 0) as moved_by, best, latest_shop from customers c
          left join (select customer_id, max(balance) as best from accounts group by 1) using (customer_id)
          left join (select a.customer_id, count(*) filter (where {days(30)}) as moved_by,
                            arg_max(category, row(e.t, category)) as latest_shop
                     from tx e join accounts a on e.account_id = a.account_id group by 1) using (customer_id);
    """)
    cases = {
        "a_busy": ("q", "moved >= 10 and kind = 'current'"),
        "a_abroad": ("q", "abroad > 0 and balance > 0"),
        "a_rich": ("q", "balance > 1000000"),
        "a_staff": ("q", '"customer.staff"'),
        "a_link": ("q", "\"customer.city\" = '上海' and balance < 0"),
        "a_above": ("q", "above >= 1"),
        "a_city": ("q", "away >= 3"),
        "a_top": ("q", """account_id in (select account_id from q qualify
                   row_number() over (partition by kind order by balance desc, account_id) <= 10)"""),
        "b_busy": ("r", "moved_by >= 15 and best > 10000"),
        "b_last": ("r", "latest_shop = 'dining'"),
    }
    for name, (table, condition) in cases.items():
        rows = con.execute(f"select * from {table} where {condition}").fetchall()
        names = [d[0] for d in con.description]
        expected = {str(r[0]): dict(zip(names, r)) for r in rows}
        try:
            faults, note = compare_rows(segue.members(script, name), expected, set(names))
            undecided = con.execute(f"select count(*) from {table} where ({condition}) is null").fetchall()[0][0]
            theirs = segue.ask(script, f"count {name}")["undecided"]["count"]
            note += f", undecided {theirs}"
            if theirs != undecided:
                faults.append(f"undecided: Segue {theirs}, DuckDB {undecided}")
        except Fault as fault:
            faults, note = [str(fault)], ""
        report.line(name, faults, note)


# ---- the audience of the demo's own script ----

def read_list(con, path):
    """Rows of a list, and its columns; nothing where no reader is installed."""
    if path.endswith(".parquet"):
        rows = con.execute(f"select * from read_parquet('{path}')").fetchall()
    elif path.endswith(".csv"):
        rows = con.execute(f"select * from read_csv('{path}', header = true, types = {{'assets': 'decimal(20,2)'}})").fetchall()
    elif path.endswith(".ndjson"):
        rows = con.execute(f"select * from read_json('{path}', format = 'newline_delimited')").fetchall()
    else:
        try:
            import pyarrow
        except ImportError:
            return None, None
        with pyarrow.OSFile(path) as file:
            table = pyarrow.ipc.open_file(file).read_all()
        return [tuple(r.values()) for r in table.to_pylist()], table.column_names
    return rows, [d[0] for d in con.description]


def waterfall(con, limit):
    """What is left after each step, in order."""
    steps = [("assets >= 1000000", True), ("n > 5", True), ("consent_sms", True), ("staff", False), ("in_arrears", False)]
    con.execute(f"""create or replace table w as select customer_id, assets, coalesce(n, 0) as n, consent_sms, staff, in_arrears
        from p left join (select customer_id, count(*) as n from tx e where {days(90)} group by 1) using (customer_id)""")
    where, out = "true", []
    left = con.execute("select count(*) from w").fetchall()[0][0]
    out.append((left, 0, 0))
    for condition, keep in steps:
        undecided = con.execute(f"select count(*) from w where {where} and ({condition}) is null").fetchall()[0][0]
        where += f" and {condition}" if keep else f" and ({condition}) is not true"
        now = con.execute(f"select count(*) from w where {where}").fetchall()[0][0]
        out.append((now, left - now, undecided))
        left = now
    rows = con.execute(f"select customer_id, assets, n from w where {where} order by assets desc, customer_id limit {limit}").fetchall()
    out.append((len(rows), left - len(rows), 0))
    return rows, out


def compare_audience(con, segue, report):
    original = open(os.path.join(HERE, "..", "..", "examples", "retail", "retail.seg"), encoding="utf-8").read()
    held_before = None
    for ending, limit in [("parquet", 20_000), ("csv", 20_000), ("ndjson", 20_000), ("arrow", 20_000), ("csv", 100)]:
        text = original.replace('"data/', f'"{segue.bank}/data/').replace("spring_wealth.parquet", f"spring_wealth.{ending}")
        text = text.replace("20_000", str(limit))
        with tempfile.TemporaryDirectory() as folder:
            script = os.path.join(folder, "retail.seg")
            with open(script, "w", encoding="utf-8") as out:
                out.write(text)
            expected, steps = waterfall(con, limit)
            faults, note = [], ""
            done = subprocess.run([segue.binary, "run", script, "--as-of", segue.day, "-q"], capture_output=True, text=True)
            stem = os.path.join(folder, "out", segue.day, "spring_wealth")
            if done.returncode != 0:
                faults.append(f"status {done.returncode}: {done.stderr[-300:]}")
            else:
                rows, names = read_list(con, f"{stem}.{ending}")
                held, _ = read_list(con, f"{stem}.held_out.{ending}")
                manifest = json.load(open(f"{stem}.{ending}.manifest.json", encoding="utf-8"))
                told = [(s["remaining"], s["lost"], s["undecided"]) for s in manifest["waterfall"]]
                if told[:7] != steps:
                    faults.append(f"waterfall: Segue {told[:7]}, DuckDB {steps}")
                if rows is None:
                    note = "no reader for arrow is installed"
                else:
                    if names[:3] != ["customer_id", "assets", "tx_90d"]:
                        faults.append(f"columns: {names}")
                    if [c["name"] for c in manifest["columns"]] != names:
                        faults.append(f"the manifest's columns {[c['name'] for c in manifest['columns']]}, the file's {names}")
                    value = lambda r: (r[0], Decimal(str(r[1])), r[2])
                    rows, held = [value(r) for r in rows], [value(r) for r in held]
                    both = sorted(rows + held, key=lambda r: (-r[1], r[0]))
                    if both != [value(r) for r in expected]:
                        faults.append(f"rows: {len(rows)} + {len(held)} held out, {len(expected)} expected")
                    for what, part in (("list", rows), ("held out", held)):
                        if part != sorted(part, key=lambda r: (-r[1], r[0])):
                            faults.append(f"the {what} is not in the order of `limit`")
                    if told[7] != (len(rows), len(held), 0) or manifest["rows"] != len(rows):
                        faults.append(f"control: waterfall {told[7]}, files {len(rows)} and {len(held)}")
                    keys = {r[0] for r in held}
                    if held_before is not None and limit == 20_000 and keys != held_before:
                        faults.append("other customers held out than in the format before")
                    if held_before is not None and not keys <= held_before:
                        faults.append("a smaller list holds out others")
                    held_before = held_before or keys
                    note = f"{len(rows)} rows, {len(held)} held out"
            report.line(f"audience {ending} limit {limit}", faults, " " + note)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--segue", required=True)
    parser.add_argument("--bank", required=True)
    parser.add_argument("--as-of", action="append")
    parser.add_argument("--only", choices=["segments", "tags", "accounts", "audience"], action="append")
    parser.add_argument("-v", action="store_true", help="times")
    options = parser.parse_args()
    report = Report(options.v)
    script = os.path.join(HERE, "segments.seg")
    con = duckdb.connect()
    load(con, options.bank)
    for day in options.as_of or ["2026-10-31", "2026-05-31", "2026-03-15"]:
        print(f"as of {day}")
        started = time.time()
        as_of(con, day)
        portrait(con)
        if options.v:
            print(f"DuckDB's portrait: {time.time() - started:.1f} s")
        segue = Segue(options.segue, options.bank, day)
        only = options.only or ["segments", "tags", "accounts", "audience"]
        if "segments" in only:
            compare_segments(con, segue, script, report)
        if "tags" in only:
            compare_tags(con, segue, script, report)
        if "accounts" in only:
            compare_accounts(con, segue, os.path.join(HERE, "accounts.seg"), report)
        if "audience" in only:
            compare_audience(con, segue, report)
    print(f"{report.passed} passed, {report.failed} failed")
    sys.exit(1 if report.failed else 0)


if __name__ == "__main__":
    main()
