"""DuckDB: events are joined to the customers who can still qualify, small sets are counted as bits."""
from sql import ASSETS, Sql
from workloads import END, local, segments, utc

TITLE = "DuckDB"
BEFORE = {"t": f"txn_time < TIMESTAMP '{END}'", "a": f"event_time < TIMESTAMPTZ '{utc(0)}+00'"}


def within(source, days):
    return f"txn_time >= TIMESTAMP '{local(days)}'" if source == "t" else f"event_time >= TIMESTAMPTZ '{utc(days)}+00'"


def t(days):
    return within("t", days)


def a(days):
    return within("a", days)


def peer(bank, threads):
    import duckdb

    connection = duckdb.connect(config={"threads": threads})
    connection.execute("SET enable_progress_bar = false")
    customers = f"read_parquet('{bank}/data/customers.parquet')"
    events = {"t": f"read_parquet('{bank}/data/transactions/*.parquet')", "a": f"read_parquet('{bank}/data/app_events/*.parquet')"}
    # As a person who writes the query would know them.
    known = connection.execute(
        f"SELECT DISTINCT category FROM read_parquet('{bank}/data/transactions/2026-10*.parquet') WHERE category IS NOT NULL ORDER BY 1"
    ).fetchall()
    categories = "['" + "','".join(name for (name,) in known) + "']"
    bits = f"bit_count(bit_or((1 << list_position({categories}, category))::BIGINT)"

    def column(tag, conditions):
        condition = " AND ".join(conditions)
        if tag.function == "distinct":
            return f"coalesce({bits}{f' FILTER (WHERE {condition})' if conditions else ''}), 0)"
        if tag.function == "count":
            return f"count_if({condition})" if conditions else "count(*)"
        return f"{tag.function}({f'CASE WHEN {condition} THEN {tag.column} END' if conditions else tag.column})"

    # `count(*) FILTER` counts the same as `count_if`, and is planned for seconds where there are a thousand.
    sql = Sql(customers, events, within, BEFORE, column, "count_if")

    def fifths():
        tile = "ntile(5) OVER (ORDER BY {}, customer_id)".format
        found = f"""WITH e AS (SELECT * FROM (SELECT customer_id, max(txn_time)::DATE last, count(*) FILTER (WHERE {t(365)}) n,
                coalesce(sum(amount) FILTER (WHERE {t(365)}), 0) spent FROM {events["t"]} WHERE {BEFORE["t"]} GROUP BY 1)
                WHERE customer_id IN (SELECT customer_id FROM {customers}))
            SELECT r * 25 + f * 5 + m - 31, count(*) FROM
                (SELECT {tile("last")} r, {tile("n")} f, {tile("spent")} m FROM e) GROUP BY 1"""
        counts = dict(connection.execute(found).fetchall())
        return [counts.get(cell, 0) for cell in range(125)]

    def run(workload):
        if workload == "W1":
            query = f"SELECT count(*) FROM {customers} WHERE {ASSETS} >= 1000000 AND NOT in_arrears AND credit_score >= 650"
        elif workload == "W2":
            query = f"""SELECT count(*) FROM (SELECT customer_id FROM {events["t"]} WHERE {t(90)} AND {BEFORE["t"]}
                AND customer_id IN (SELECT customer_id FROM {customers} WHERE {ASSETS} >= 1000000)
                GROUP BY 1 HAVING count(*) > 5)"""
        elif workload == "W3":
            query = f"""WITH c AS MATERIALIZED (SELECT customer_id FROM {customers} WHERE {ASSETS} >= 300000),
                t AS (SELECT customer_id, count(*) FILTER ({t(90)}) n, sum(amount) FILTER ({t(90)}) s90,
                    sum(amount) FILTER ({t(365)}) s365, sum(amount) FILTER ({t(90)} AND category = 'travel') tr,
                    max(amount) FILTER ({t(180)}) mx, avg(amount) FILTER ({t(180)}) av, max(txn_time) la,
                    {bits} FILTER ({t(365)})) k
                    FROM {events["t"]} WHERE {BEFORE["t"]} AND customer_id IN (FROM c) GROUP BY 1),
                a AS (SELECT customer_id, count(*) FILTER ({a(30)} AND event = 'login') l, count(*) FILTER (event = 'view_fund') v
                    FROM {events["a"]} WHERE {a(90)} AND {BEFORE["a"]} AND customer_id IN (FROM c) GROUP BY 1)
                SELECT count(*) FROM t JOIN a USING (customer_id) WHERE n > 5 AND s90 > 1000 AND s365 > 10000
                AND coalesce(tr, 0) >= 0 AND mx > 500 AND av > 50.5 AND la >= TIMESTAMP '2026-09-03' AND k >= 4
                AND (l > 0 OR v > 0)"""
        elif workload == "W5":
            return fifths()
        elif workload == "W6":
            query = f"""SELECT count(*) FROM (SELECT row_number() OVER (PARTITION BY city ORDER BY assets DESC, customer_id) r,
                count(*) OVER (PARTITION BY city) n FROM (SELECT customer_id, city, {ASSETS} assets FROM {customers})
                WHERE assets IS NOT NULL AND city IS NOT NULL) WHERE r <= ceil(n / 100.0)"""
        elif workload == "W4q":
            return [connection.execute(sql.query_of(s)).fetchone()[0] for s in segments()]
        else:
            query = sql.single_pass(segments(1000 if workload == "W10" else 100))
        return list(connection.execute(query).fetchone())

    return run
