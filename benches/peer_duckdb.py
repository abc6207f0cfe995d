"""DuckDB: events are joined to the customers who can still qualify, small sets are counted as bits."""
from workloads import END, days_of, level, local, needed, segments, utc

TITLE = "DuckDB"
ASSETS = "deposit_balance + fund_balance + wealth_balance"
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

    def column(tag, largest):
        """The tag's aggregate; the conditions that all rows meet are not asked again."""
        conditions = [] if tag.days == largest else [within(tag.source, tag.days)]
        if tag.where:
            conditions.append(f"{tag.where[0]} = '{tag.where[1]}'")
        condition = " AND ".join(conditions)
        of = f"CASE WHEN {condition} THEN {tag.column} END" if conditions else tag.column
        if tag.function == "distinct":
            return f"coalesce({bits}{f' FILTER (WHERE {condition})' if conditions else ''}), 0) AS {tag.name}"
        if tag.function == "count":
            return f"{f'count_if({condition})' if conditions else 'count(*)'} AS {tag.name}"
        return f"{tag.function}({of}) AS {tag.name}"

    def side(tags, source, having=""):
        """One row for each customer who has events in the largest window."""
        largest, only = days_of(tags, source)
        columns = ", ".join(column(tag, largest) for tag in tags if tag.source == source)
        values = ", ".join(f"'{value}'" for value in only[1]) if only else ""
        of_values = f" AND {only[0]} IN ({values})" if only else ""
        return (
            f"(SELECT customer_id, {columns} FROM {events[source]} WHERE {within(source, largest)} AND {BEFORE[source]}{of_values}"
            f" GROUP BY 1{having})"
        )

    def value(tag):
        return tag.name if tag.is_missing_over_nothing() else f"coalesce({tag.name}, 0)"

    def condition(segment):
        x, y, z = segment.tags()
        return (
            f"{value(x)} > {level(x.name)} AND ({value(y)} <= {level(y.name)} OR {value(z)} >= {level(z.name)})"
            f" AND assets >= {segment.least}"
        )

    def single_pass(found):
        tags = needed(found)
        # `count(*) FILTER` counts the same, and is planned for seconds where there are a thousand.
        counts = ", ".join(f"count_if({condition(s)})" for s in found)
        return (
            f"SELECT {counts} FROM (SELECT customer_id, {ASSETS} assets FROM {customers})"
            f" LEFT JOIN {side(tags, 't')} USING (customer_id) LEFT JOIN {side(tags, 'a')} USING (customer_id)"
        )

    def query_of(segment):
        """Only its own tags, within their own windows; whoever is not above `a` is dropped before anything is joined."""
        tags = needed([segment])
        query = f"SELECT count(*) FROM (SELECT customer_id, {ASSETS} assets FROM {customers} WHERE {ASSETS} >= {segment.least})"
        for source in sorted({tag.source for tag in tags}, key=lambda s: s != segment.a.source):
            leads = source == segment.a.source
            having = f" HAVING {segment.a.name} > {level(segment.a.name)}" if leads else ""
            query += f" {'JOIN' if leads else 'LEFT JOIN'} {side(tags, source, having)} USING (customer_id)"
        return f"{query} WHERE {condition(segment)}"

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
            return [connection.execute(query_of(s)).fetchone()[0] for s in segments()]
        else:
            query = single_pass(segments(1000 if workload == "W10" else 100))
        return list(connection.execute(query).fetchone())

    return run
