"""Random valid scripts: each expression is made once, and says itself in Segue and in DuckDB's SQL.

An entity's row is `c` in SQL, an event's row `e`, a row of a list `l`. A definition is a column of `c`; an aggregate is
a query with `k` (the key) and `v`, joined to `c`. `⟦name⟧` in Segue's text is a definition's name, so that it can be
printed or be replaced by what it says.
"""
import datetime as dt
import re
from dataclasses import dataclass

from tables import Ty

OR, AND, NOT, COMPARE, COALESCE, ADD, MULTIPLY, SIGN, PRIMARY = range(9)


class Dead(Exception):
    """No such expression can be made here; the caller makes another."""


@dataclass
class Node:
    ty: Ty
    seg: str
    sql: str
    level: int = PRIMARY
    kids: tuple = ()
    sql3: str = None        # with the names of segments replaced by their conditions; where it differs
    aggs: tuple = ()        # [(alias, query, over nothing)]
    uses: frozenset = frozenset()
    reads: frozenset = frozenset()   # "c": the entity's own columns
    past: object = dt.date.min       # the earliest day from which it can be asked for; None where it has no past
    literal: bool = False
    value: object = None    # of a literal
    steps: list = None      # of a sequence: (number, type of its time)

    def three(self):
        return self.sql3 or self.sql


def node(ty, seg, sql, level=PRIMARY, kids=(), **more):
    n = Node(ty, seg, sql, level, tuple(kids), **more)
    seen = {a[0]: a for k in kids for a in k.aggs}
    for a in n.aggs:
        seen[a[0]] = a
    n.aggs = tuple(seen.values())
    n.uses = n.uses.union(*(k.uses for k in kids))
    n.reads = n.reads.union(*(k.reads for k in kids))
    n.past = earliest([n.past] + [k.past for k in kids])
    return n


def earliest(pasts):
    return None if any(p is None for p in pasts) else max(pasts)


def at(n, level):
    """Segue's text where at least this tightness is needed."""
    return n.seg if n.level >= level else f"({n.seg})"


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def text_sql(t):
    return "'" + t.replace("'", "''") + "'"


@dataclass
class Definition:
    name: str
    kind: str               # tag, segment, top
    body: Node
    written: str = None     # of `top`: everything after `=`; of a model: the whole statement
    title: str = ""
    of: str = ""
    depends: frozenset = frozenset()
    model: str = None       # of a part of a model: the model's name

    def said(self):
        if self.model:
            return f"{backquoted(self.model)}{self.name[len(self.model):]}"
        return backquoted(self.name)

    @property
    def named_only(self):
        """What it says cannot stand where its name stands."""
        return self.written is not None


def backquoted(name):
    return f"`{name}`" if not re.fullmatch(r"\w+", name) else name


@dataclass
class Place:
    """Whose row an expression stands on."""
    kind: str          # entity, event, list
    source: object     # of the row
    entity: object = None

    @property
    def alias(self):
        return {"entity": "c", "event": "e", "list": "l"}[self.kind]
