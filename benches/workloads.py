"""The questions in Segue's language, and what a peer's query is made of.

An answer is a list of how many customers are in each segment. As of 2026-10-31 in Shanghai: the last N days end before
midnight of 1 November; transactions hold local times, app events instants in UTC.
"""
import dataclasses
import datetime
import itertools
import random

AS_OF = "2026-10-31"
END = datetime.datetime(2026, 11, 1)

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


@dataclasses.dataclass(frozen=True)
class Tag:
    """One aggregate over one source's events (`t`: transactions, `a`: app events) in the last so many days."""

    name: str
    source: str
    function: str
    column: str | None
    days: int
    where: tuple[str, str] | None = None

    def formula(self):
        """As Segue writes it."""
        source = {"t": "transactions", "a": "app"}[self.source]
        of = f"{source}.{self.column}" if self.column else source
        where = f' where {self.where[0]} = "{self.where[1]}"' if self.where else ""
        return f"{self.function}({of} in last {self.days} days{where})"

    def is_missing_over_nothing(self):
        """Counts and sums over no events are 0; there is no largest of none."""
        return self.function in ("max", "min")


@dataclasses.dataclass(frozen=True)
class Segment:
    """`a > … and (b <= … or c >= …) and assets >= least`"""

    name: str
    a: Tag
    b: Tag
    c: Tag
    least: int

    def tags(self):
        return (self.a, self.b, self.c)


def tags():
    found = []
    for days in (7, 30, 90, 180, 365):
        found += [Tag(f"n{days}", "t", "count", None, days), Tag(f"s{days}", "t", "sum", "amount", days)]
    for c in CATEGORIES:
        found += [
            Tag(f"c_{c}", "t", "sum", "amount", 90, ("category", c)),
            Tag(f"k_{c}", "t", "count", None, 365, ("category", c)),
        ]
    found += [
        Tag("big", "t", "max", "amount", 365),
        Tag("small", "t", "min", "amount", 365),
        Tag("half_year", "t", "sum", "amount", 180, ("category", "shopping")),
        Tag("kinds", "t", "distinct", "category", 365),
        Tag("biggest", "t", "max", "amount", 30),
        Tag("l30", "a", "count", None, 30, ("event", "login")),
        Tag("l90", "a", "count", None, 90, ("event", "login")),
        Tag("v90", "a", "count", None, 90, ("event", "view_fund")),
        Tag("a365", "a", "count", None, 365),
        Tag("a30", "a", "count", None, 30),
    ]
    assert len(found) == 30
    return found


def level(name):
    """What a tag is compared with: above 0 for every one, so that who has no events is never above it."""
    fixed = {
        "n7": 1, "n30": 3, "n90": 8, "n180": 15, "n365": 25, "s7": 100, "s30": 500, "s90": 2000, "s180": 5000,
        "s365": 10000, "big": 2000, "small": 5, "half_year": 300, "kinds": 5, "biggest": 800, "l30": 1, "l90": 3,
        "v90": 1, "a365": 8, "a30": 2,
    }
    return fixed.get(name, 100 if name.startswith("c_") else 2)


def segments(how_many=100):
    """The first hundred are the same, however many are asked for."""
    draw, known = random.Random(4), tags()
    return [Segment(f"g{i:02}", *draw.sample(known, 3), 1000 * (i % 20)) for i in range(how_many)]


def needed(found):
    """The tags that the segments use, each once, in the order of `tags`."""
    used = {t.name for s in found for t in s.tags()}
    return [t for t in tags() if t.name in used]


def days_of(found, source):
    """The largest window of the source's tags, and the one column and its values where all tags ask for some of them."""
    of = [t for t in found if t.source == source]
    wheres = {t.where for t in of}
    only = None if None in wheres else (next(iter(wheres))[0], sorted({value for _, value in wheres}))
    return max(t.days for t in of), only


def script(found):
    """Segue's script that counts these segments."""
    lines = [f"tag {t.name} = {t.formula()}" for t in tags()]
    for s in found:
        a, b, c = s.tags()
        lines.append(
            f"segment {s.name} where {a.name} > {level(a.name)} and ({b.name} <= {level(b.name)}"
            f" or {c.name} >= {level(c.name)}) and assets >= {s.least}"
        )
    return SOURCES + "\n".join(lines) + "\n"


def lists(explained):
    """W4's segments as audience files. Where the list is of everyone, required to be in the segment, the members are the
    same, and `why` has no condition to tell about."""
    found = script(segments())
    for s in segments():
        members = f"from {s.name}" if explained else f"from customers require {s.name}"
        found += f'audience list_{s.name} {members} columns customer_id, assets to "{s.name}.parquet"\n'
    return found


# ---- W5: recency, frequency and money in fifths; how many customers are in each of the 125 cells
CELLS = list(itertools.product(range(1, 6), repeat=3))


def rfm():
    return (
        SOURCES
        + "rfm value from transactions\n  recency txn_time\n  frequency in last 365 days\n"
        + "  monetary amount in last 365 days\n  bins 5\n"
        + "".join(f"segment c{r}{f}{m} where value.r = {r} and value.f = {f} and value.m = {m}\n" for r, f, m in CELLS)
    )


SCRIPTS = {
    "W1": SOURCES + "segment s where assets >= 1_000_000 and not in_arrears and credit_score >= 650\n",
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
    "W4": script(segments()),
    "W5": rfm(),
    "W6": SOURCES + "segment s = top 1% by assets within city\n",
    "W8": lists(True),
    "W8-": lists(False),
    "W10": script(segments(1000)),
    "check": script(segments(10_000 - script([]).count("\n"))),
}
WHAT = {
    "W1": "a filter on customers",
    "W2": "balances and one windowed count",
    "W3": "ten tags of two sources, one segment",
    "W4": "100 segments over 30 tags",
    "W4q": "W4 as a query for each segment",
    "W5": "RFM in fifths, 125 cells",
    "W6": "the top 1 % within each city",
    "W7-W3": "W3 asked again in a warm session",
    "W7-W4": "W4 asked again in a warm session",
    "W8": "W4 as 100 audience files with `why`",
    "W8-": "the same files, `why` empty",
    "W9": "W4 with four times the customers",
    "W10": "1,000 segments over the same 30 tags",
    "W10-plan": "W10 planned, nothing run",
    "version": "`segue --version`",
    "prompt": "`segue repl` up to its first prompt, in a terminal",
    "check": "`segue check` of a script of 10,000 lines",
}
BALANCES = ["customer_id", "deposit_balance", "fund_balance", "wealth_balance"]
TRANSACTIONS = ("data/transactions/*.parquet", ["customer_id", "txn_time", "amount", "category"])
READS = {
    "W1": [("data/customers.parquet", [*BALANCES, "in_arrears", "credit_score"])],
    "W2": [("data/customers.parquet", BALANCES), ("data/transactions/2026-[01][089]*.parquet", ["customer_id", "txn_time"])],
    "W3": [
        ("data/customers.parquet", BALANCES),
        TRANSACTIONS,
        ("data/app_events/2026-[01][089]*.parquet", ["customer_id", "event_time", "event"]),
    ],
    "W4": [
        ("data/customers.parquet", BALANCES),
        TRANSACTIONS,
        ("data/app_events/*.parquet", ["customer_id", "event_time", "event"]),
    ],
    "W5": [
        ("data/customers.parquet", ["customer_id"]),
        ("data/transactions/*.parquet", ["customer_id", "txn_time", "amount"]),
    ],
    "W6": [("data/customers.parquet", [*BALANCES, "city"])],
}
