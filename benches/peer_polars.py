"""Polars: lazy, streaming."""
import datetime
import os

from workloads import END, days_of, level, local, needed, segments, utc

TITLE = "Polars"


def peer(bank, threads):
    os.environ["POLARS_MAX_THREADS"] = str(threads)
    import polars as pl

    def scan(name):
        return pl.scan_parquet(f"{bank}/data/{name}")

    assets = (pl.col("deposit_balance") + pl.col("fund_balance") + pl.col("wealth_balance")).alias("assets")
    time = {"t": pl.col("txn_time"), "a": pl.col("event_time")}
    zone = datetime.timezone.utc
    before = {"t": time["t"] < END, "a": time["a"] < utc(0).replace(tzinfo=zone)}
    files = {"t": "transactions/*.parquet", "a": "app_events/*.parquet"}

    def within(source, days):
        return time[source] >= (local(days) if source == "t" else utc(days).replace(tzinfo=zone))

    def t(days):
        return within("t", days)

    def a(days):
        return within("a", days)

    customers = scan("customers.parquet").select("customer_id", assets, "city", "in_arrears", "credit_score")
    c = pl.col

    def column(tag, largest):
        """The tag's aggregate; the conditions that all rows meet are not asked again."""
        conditions = [] if tag.days == largest else [within(tag.source, tag.days)]
        if tag.where:
            conditions.append(c(tag.where[0]) == tag.where[1])
        condition = conditions[0] if conditions else None
        for further in conditions[1:]:
            condition = condition & further
        if tag.function == "count":
            return (pl.len() if condition is None else condition.sum()).alias(tag.name)
        of = c(tag.column) if condition is None else c(tag.column).filter(condition)
        functions = {"sum": of.sum, "max": of.max, "min": of.min, "distinct": lambda: of.drop_nulls().n_unique()}
        return functions[tag.function]().alias(tag.name)

    def side(tags, source):
        """One row for each customer who has events in the largest window."""
        largest, only = days_of(tags, source)
        own = [tag for tag in tags if tag.source == source]
        found = scan(files[source]).filter(within(source, largest) & before[source])
        if only:
            found = found.filter(c(only[0]).is_in(only[1]))
        return found.group_by("customer_id").agg([column(tag, largest) for tag in own])

    def value(tag):
        return c(tag.name) if tag.is_missing_over_nothing() else c(tag.name).fill_null(0)

    def condition(segment):
        x, y, z = segment.tags()
        other = (value(y) <= level(y.name)) | (value(z) >= level(z.name))
        return (value(x) > level(x.name)) & other & (c("assets") >= segment.least)

    def single_pass(found):
        tags = needed(found)
        whole = customers.select("customer_id", "assets")
        for source in ("t", "a"):
            whole = whole.join(side(tags, source), on="customer_id", how="left")
        return whole.select([condition(s).sum().alias(s.name) for s in found])

    def query_of(segment):
        """Only its own tags, within their own windows; whoever is not above `a` is dropped before anything is joined."""
        tags = needed([segment])
        whole = customers.filter(c("assets") >= segment.least).select("customer_id", "assets")
        for source in sorted({tag.source for tag in tags}, key=lambda s: s != segment.a.source):
            if source == segment.a.source:
                above = side(tags, source).filter(c(segment.a.name) > level(segment.a.name))
                whole = whole.join(above, on="customer_id")
            else:
                whole = whole.join(side(tags, source), on="customer_id", how="left")
        return whole.filter(condition(segment)).select(pl.len())

    def three_windows():
        rich = customers.filter(c("assets") >= 300_000).select("customer_id")
        amount = c("amount")
        transactions = (
            scan(files["t"]).filter(before["t"]).select("customer_id", "txn_time", "amount", "category")
            .join(rich, on="customer_id", how="semi").group_by("customer_id").agg(
                t(90).sum().alias("n"), amount.filter(t(90)).sum().alias("s90"), amount.filter(t(365)).sum().alias("s365"),
                amount.filter(t(90) & (c("category") == "travel")).sum().alias("tr"),
                amount.filter(t(180)).max().alias("mx"), amount.filter(t(180)).mean().alias("av"), c("txn_time").max().alias("la"),
                c("category").filter(t(365)).drop_nulls().n_unique().alias("k")))
        events = (
            scan(files["a"]).filter(a(90) & before["a"]).select("customer_id", "event_time", "event")
            .join(rich, on="customer_id", how="semi").group_by("customer_id").agg(
                (a(30) & (c("event") == "login")).sum().alias("l"), (c("event") == "view_fund").sum().alias("v")))
        return transactions.join(events, on="customer_id").filter(
            (c("n") > 5) & (c("s90") > 1000) & (c("s365") > 10000) & (c("tr") >= 0) & (c("mx") > 500) & (c("av") > 50.5)
            & (c("la") >= datetime.datetime(2026, 9, 3)) & (c("k") >= 4) & ((c("l") > 0) | (c("v") > 0))).select(pl.len())

    def fifths():
        """In the order of the keys, so that places by value alone leave the lower key first."""
        of_all = (
            scan(files["t"]).filter(before["t"]).select("customer_id", "txn_time", "amount")
            .join(customers.select("customer_id"), on="customer_id", how="semi").group_by("customer_id").agg(
                c("txn_time").max().dt.date().alias("last"), t(365).sum().alias("n"), c("amount").filter(t(365)).sum().alias("spent"))
            .sort("customer_id"))

        def tile(name):
            place, size, over = c(name).rank("ordinal") - 1, pl.len() // 5, pl.len() % 5
            first = over * (size + 1)
            small = pl.when(size > 0).then(size).otherwise(1)
            return pl.when(place < first).then(place // (size + 1)).otherwise(over + (place.cast(pl.Int64) - first) // small)

        cell = (tile("last") * 25 + tile("n") * 5 + tile("spent")).cast(pl.Int64)
        rows = of_all.select(cell.alias("cell")).group_by("cell").len().collect(engine="streaming")
        counts = dict(rows.iter_rows())
        return [counts.get(found, 0) for found in range(125)]

    def run(workload):
        if workload == "W1":
            found = customers.filter((c("assets") >= 1_000_000) & ~c("in_arrears") & (c("credit_score") >= 650)).select(pl.len())
        elif workload == "W2":
            rich = customers.filter(c("assets") >= 1_000_000).select("customer_id")
            found = scan(files["t"]).filter(t(90) & before["t"]).select("customer_id")
            found = found.join(rich, on="customer_id", how="semi").group_by("customer_id").len().filter(c("len") > 5)
            found = found.select(pl.len())
        elif workload == "W3":
            found = three_windows()
        elif workload == "W5":
            return fifths()
        elif workload == "W6":
            known = customers.filter(c("assets").is_not_null() & c("city").is_not_null())
            place = pl.struct(-c("assets"), "customer_id").rank("ordinal").over("city")
            found = known.filter(place <= (pl.len().over("city") / 100).ceil()).select(pl.len())
        elif workload == "W4q":
            return [query_of(s).collect(engine="streaming").item() for s in segments()]
        else:
            found = single_pass(segments(1000 if workload == "W10" else 100))
        return list(found.collect(engine="streaming").row(0))

    return run
