#!/usr/bin/env python3
"""Works out with DuckDB how many customers the segments of the examples have, and compares them with Segue's counts.

    python3 tests/compare/examples.py --segue PATH --bank DIR

DIR is a demo bank as of 2026-10-31; the insurer's and the companies' tables are those in `examples/`. The SQL below is
written by hand from what the scripts' titles and pages say. Exit status 1 on a difference.
"""
import argparse
import json
import os
import subprocess
import sys

try:
    import duckdb
except ImportError:
    print("skipped: duckdb is not installed (pip install duckdb)")
    sys.exit(0)

EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples")
DAY = "2026-10-31"
TODAY = f"date '{DAY}'"

# One row per customer with what the segments below need.
BANK = f"""
create view c as select *, deposit_balance + fund_balance + wealth_balance as assets,
  year({TODAY}) - year(birth_date) - (strftime({TODAY}, '%m%d') < strftime(birth_date, '%m%d'))::int as years
  from '{{data}}/customers.parquet';
create view tx as select *, txn_time::date as d from '{{data}}/transactions/*.parquet';
create view held as select * from '{{data}}/holdings.parquet';
create table t as select customer_id,
  count(*) filter (d > {TODAY} - 90) as tx_90d,
  count(*) filter (d > {TODAY} - interval 3 month) as tx_3m,
  count(*) filter (d > {TODAY} - interval 3 month and category = 'wealth') as wealth_paid,
  count(*) filter (d > {TODAY} - interval 1 year and category = 'travel')::double
    / nullif(count(*) filter (d > {TODAY} - interval 1 year), 0) as travel,
  {TODAY} - max(d) as idle,
  max(amount) filter (d > {TODAY} - 7 and category in ('transfer', 'fund', 'wealth')) as moved,
  count(*) filter (d > {TODAY} - 60 and amount >= 5000 and category <> 'salary') as large,
  count(*) filter (d > {TODAY} - interval 1 year and country <> 'CN') as abroad
  from tx group by 1;
create table h as select customer_id, count(distinct product_type) as kinds,
  bool_or(product_type = 'credit card') as card, bool_or(product_type = 'insurance') as insured,
  count(*) filter (product_type = 'wealth' and since > {TODAY} - interval 3 month) as wealth_booked,
  min(matures) filter (product_type in ('deposit', 'wealth')) as ends,
  min(matures) filter (product_type = 'insurance') as cover,
  sum(amount) filter (product_type in ('deposit', 'wealth') and matures - {TODAY} between 0 and 30) as free
  from held group by 1;
create table o as select customer_id, max(overdue_days) as days from '{{data}}/accounts.parquet' group by 1;
create table r as select referrer_id as customer_id, count(*) as brought,
  count(*) filter (open_date > {TODAY} - interval 1 year) as lately
  from c where referrer_id is not null group by 1;
create table a as select customer_id,
  count(distinct (event_time at time zone 'Asia/Shanghai')::date)
    filter ((event_time at time zone 'Asia/Shanghai')::date > {TODAY} - 30) as days
  from '{{data}}/app_events/*.parquet' group by 1;
create table steps as select customer_id, event, event_time at time zone 'Asia/Shanghai' as t,
  (event_time at time zone 'Asia/Shanghai')::date as d from '{{data}}/app_events/*.parquet';
-- A quarter ago: the last payment up to that day.
create table before as select customer_id, {TODAY} - 90 - max(d) filter (d <= {TODAY} - 90) as idle_then,
  coalesce(sum(amount) filter (category = 'travel' and d > {TODAY} - interval 3 month), 0) as travel_now,
  coalesce(sum(amount) filter (category = 'travel' and d > {TODAY} - interval 6 month
    and d <= {TODAY} - interval 3 month), 0) as travel_before
  from tx group by 1;
create table around as select customer_id, count(*) as looks from steps join h using (customer_id)
  where event in ('view_fund', 'view_wealth') and d >= h.ends - 30 group by 1;
create table looked as select s.customer_id, arg_min(u.d, row(s.t, l.t, u.t)) as last_look
  from steps s join steps l using (customer_id) join steps u using (customer_id)
  where s.event = 'view_fund' and s.d > {TODAY} - 90 and l.event = 'login' and l.t > s.t and l.d <= s.d + 7
  and u.event = 'view_fund' and u.t > l.t and u.t <= l.t + interval 1 hour
  and not exists (select 1 from tx where tx.customer_id = s.customer_id and category = 'fund' and txn_time > u.t and tx.d <= u.d + 7)
  group by 1;
create table granted as select customer_id, max(applied_at)::date as day from '{{data}}/applications.parquet'
  where status = 'approved' group by 1;
create table used as select customer_id, sum(amount) as spent from tx join granted using (customer_id)
  where tx.d between granted.day and granted.day + 30 and category not in ('salary', 'transfer') group by 1;
create table loans as select distinct customer_id from '{{data}}/applications.parquet'
  where product = 'consumer loan' and status in ('approved', 'open') and applied_at::date > {TODAY} - interval 1 year;
create table p as select c.*, coalesce(t.tx_90d, 0) as tx_90d, coalesce(t.tx_3m, 0) as tx_3m, t.travel, t.idle,
  coalesce(t.idle, {TODAY} - open_date) as quiet, {TODAY} - open_date as with_us,
  coalesce(t.wealth_paid, 0) + coalesce(h.wealth_booked, 0) as wealth_bought, coalesce(t.moved, 0) as moved,
  coalesce(t.large, 0) as large, coalesce(t.abroad, 0) as abroad, coalesce(h.kinds, 0) as kinds,
  coalesce(h.card, false) as card, coalesce(h.insured, false) as insured, h.ends, h.cover, coalesce(h.free, 0) as free,
  coalesce(o.days, 0) as overdue_days, coalesce(r.brought, 0) as brought, coalesce(r.lately, 0) as lately,
  {TODAY} - 90 - open_date as with_us_then, coalesce(before.idle_then, {TODAY} - 90 - open_date) as quiet_then,
  travel_now, travel_before, coalesce(around.looks, 0) as looks, {TODAY} - looked.last_look as looked_ago,
  {TODAY} - granted.day as granted_ago, coalesce(used.spent, 0) as spent_after,
  coalesce(a.days, 0) as app_days, loans.customer_id is not null as asked,
  case when occupation = 'student' then 'student' when {TODAY} - graduation between 0 and 730 then 'first job' end as career,
  c.assets < 600000 as mass, coalesce(occupation = 'self-employed', false) as owner
  from c left join t using (customer_id) left join h using (customer_id) left join o using (customer_id)
  left join r using (customer_id) left join a using (customer_id) left join loans using (customer_id)
  left join before using (customer_id) left join around using (customer_id) left join looked using (customer_id)
  left join granted using (customer_id) left join used using (customer_id);
"""

# Fifths among the holders of a contract: of n, the n % 5 that are over go into the first ones, and equals are where the
# first of them is.
FIFTH = "(case when below < n % 5 * (n // 5 + 1) then below // (n // 5 + 1) else (below - n % 5) // (n // 5) end + 1)"

INSURER = f"""
create view s as select * from read_csv('{{data}}/policies.csv');
create table o as select holder_id, {TODAY} - max(started) as recency,
  count(*) filter (status = 'in force') as frequency,
  coalesce(sum(annual_premium::decimal(12, 2)) filter (status = 'in force'), 0) as monetary
  from read_csv('{{data}}/holders.csv') left join s using (holder_id) group by 1;
create view q as select *, count(*) over () as n, rank() over (order by recency desc) - 1 as by_r,
  rank() over (order by frequency) - 1 as by_f, rank() over (order by monetary) - 1 as by_m from o where frequency >= 1;
create table p as select holder_id, {FIFTH.replace("below", "by_r")} as r, {FIFTH.replace("below", "by_f")} as f,
  {FIFTH.replace("below", "by_m")} as m from q;
"""

COMPANIES = f"""
create view k as select * from read_csv('{{data}}/companies.csv');
create table tr as select company_id, count(*) filter (phase in ('phase 2', 'phase 3', 'approved')) as late,
  count(*) filter (started > {TODAY} - interval 2 year) as fresh from read_csv('{{data}}/trials.csv') group by 1;
create table ro as select company_id, coalesce(sum(amount_m) filter (closed > {TODAY} - interval 3 year), 0) as raised,
  {TODAY} - max(closed) as last_round from read_csv('{{data}}/rounds.csv') group by 1;
create table q as select k.*, field = 'innovative drugs' as drugs, last_round,
  case when research_m / revenue_m >= 0.5 then 20 when research_m / revenue_m >= 0.25 then 10 else 0 end
  + case when coalesce(late, 0) >= 2 then 25 when coalesce(late, 0) = 1 then 15 else 0 end
  + case when coalesce(fresh, 0) >= 1 then 10 else 0 end
  + case when coalesce(raised, 0) >= 300 then 25 when coalesce(raised, 0) >= 100 then 15 else 0 end
  + case when last_round <= 365 then 10 else 0 end
  + case when deposits_m >= 100 then 10 when deposits_m >= 30 then 5 else 0 end as points
  from k left join tr using (company_id) left join ro using (company_id);
create table p as select *, row_number() over (partition by drugs order by points desc, company_id) as place from q;
"""

MOVING = "(r >= 3 or f >= 4)"

EXPECTED = {
    "portrait/portrait": (BANK, {
        "young": "years between 18 and 25", "affluent": "assets >= 300000", "lively": "tx_90d >= 12",
        "overdue": "overdue_days > 0 or in_arrears", "connected": "brought >= 3",
    }),
    "scenarios/scenarios": (BANK, {
        "new_card": "years between 18 and 25 and career in ('student', 'first job') and not card",
        "high_net_worth": "assets >= 1000000 and tx_90d >= 6",
        "credit_warning": "credit_score < 580 and overdue_days > 0",
        "cross_sell": "kinds >= 3 and tx_90d >= 12 and not insured",
    }),
    "wealth/wealth": (BANK, {
        "traveller": "travel >= 0.1", "suited": "risk_grade in ('R3', 'R4', 'R5')",
        "on_the_road": "travel_before <> 0 and travel_now >= 1.5 * travel_before",
        "wealth_target": "assets >= 300000 and tx_3m >= 6 and wealth_bought = 0 and travel >= 0.1",
    }),
    "citybank/tree": (BANK, {
        "private_clients": "assets >= 6000000", "wealth_clients": "assets >= 600000 and assets < 6000000", "mass": "mass",
        "owners": "mass and owner", "starters": "mass and years < 30 and not owner",
        "seniors": "mass and years >= 60 and not owner",
        "families": "mass and years between 30 and 59 and children > 0 and not owner",
        "workers": "mass and years between 30 and 59 and not coalesce(children > 0, false) and not owner",
    }),
    "lifecycle/lifecycle": (BANK, {
        "new_customers": "with_us < 90", "active": "with_us >= 90 and quiet <= 90",
        "dormant": "with_us >= 90 and quiet between 91 and 365", "lost": "with_us >= 90 and quiet > 365",
        "loan_ends": f"loan_maturity - {TODAY} between 0 and 30",
        "money_free": f"ends - {TODAY} between 0 and 30 and free >= 50000",
        "cover_renewal": f"insured and cover - {TODAY} between 0 and 30",
        "falling_asleep": "with_us >= 90 and quiet between 91 and 365 and with_us_then >= 90 and quiet_then <= 90",
        "looking_around": f"ends - {TODAY} between 0 and 30 and free >= 50000 and looks >= 2",
        "large_move": "moved >= 20000 and moved >= assets * 0.1",
    }),
    "signals/signals": (BANK, {
        "silent_rich": "deposit_balance >= 200000 and quiet > 90", "in_motion": "large >= 1 and app_days >= 2",
        "fresh_traveller": "career = 'first job' and abroad >= 1 and asked",
        "hesitant": "looked_ago > 7",
        "loan_at_work": "granted_ago <= 365 and spent_after >= 5000",
        "advocate": "lately >= 1 or brought >= 3", "relay": "referrer_id is not null and brought >= 1",
    }),
    "insurer/insurer": (INSURER, {
        "holder": "true", "pays_much": "m >= 4", "on_the_move": MOVING, "high_value": f"m >= 4 and {MOVING}",
        "to_keep": f"m >= 4 and not {MOVING}", "to_cultivate": f"m < 4 and {MOVING}", "to_develop": f"m < 4 and not {MOVING}",
    }),
    "companies/companies": (COMPANIES, {
        "innovators": "drugs", "rating_a": "drugs and points >= 60", "rating_b": "drugs and points between 40 and 59",
        "fresh_money": "drugs and last_round <= 365 and credit_line_m = 0",
        "mine": "drugs and manager = 'AM03' and points >= 20", "on_top": "drugs and place <= 20",
    }),
}


def segue_count(segue, script, segment):
    done = subprocess.run([segue, "ask", script, f"count {segment}", "--as-of", DAY, "--format", "json"],
                          capture_output=True, text=True)
    if done.returncode != 0:
        return done.stderr.strip()
    answer = json.loads(done.stdout)
    return (answer[0] if isinstance(answer, list) else answer)["members"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--segue", required=True)
    parser.add_argument("--bank", required=True)
    options = parser.parse_args()
    prepared = {}
    passed, failed = 0, 0
    for script, (tables, segments) in EXPECTED.items():
        own = os.path.join(EXAMPLES, script.split("/")[0])
        data = os.path.join(own if tables is not BANK else options.bank, "data")
        path = os.path.join(EXAMPLES if tables is not BANK else options.bank, f"{script}.seg")
        if tables not in prepared:
            prepared[tables] = duckdb.connect()
            prepared[tables].execute(tables.replace("{data}", data))
        for segment, condition in segments.items():
            theirs = prepared[tables].execute(f"select count(*) from p where {condition}").fetchone()[0]
            ours = segue_count(options.segue, path, segment)
            passed, failed = passed + (ours == theirs), failed + (ours != theirs)
            print(f"{'ok  ' if ours == theirs else 'FAIL'} {script} {segment}: Segue {ours}, DuckDB {theirs}")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
