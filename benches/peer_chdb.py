"""chDB, which is ClickHouse in the process: -If combinators, IN for the customers who can still qualify, distinct as bits."""
from sql import ASSETS, Sql
from workloads import END, local, segments, utc

TITLE = "chDB"


def moment(time):
    return f"toDateTime64('{time}', 6, 'UTC')"


def within(source, days):
    return f"txn_time >= {moment(local(days))}" if source == "t" else f"event_time >= {moment(utc(days))}"


def t(days):
    return within("t", days)


def a(days):
    return within("a", days)


BEFORE = {"t": f"txn_time < {moment(END)}", "a": f"event_time < {moment(utc(0))}"}


def peer(bank, threads):
    from chdb import session

    connection = session.Session()
    for setting in (
        f"max_threads = {threads}",
        "session_timezone = 'UTC'",
        "join_use_nulls = 1",
        "max_query_size = 10000000",
        "max_ast_elements = 1000000",
        "max_expanded_ast_elements = 1000000",
    ):
        connection.query(f"SET {setting}")

    def ask(query):
        """The rows, as lists of whole numbers."""
        return [[int(cell) for cell in line.split("\t")] for line in str(connection.query(query, "TSV")).splitlines()]

    # Types are said, so that keys are not nullable and texts stay codes.
    described = str(connection.query(f"DESCRIBE file('{bank}/data/customers.parquet', Parquet)", "TSV"))
    of_column = dict(line.split("\t")[:2] for line in described.splitlines())
    key = of_column["customer_id"].removeprefix("Nullable(").removesuffix(")")
    text = "LowCardinality(Nullable(String))"
    own = [f"customer_id {key}", f"city {text}"]
    own += [f"{name} {of_column[name]}" for name in ("in_arrears", "credit_score", "deposit_balance", "fund_balance", "wealth_balance")]
    customers = f"file('{bank}/data/customers.parquet', Parquet, '{', '.join(own)}')"
    amount = "Nullable(Decimal(18, 2))"
    events = {
        "t": f"file('{bank}/data/transactions/*.parquet', Parquet,"
        f" 'customer_id {key}, txn_time DateTime64(6, \\'UTC\\'), amount {amount}, category {text}')",
        "a": f"file('{bank}/data/app_events/*.parquet', Parquet,"
        f" 'customer_id {key}, event_time DateTime64(6, \\'UTC\\'), event {text}')",
    }
    # As a person who writes the query would know them.
    of_october = f"file('{bank}/data/transactions/2026-10*.parquet', Parquet, 'category Nullable(String)')"
    known = str(connection.query(f"SELECT DISTINCT category FROM {of_october} WHERE category IS NOT NULL ORDER BY 1", "TSV")).split()
    names, codes = "['" + "','".join(known) + "']", [1 << place for place in range(len(known))]
    bit = f"transform(ifNull(category, ''), {names}, {codes}, 0)"

    def column(tag, conditions):
        end = f"If({{}}{' AND '.join(conditions)})" if conditions else "({})"
        call = {"distinct": "groupBitOr"}.get(tag.function, tag.function)
        of = bit if tag.function == "distinct" else tag.column or ""
        written = call + end.format(f"{of}, " if of and conditions else of)
        return f"bitCount({written})" if tag.function == "distinct" else written

    sql = Sql(customers, events, within, BEFORE, column, "countIf")

    def fifths():
        tile = "ntile(5) OVER (ORDER BY {}, customer_id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)".format
        rows = ask(f"""SELECT r * 25 + f * 5 + m - 31 AS cell, count() FROM (
            SELECT toInt32({tile("last")}) AS r, toInt32({tile("n")}) AS f, toInt32({tile("spent")}) AS m FROM (
                SELECT customer_id, toDate(max(txn_time)) AS last, countIf({t(365)}) AS n, ifNull(sumIf(amount, {t(365)}), 0) AS spent
                FROM {events["t"]} WHERE {BEFORE["t"]} AND customer_id IN (SELECT customer_id FROM {customers})
                GROUP BY customer_id)) GROUP BY cell""")
        counts = dict(rows)
        return [counts.get(cell, 0) for cell in range(125)]

    def run(workload):
        if workload == "W1":
            query = f"SELECT count() FROM {customers} WHERE {ASSETS} >= 1000000 AND NOT in_arrears AND credit_score >= 650"
        elif workload == "W2":
            query = f"""SELECT count() FROM (SELECT customer_id FROM {events["t"]} WHERE {t(90)} AND {BEFORE["t"]}
                AND customer_id IN (SELECT customer_id FROM {customers} WHERE {ASSETS} >= 1000000)
                GROUP BY customer_id HAVING count() > 5)"""
        elif workload == "W3":
            rich = f"customer_id IN (SELECT customer_id FROM {customers} WHERE {ASSETS} >= 300000)"
            query = f"""SELECT count() FROM (SELECT customer_id FROM {events["t"]} WHERE {BEFORE["t"]} AND {rich}
                    GROUP BY customer_id HAVING countIf({t(90)}) > 5 AND sumIf(amount, {t(90)}) > 1000
                    AND sumIf(amount, {t(365)}) > 10000 AND ifNull(sumIf(amount, {t(90)} AND category = 'travel'), 0) >= 0
                    AND maxIf(amount, {t(180)}) > 500 AND avgIf(amount, {t(180)}) > 50.5
                    AND max(txn_time) >= {moment("2026-09-03 00:00:00")} AND bitCount(groupBitOrIf({bit}, {t(365)})) >= 4) AS t
                INNER JOIN (SELECT customer_id FROM {events["a"]} WHERE {a(90)} AND {BEFORE["a"]} AND {rich}
                    GROUP BY customer_id HAVING countIf({a(30)} AND event = 'login') > 0 OR countIf(event = 'view_fund') > 0) AS a
                USING customer_id"""
        elif workload == "W5":
            return fifths()
        elif workload == "W6":
            query = f"""SELECT count() FROM (SELECT row_number() OVER (PARTITION BY city ORDER BY assets DESC, customer_id) AS r,
                count() OVER (PARTITION BY city) AS n FROM (SELECT customer_id, city, {ASSETS} AS assets FROM {customers})
                WHERE assets IS NOT NULL AND city IS NOT NULL) WHERE r <= ceil(n / 100)"""
        elif workload == "W4q":
            return [ask(sql.query_of(s))[0][0] for s in segments()]
        else:
            query = sql.single_pass(segments(1000 if workload == "W10" else 100))
        return ask(query)[0]

    return run
