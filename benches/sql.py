"""What the engines that speak SQL are asked in common: tags of one source, conditions of segments, and queries of them."""
from workloads import days_of, level, needed

ASSETS = "deposit_balance + fund_balance + wealth_balance"


def value(tag):
    return tag.name if tag.is_missing_over_nothing() else f"coalesce({tag.name}, 0)"


def condition(segment):
    x, y, z = segment.tags()
    return (
        f"{value(x)} > {level(x.name)} AND ({value(y)} <= {level(y.name)} OR {value(z)} >= {level(z.name)})"
        f" AND assets >= {segment.least}"
    )


class Sql:
    """An engine: its tables and how it says what is not the same in all.

    `within(source, days)`: a window; `before[source]`: the end of all; `column(tag, conditions)`: the tag's aggregate over
    events for which the conditions are true; `count_if`: the name of that function.
    """

    def __init__(self, customers, events, within, before, column, count_if):
        self.customers, self.events, self.within, self.before = customers, events, within, before
        self.column, self.count_if = column, count_if

    def conditions(self, tag, largest):
        """Those of the tag that not all rows meet."""
        found = [] if tag.days == largest else [self.within(tag.source, tag.days)]
        return found + ([f"{tag.where[0]} = '{tag.where[1]}'"] if tag.where else [])

    def side(self, tags, source, having=""):
        """One row for each customer who has events in the largest window."""
        largest, only = days_of(tags, source)
        columns = ", ".join(f"{self.column(tag, self.conditions(tag, largest))} AS {tag.name}" for tag in tags if tag.source == source)
        values = ", ".join(f"'{value}'" for value in only[1]) if only else ""
        of_values = f" AND {only[0]} IN ({values})" if only else ""
        return (
            f"(SELECT customer_id, {columns} FROM {self.events[source]} WHERE {self.within(source, largest)}"
            f" AND {self.before[source]}{of_values} GROUP BY customer_id{having}) AS {source}"
        )

    def single_pass(self, found):
        """How many are in each segment, every source read once."""
        tags = needed(found)
        counts = ", ".join(f"{self.count_if}({condition(s)})" for s in found)
        return (
            f"SELECT {counts} FROM (SELECT customer_id, {ASSETS} AS assets FROM {self.customers}) AS c"
            f" LEFT JOIN {self.side(tags, 't')} USING (customer_id) LEFT JOIN {self.side(tags, 'a')} USING (customer_id)"
        )

    def query_of(self, segment):
        """Only its own tags, within their own windows; whoever is not above `a` is dropped before anything is joined."""
        tags = needed([segment])
        query = f"SELECT count(*) FROM (SELECT customer_id, {ASSETS} AS assets FROM {self.customers} WHERE {ASSETS} >= {segment.least}) AS c"
        for source in sorted({tag.source for tag in tags}, key=lambda s: s != segment.a.source):
            leads = source == segment.a.source
            having = f" HAVING {segment.a.name} > {level(segment.a.name)}" if leads else ""
            query += f" {'INNER' if leads else 'LEFT'} JOIN {self.side(tags, source, having)} USING (customer_id)"
        return f"{query} WHERE {condition(segment)}"
