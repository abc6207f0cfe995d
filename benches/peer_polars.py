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

    # As a person who writes the query would know them.
    categories = scan("transactions/2026-10*.parquet").select(pl.col("category").drop_nulls().unique().sort()).collect().to_series().to_list()
    customers = scan("customers.parquet").select("customer_id", assets, "city", "in_arrears", "credit_score")
    c = pl.col

    def column(tag):
        """The tag's aggregate. The largest window's condition stays, though all rows meet it: it is faster so."""
        condition = within(tag.source, tag.days)
        if tag.where:
            condition = condition & (c(tag.where[0]) == tag.where[1])
        if tag.function == "count":
            return condition.sum().alias(tag.name)
        of = c(tag.column).filter(condition)
        functions = {"sum": of.sum, "max": of.max, "min": of.min, "distinct": lambda: of.drop_nulls().n_unique()}
        return functions[tag.function]().alias(tag.name)

    def side(tags, source):
        """One row for each customer who has events in the largest window."""
        largest, only = days_of(tags, source)
        own = [tag for tag in tags if tag.source == source]
        found = scan(files[source]).filter(within(source, largest) & before[source])
        if only:
            found = found.filter(c(only[0]).is_in(only[1]))
        return found.group_by("customer_id").agg([column(tag) for tag in own])

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

    # Conditions as columns in W3 and W5: there sums of them are faster than sums of what a filter leaves; in W4 slower.
    def three_windows():
        rich = customers.filter(c("assets") >= 300_000).select("customer_id")
        amount = c("amount")
        bit = c("category").replace_strict({name: 1 << place for place, name in enumerate(categories)}, default=0, return_dtype=pl.UInt32)
        travel = t(90) & (c("category") == "travel").fill_null(False)
        transactions = (
            scan(files["t"]).filter(before["t"]).select("customer_id", "txn_time", "amount", "category")
            .join(rich, on="customer_id", how="semi")
            .select(
                "customer_id", c("txn_time").alias("la"), t(90).cast(pl.UInt32).alias("n"), pl.when(t(180)).then(amount).alias("mx"),
                pl.when(t(90)).then(amount).otherwise(0).alias("s90"), pl.when(t(365)).then(amount).otherwise(0).alias("s365"),
                pl.when(travel).then(amount).otherwise(0).alias("tr"), pl.when(t(365)).then(bit).otherwise(0).alias("k"))
            .group_by("customer_id").agg(
                c("n", "s90", "s365", "tr").sum(), c("mx").max(), c("mx").mean().alias("av"), c("la").max(),
                c("k").bitwise_or().bitwise_count_ones()))
        events = (
            scan(files["a"]).filter(a(90) & before["a"]).select("customer_id", "event_time", "event")
            .join(rich, on="customer_id", how="semi").group_by("customer_id").agg(
                (a(30) & (c("event") == "login")).sum().alias("l"), (c("event") == "view_fund").sum().alias("v")))
        return transactions.join(events, on="customer_id").filter(
            (c("n") > 5) & (c("s90") > 1000) & (c("s365") > 10000) & (c("tr") >= 0) & (c("mx") > 500) & (c("av") > 50.5)
            & (c("la") >= datetime.datetime(2026, 9, 3)) & (c("k") >= 4) & ((c("l") > 0) | (c("v") > 0))).select(pl.len())

    def fifth(name):
        """From 0; the first ones are one larger where there is a rest. Of equal values the first in order comes first."""
        before, size = c(name).rank("ordinal").cast(pl.Int64) - 1, pl.len().cast(pl.Int64)
        small, larger = size // 5, size % 5
        in_larger = larger * (small + 1)
        rest = pl.when(small > 0).then(small).otherwise(1)
        return pl.when(before < in_larger).then(before // (small + 1)).otherwise((before - in_larger) // rest + larger)

    def fifths():
        of_all = (
            scan(files["t"]).filter(before["t"])
            .select(
                "customer_id", "txn_time", pl.when(t(365)).then(c("amount")).otherwise(0).alias("spent"), t(365).cast(pl.UInt32).alias("n"))
            .group_by("customer_id").agg(c("txn_time").max().dt.date().alias("last"), c("n", "spent").sum())
            .join(customers.select("customer_id"), on="customer_id", how="semi"))
        cell = fifth("last") * 25 + fifth("n") * 5 + fifth("spent")
        rows = of_all.sort("customer_id").select(cell.alias("cell")).group_by("cell").len().collect(engine="streaming")
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
