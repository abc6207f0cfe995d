"""The questions, once in Segue's language and once in each peer's best shape that we know.

An answer is a list of how many customers are in each segment. As of 2026-10-31 in Shanghai: the last N days end before
midnight of 1 November; transactions hold local times, app events instants in UTC.
"""
import datetime
import importlib.util
import random

AS_OF = "2026-10-31"
END = datetime.datetime(2026, 11, 1)
TITLES = {"duckdb": "DuckDB", "polars": "Polars"}

SOURCES = '''timezone "Asia/Shanghai"
source customers from "data/customers.parquet" key customer_id
source transactions from "data/transactions/*.parquet" of customers by customer_id at txn_time
source app from "data/app_events/*.parquet" of customers by customer_id at event_time
tag assets = deposit_balance + fund_balance + wealth_balance
'''


def local(days):
    """The first moment of the last so many days, on the wall clock."""
    return END - datetime.timedelta(days=days)


def utc(days):
    return local(days) - datetime.timedelta(hours=8)


# ---- W4: thirty tags, a hundred segments over them
CATEGORIES = ["travel", "groceries", "dining", "transfer", "salary"]


def tags():
    """name, Segue's formula, then source, function, column, days, condition."""
    found = []
    for days in (7, 30, 90, 180, 365):
        found.append((f"n{days}", f"count(transactions in last {days} days)", ("t", "count", None, days, None)))
        found.append((f"s{days}", f"sum(transactions.amount in last {days} days)", ("t", "sum", "amount", days, None)))
    for c in CATEGORIES:
        where = ("category", c)
        found.append((f"c_{c}", f'sum(transactions.amount in last 90 days where category = "{c}")', ("t", "sum", "amount", 90, where)))
        found.append((f"k_{c}", f'count(transactions in last 365 days where category = "{c}")', ("t", "count", None, 365, where)))
    found += [
        ("big", "max(transactions.amount in last 365 days)", ("t", "max", "amount", 365, None)),
        ("small", "min(transactions.amount in last 365 days)", ("t", "min", "amount", 365, None)),
        ("half_year", "sum(transactions.amount in last 180 days where category = \"online\")", ("t", "sum", "amount", 180, ("category", "online"))),
        ("kinds", "distinct(transactions.category in last 365 days)", ("t", "distinct", "category", 365, None)),
        ("biggest", "max(transactions.amount in last 30 days)", ("t", "max", "amount", 30, None)),
        ("l30", 'count(app in last 30 days where event = "login")', ("a", "count", None, 30, ("event", "login"))),
        ("l90", 'count(app in last 90 days where event = "login")', ("a", "count", None, 90, ("event", "login"))),
        ("v90", 'count(app in last 90 days where event = "view_fund")', ("a", "count", None, 90, ("event", "view_fund"))),
        ("a365", "count(app in last 365 days)", ("a", "count", None, 365, None)),
        ("a30", "count(app in last 30 days)", ("a", "count", None, 30, None)),
    ]
    assert len(found) == 30
    return found


def level(name):
    fixed = {
        "n7": 1, "n30": 3, "n90": 8, "n180": 15, "n365": 25, "s7": 100, "s30": 500, "s90": 2000, "s180": 5000,
        "s365": 10000, "big": 2000, "small": 5, "half_year": 300, "kinds": 5, "biggest": 800, "l30": 1, "l90": 3,
        "v90": 1, "a365": 8, "a30": 2,
    }
    return fixed.get(name, 100 if name.startswith("c_") else 2)


def segments():
    """name, (a, b, c), least assets: `a > … and (b <= … or c >= …) and assets >= …`"""
    draw = random.Random(4)
    names = [name for name, _, _ in tags()]
    return [(f"g{i:02}", draw.sample(names, 3), 1000 * (i % 20)) for i in range(100)]


def w4():
    text = SOURCES + "".join(f"tag {name} = {formula}\n" for name, formula, _ in tags())
    for name, (a, b, c), least in segments():
        text += f"segment {name} where {a} > {level(a)} and ({b} <= {level(b)} or {c} >= {level(c)}) and assets >= {least}\n"
    return text


SCRIPTS = {
    "W1": SOURCES + 'segment s where assets >= 1_000_000 and not in_arrears and credit_score >= 650\n',
    "W2": SOURCES + "tag tx_90d = count(transactions in last 90 days)\nsegment s where assets >= 1_000_000 and tx_90d > 5\n",
    "W3": SOURCES
    + '''tag tx_90d = count(transactions in last 90 days)
tag spend_90d = sum(transactions.amount in last 90 days)
tag spend_365d = sum(transactions.amount in last 365 days)
tag travel_90d = sum(transactions.amount in last 90 days where category = "travel")
tag largest = max(transactions.amount in last 180 days)
tag mean = avg(transactions.amount in last 180 days)
tag last_time = last(transactions.txn_time)
tag kinds = distinct(transactions.category in last 365 days)
tag logins_30d = count(app in last 30 days where event = "login")
tag fund_views = count(app in last 90 days where event = "view_fund")
segment s where assets >= 300_000 and tx_90d > 5 and spend_90d > 1_000 and spend_365d > 10_000
    and travel_90d >= 0 and largest > 500 and mean > 50.5 and last_time >= 2026-09-03 and kinds >= 4
    and (logins_30d > 0 or fund_views > 0)
''',
    "W4": w4(),
    "W5": SOURCES
    + "rfm value from transactions recency txn_time frequency in last 365 days monetary amount in last 365 days bins 5\n"
    + "segment s where value.score >= 13\n",
    "W6": SOURCES + "segment s = top 1% by assets within city\n",
}
WHAT = {
    "W1": "a filter on customers",
    "W2": "balances and one windowed count",
    "W3": "ten tags of two sources, one segment",
    "W4": "100 segments over 30 tags",
    "W5": "quintiles of recency, frequency and money",
    "W6": "the top 1 % within each city",
}
BALANCES = ["customer_id", "deposit_balance", "fund_balance", "wealth_balance"]
READS = {
    "W1": [("data/customers.parquet", [*BALANCES, "in_arrears", "credit_score"])],
    "W2": [("data/customers.parquet", BALANCES), ("data/transactions/2026-[01][089]*.parquet", ["customer_id", "txn_time"])],
    "W3": [
        ("data/customers.parquet", BALANCES),
        ("data/transactions/*.parquet", ["customer_id", "txn_time", "amount", "category"]),
        ("data/app_events/2026-[01][089]*.parquet", ["customer_id", "event_time", "event"]),
    ],
    "W4": [
        ("data/customers.parquet", BALANCES),
        ("data/transactions/*.parquet", ["customer_id", "txn_time", "amount", "category"]),
        ("data/app_events/*.parquet", ["customer_id", "event_time", "event"]),
    ],
    "W5": [
        ("data/customers.parquet", ["customer_id"]),
        ("data/transactions/*.parquet", ["customer_id", "txn_time", "amount"]),
    ],
    "W6": [("data/customers.parquet", [*BALANCES, "city"])],
}


def is_installed(peer):
    return importlib.util.find_spec(peer) is not None


# ---- DuckDB: events are joined to the customers who can still qualify, small sets are counted as bits
def duckdb(bank, threads):
    import duckdb as engine

    connection = engine.connect(config={"threads": threads})
    customers = f"read_parquet('{bank}/data/customers.parquet')"
    transactions = f"read_parquet('{bank}/data/transactions/*.parquet')"
    events = f"read_parquet('{bank}/data/app_events/*.parquet')"
    assets = "deposit_balance + fund_balance + wealth_balance"

    def t(days):
        return f"txn_time >= TIMESTAMP '{local(days)}'"

    def a(days):
        return f"event_time >= TIMESTAMPTZ '{utc(days)}+00'"

    before_t, before_a = f"txn_time < TIMESTAMP '{END}'", f"event_time < TIMESTAMPTZ '{utc(0)}+00'"
    categories = "['" + "','".join(all_categories(bank)) + "']"
    bits = f"bit_count(bit_or((1 << list_position({categories}, category))::BIGINT)"

    def w4_column(name, source, function, column, days, where):
        time = t(days) if source == "t" else a(days)
        condition = f"{time} AND {where[0]} = '{where[1]}'" if where else time
        call = {"count": "count(*)", "sum": f"sum({column})", "max": f"max({column})", "min": f"min({column})"}.get(function)
        if function == "distinct":
            return f"coalesce({bits} FILTER (WHERE {condition})), 0) AS {name}"
        return f"{call} FILTER (WHERE {condition}) AS {name}"

    def run(workload):
        if workload == "W1":
            query = f"SELECT count(*) FROM {customers} WHERE {assets} >= 1000000 AND NOT in_arrears AND credit_score >= 650"
        elif workload == "W2":
            query = f"""SELECT count(*) FROM (SELECT customer_id FROM {transactions} WHERE {t(90)} AND {before_t}
                AND customer_id IN (SELECT customer_id FROM {customers} WHERE {assets} >= 1000000)
                GROUP BY 1 HAVING count(*) > 5)"""
        elif workload == "W3":
            query = f"""WITH c AS MATERIALIZED (SELECT customer_id FROM {customers} WHERE {assets} >= 300000),
                t AS (SELECT customer_id, count(*) FILTER ({t(90)}) n, sum(amount) FILTER ({t(90)}) s90,
                    sum(amount) FILTER ({t(365)}) s365, sum(amount) FILTER ({t(90)} AND category = 'travel') tr,
                    max(amount) FILTER ({t(180)}) mx, avg(amount) FILTER ({t(180)}) av, max(txn_time) la,
                    {bits} FILTER ({t(365)})) k
                    FROM {transactions} WHERE {before_t} AND customer_id IN (FROM c) GROUP BY 1),
                a AS (SELECT customer_id, count(*) FILTER ({a(30)} AND event = 'login') l, count(*) FILTER (event = 'view_fund') v
                    FROM {events} WHERE {a(90)} AND {before_a} AND customer_id IN (FROM c) GROUP BY 1)
                SELECT count(*) FROM t JOIN a USING (customer_id) WHERE n > 5 AND s90 > 1000 AND s365 > 10000
                AND coalesce(tr, 0) >= 0 AND mx > 500 AND av > 50.5 AND la >= TIMESTAMP '2026-09-03' AND k >= 4
                AND (l > 0 OR v > 0)"""
        elif workload == "W5":
            def fifth(value):
                return f"ntile(5) OVER (ORDER BY {value}, customer_id)"

            query = f"""SELECT count(*) FROM (SELECT {fifth("last")} + {fifth("often")} + {fifth("money")} score
                FROM (SELECT customer_id, max(txn_time)::DATE last, count(*) FILTER ({t(365)}) often,
                    coalesce(sum(amount) FILTER ({t(365)}), 0) money FROM {transactions} WHERE {before_t} GROUP BY 1)
                WHERE customer_id IN (SELECT customer_id FROM {customers})) WHERE score >= 13"""
        elif workload == "W6":
            query = f"""SELECT count(*) FROM (SELECT row_number() OVER (PARTITION BY city ORDER BY assets DESC, customer_id) r,
                count(*) OVER (PARTITION BY city) n FROM (SELECT customer_id, city, {assets} assets FROM {customers})
                WHERE assets IS NOT NULL AND city IS NOT NULL) WHERE r <= ceil(n / 100.0)"""
        else:
            def columns(which):
                return ", ".join(w4_column(name, *spec) for name, _, spec in tags() if spec[0] == which)

            # What is not there is 0, but for the largest and the smallest.
            def value(name, function):
                return name if function in ("max", "min") else f"coalesce({name}, 0)"

            known = {name: value(name, spec[1]) for name, _, spec in tags()}
            counts = ", ".join(
                f"count(*) FILTER ({known[x]} > {level(x)} AND ({known[y]} <= {level(y)} OR {known[z]} >= {level(z)}) AND assets >= {least})"
                for _, (x, y, z), least in segments()
            )
            query = f"""SELECT {counts} FROM (SELECT customer_id, {assets} assets FROM {customers})
                LEFT JOIN (SELECT customer_id, {columns("t")} FROM {transactions} WHERE {t(365)} AND {before_t} GROUP BY 1) USING (customer_id)
                LEFT JOIN (SELECT customer_id, {columns("a")} FROM {events} WHERE {a(365)} AND {before_a} GROUP BY 1) USING (customer_id)"""
        return list(connection.execute(query).fetchone())

    return run


def all_categories(bank):
    """The categories of the demo bank, as a person who writes the query would know them."""
    import duckdb as engine

    query = f"SELECT DISTINCT category FROM read_parquet('{bank}/data/transactions/2026-10.parquet') WHERE category IS NOT NULL ORDER BY 1"
    return [name for (name,) in engine.connect().execute(query).fetchall()]


# ---- Polars: lazy, streaming
def polars(bank, threads):
    import os

    os.environ["POLARS_MAX_THREADS"] = str(threads)
    import polars as pl

    def scan(name):
        return pl.scan_parquet(f"{bank}/data/{name}")

    assets = (pl.col("deposit_balance") + pl.col("fund_balance") + pl.col("wealth_balance")).alias("assets")
    txn, event = pl.col("txn_time"), pl.col("event_time")
    zone = datetime.timezone.utc
    before_t, before_a = txn < END, event < utc(0).replace(tzinfo=zone)

    def t(days):
        return txn >= local(days)

    def a(days):
        return event >= utc(days).replace(tzinfo=zone)

    def run(workload):
        customers = scan("customers.parquet").select("customer_id", assets, "city", "in_arrears", "credit_score")
        if workload == "W1":
            found = customers.filter((pl.col("assets") >= 1_000_000) & ~pl.col("in_arrears") & (pl.col("credit_score") >= 650))
            found = found.select(pl.len())
        elif workload == "W2":
            rich = customers.filter(pl.col("assets") >= 1_000_000).select("customer_id")
            found = scan("transactions/*.parquet").filter(t(90) & before_t).select("customer_id")
            found = found.join(rich, on="customer_id", how="semi").group_by("customer_id").len().filter(pl.col("len") > 5)
            found = found.select(pl.len())
        elif workload == "W3":
            rich = customers.filter(pl.col("assets") >= 300_000).select("customer_id")
            amount = pl.col("amount")
            transactions = (
                scan("transactions/*.parquet").filter(before_t).select("customer_id", "txn_time", "amount", "category")
                .join(rich, on="customer_id", how="semi").group_by("customer_id").agg(
                    t(90).sum().alias("n"), amount.filter(t(90)).sum().alias("s90"), amount.filter(t(365)).sum().alias("s365"),
                    amount.filter(t(90) & (pl.col("category") == "travel")).sum().alias("tr"),
                    amount.filter(t(180)).max().alias("mx"), amount.filter(t(180)).mean().alias("av"), txn.max().alias("la"),
                    pl.col("category").filter(t(365)).drop_nulls().n_unique().alias("k")))
            events = (
                scan("app_events/*.parquet").filter(a(90) & before_a).select("customer_id", "event_time", "event")
                .join(rich, on="customer_id", how="semi").group_by("customer_id").agg(
                    (a(30) & (pl.col("event") == "login")).sum().alias("l"), (pl.col("event") == "view_fund").sum().alias("v")))
            c = pl.col
            found = transactions.join(events, on="customer_id").filter(
                (c("n") > 5) & (c("s90") > 1000) & (c("s365") > 10000) & (c("tr") >= 0) & (c("mx") > 500) & (c("av") > 50.5)
                & (c("la") >= datetime.datetime(2026, 9, 3)) & (c("k") >= 4) & ((c("l") > 0) | (c("v") > 0))).select(pl.len())
        elif workload == "W5":
            # Conditions as columns: sums of them stream, filters within an aggregate do not.
            year = pl.when(t(365))
            each = (
                scan("transactions/*.parquet").filter(before_t)
                .select("customer_id", "txn_time", year.then(pl.col("amount")).otherwise(0).alias("money"), t(365).cast(pl.UInt32).alias("often"))
                .group_by("customer_id").agg(txn.max().dt.date().alias("last"), pl.col("often").sum(), pl.col("money").sum())
                .join(customers.select("customer_id"), on="customer_id", how="semi"))

            def fifth(name):
                # From 0; the first ones are one larger where there is a rest. Of equal values the first in order comes first.
                before, size = pl.col(name).rank("ordinal").cast(pl.Int64) - 1, pl.len().cast(pl.Int64)
                small, larger = size // 5, size % 5
                in_larger = larger * (small + 1)
                return pl.when(before < in_larger).then(before // (small + 1)).otherwise((before - in_larger) // small + larger)

            score = fifth("last") + fifth("often") + fifth("money") + 3
            found = each.sort("customer_id").select(score.alias("score")).filter(pl.col("score") >= 13).select(pl.len())
        elif workload == "W6":
            known = customers.filter(pl.col("assets").is_not_null() & pl.col("city").is_not_null())
            place = pl.struct(-pl.col("assets"), "customer_id").rank("ordinal").over("city")
            found = known.filter(place <= (pl.len().over("city") / 100).ceil()).select(pl.len())
        else:
            def column(name, source, function, column, days, where):
                time = t(days) if source == "t" else a(days)
                condition = time & (pl.col(where[0]) == where[1]) if where else time
                if function == "count":
                    return condition.sum().alias(name)
                of = pl.col(column).filter(condition)
                return {"sum": of.sum, "max": of.max, "min": of.min, "distinct": lambda: of.drop_nulls().n_unique()}[function]().alias(name)

            def side(scanned, which, within):
                return scanned.filter(within).group_by("customer_id").agg(
                    [column(name, *spec) for name, _, spec in tags() if spec[0] == which])

            transactions = side(scan("transactions/*.parquet").select("customer_id", "txn_time", "amount", "category"), "t", t(365) & before_t)
            events = side(scan("app_events/*.parquet").select("customer_id", "event_time", "event"), "a", a(365) & before_a)
            whole = customers.select("customer_id", "assets").join(transactions, on="customer_id", how="left").join(events, on="customer_id", how="left")
            value = {name: pl.col(name) if spec[1] in ("max", "min") else pl.col(name).fill_null(0) for name, _, spec in tags()}
            found = whole.select([
                ((value[x] > level(x)) & ((value[y] <= level(y)) | (value[z] >= level(z))) & (pl.col("assets") >= least)).sum().alias(name)
                for name, (x, y, z), least in segments()])
        row = found.collect(engine="streaming").row(0)
        return list(row)

    return run


PEERS = {"duckdb": duckdb, "polars": polars}
