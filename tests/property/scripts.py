"""Random valid scripts: tags and segments made of every kind of expression. How an expression says itself: nodes.py."""
import datetime as dt
import re
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

from audiences import Audiences
from models import Models
from nodes import (ADD, AND, COALESCE, COMPARE, MULTIPLY, NOT, OR, PRIMARY, SIGN, Dead, Definition, Place, at, earliest, node, quoted,
                   text_sql)
from tables import BOOL, DATE, KINDS, TEXT, Ty, instant, midnight
from windows import Times, everything, window, within


@dataclass
class Script:
    world: object
    entity: str
    definitions: list
    params: list
    times: Times = None
    pasts: list = field(default_factory=list)       # (table, name, day): what is asked for on other days
    audiences: list = field(default_factory=list)

    def hidden(self):
        return [d for a in self.audiences for d in a.hidden()]

    def names(self):
        return {d.name for d in self.definitions}

    def named(self, name):
        return next(d for d in self.definitions if d.name == name)

    def closed(self, names):
        """The definitions that these need, in the order in which they were made."""
        need, todo = set(), list(names)
        while todo:
            name = todo.pop()
            if name not in need:
                need.add(name)
                todo += self.named(name).depends
        return [d for d in self.definitions if d.name in need]

    def expand(self, seg, inline):
        """`⟦name⟧` and `⟦outside name⟧` as names, or as what they say."""
        def one(match):
            outside, name = match.group(1), match.group(2)
            d = self.named(name)
            if not inline or d.named_only:
                return ("outside " if outside else "") + d.said()
            body = self.expand(d.body.seg, True)
            if d.kind == "segment":
                return f"(not (({body}) ?? no))" if outside else f"(({body}) ?? no)"
            return f"({body})"
        seg = re.sub(r"⟦(outside )?([^⟧]*)⟧", one, seg)
        # Inside an aggregate a name stays a name: an aggregate cannot stand in another.
        return re.sub(r"⟪(outside )?([^⟫]*)⟫", lambda m: (m.group(1) or "") + self.named(m.group(2)).said(), seg)

    def statement(self, d, inline=False):
        title = f' "{d.title}"' if d.title else ""
        of = f" of {d.of}" if d.of else ""
        if d.named_only and d.kind == "tag":
            return self.expand(d.written, inline)
        if d.kind == "tag":
            return f"tag {d.said()}{title}{of} = {self.expand(d.body.seg, inline)}"
        if d.kind == "segment":
            return f"segment {d.said()}{title}{of} where {self.expand(d.body.seg, inline)}"
        return f"segment {d.said()}{title}{of} = {self.expand(d.written, inline)}"

    def head(self, prefix=""):
        lines = [f'timezone "{self.world.zone}"']
        for s in self.world.sources.values():
            lines.append(s.declared().replace('from "', f'from "{prefix}'))
        return lines

    def audience(self, definitions, to):
        key = self.world.sources[self.entity].key
        columns = ", ".join([key] + [d.said() for d in definitions])
        return f"audience everyone_out from {self.entity}\n  columns {columns}\n  to \"{to}\""

    def listed(self, a, to):
        """The statement of an audience with steps."""
        segment = a.segment if a.segment == self.entity else self.named(a.segment).said()
        key = self.world.sources[self.entity].key
        return f"audience {a.name} from {segment}\n{self.expand(a.written, False)}\n  columns {key}\n  to \"{to}\""

    def needs(self, a):
        """The definitions that an audience uses."""
        own = [] if a.segment == self.entity else [a.segment]
        return self.closed(own + [x for d in a.hidden() for x in d.depends])

    def statements(self, definitions, inline=False):
        # The parts of a model have one statement.
        said = [self.statement(d, inline) for d in definitions]
        return [f"param {n} = {v}" for n, v in self.params] + list(dict.fromkeys(said))


# ---- the generator ----

class Generator(Models, Audiences):
    def __init__(self, world, rng, features):
        self.world, self.rng, self.features = world, rng, features
        self.times, self.pasts = Times(world), []
        self.definitions, self.params, self.n = [], [], 0
        self.zone = str(world.zone)

    def fresh(self):
        self.n += 1
        return self.n

    def chance(self, p):
        return self.rng.random() < p

    def make(self):
        rng = self.rng
        accounts = self.world.sources["accounts"]
        pick = rng.random()
        self.entity = accounts if pick < 0.12 else self.world.sources["customers"]
        if pick > 0.93 and "keys of" in self.features:
            self.entity = self.world.sources["payers"]
        self.place = Place("entity", self.entity)
        wanted = rng.randint(8, 26)
        while len(self.definitions) < wanted:
            try:
                self.define()
            except Dead:
                continue
        script = Script(self.world, self.entity.name, self.definitions, self.params, self.times, self.pasts)
        if self.chance(0.5):
            script.audiences = self.audiences()
        return script

    def name(self, what):
        style = self.rng.random()
        number = len(self.definitions)
        if style < 0.08:
            return f"标签{number}"
        if style < 0.14:
            return f"{what} no. {number}"
        if style < 0.20:
            word = self.rng.choice(["count", "key", "since", "first", "limit", "top", "by", "date", "since", "from", "before"])
            if all(d.name != word for d in self.definitions):
                return word
        return f"{what}{number}"

    def define(self):
        rng = self.rng
        pick, depth = rng.random(), rng.choice([1, 2, 2, 3, 3, 4])
        if pick < 0.05 and "happened" in self.features:
            body = self.happened(self.place)
            kind, what = "tag", "h"
        elif pick < 0.46:
            body = self.any(self.place, depth)
            kind, what = "tag", "t"
        elif pick < 0.87:
            body = self.bool(self.place, depth)
            kind, what = "segment", "s"
        elif pick < 0.90:
            return self.rfm()
        elif pick < 0.94:
            return self.score()
        else:
            return self.top()
        if body.literal:
            raise Dead
        d = Definition(self.name(what), kind, body, depends=body.uses)
        d.title = rng.choice(["", "", "", "A title", "标题"])
        # `accounts.held` may be an account's value or one of a customer's many: said, where it could be two.
        # What stands alone in `in (…)` may be another source's list, and says nothing of whose the expression is.
        listed = re.search(r" in \(customers\.[^,()]*\)", body.seg)
        alone = "c" in body.reads and not body.uses and not listed and self.entity.name == "customers"
        d.of = "" if alone and self.chance(0.7) else self.entity.name
        self.definitions.append(d)

    def population(self, place, depth):
        """percentile, ntile, rank, zscore: an entity compared with those of the base whose value and groups are known."""
        rng = self.rng
        f = rng.choice(["percentile", "ntile", "rank", "zscore"])
        by = self.number(place, min(depth - 1, 1)) if f == "zscore" else self.any(place, min(depth - 1, 1), ["int", "dec", "float", "date"])
        if by.literal or not by.ty.exact or (f == "zscore" and (by.ty.wild or by.ty.kind == "date")):
            raise Dead
        words, parts, kids, base, uses, past = "", "", [by], "true", frozenset(), dt.date.min
        together = f == "ntile" and self.chance(0.3)
        if self.chance(0.35):
            g = self.any(place, 0, ["text", "bool", "int"])
            if g.literal:
                raise Dead
            words, parts = f" within {at(g, COALESCE)}", f", {g.sql}"
            kids.append(g)
        segments = [d for d in self.definitions if d.kind != "tag"]
        if segments and self.chance(0.35):
            d = rng.choice(segments)
            words += f" in ⟪{d.name}⟫"
            base, uses = f"c.{quoted(d.name)}", frozenset([d.name])
            past = d.body.past
        words += " ties together" if together else ""
        if any(" over (" in k.sql for k in kids):
            raise Dead      # SQL has no window inside a window
        ranked = f"(({base}) and {' and '.join(f'({k.sql}) is not null' for k in kids)})"
        over = f"partition by {ranked}{parts}"
        n, below = f"count(*) over ({over})", f"(rank() over ({over} order by {by.sql}) - 1)"
        tiles = rng.choice([1, 2, 3, 4, 5, 10])
        if f == "percentile":
            ty, value = Ty("float", mag=1, exact=False), f"coalesce({below} / nullif({n} - 1, 0)::double, 0)"
        elif f == "rank":
            ty, value = Ty("int", mag=1000), f"rank() over ({over} order by {by.sql} desc)"
        elif f == "zscore":
            ty, x = Ty("float", mag=1000, exact=False), f"({by.sql})::double"
            value = f"(case when min({x}) over ({over}) < max({x}) over ({over}) then ({x} - avg({x}) over ({over})) / stddev_samp({x}) over ({over}) end)"
        elif together:
            # All equal values stand in the tile of the first of them.
            ty, value = Ty("int", mag=10), f"(case when {below} < ({n} % {tiles}) * ({n} // {tiles} + 1) then {below} // ({n} // {tiles} + 1) " \
                f"else ({below} - ({n} % {tiles})) // ({n} // {tiles}) end) + 1"
        else:
            ty, value = Ty("int", mag=10), f"ntile({tiles}) over ({over} order by {by.sql}, c.{quoted(self.entity.key)})"
        said = f"{f}({by.seg}{', ' + str(tiles) if f == 'ntile' else ''}{words})"
        return node(ty, said, f"(case when {ranked} then {value} end)", kids=kids, uses=uses, past=past)

    def top(self):
        rng = self.rng
        by = self.any(self.place, 2, ["int", "dec", "float", "date"])
        if not by.ty.exact or by.literal:
            raise Dead
        if self.chance(0.5):
            n = rng.choice([1, 2, 3, 5, 10, 1000])
            words, size = f"top {n}", f"{n}"
        else:
            n = rng.choice([1, 5, 10, 20, 50, 100])
            words, size = f"top {n}%", f"ceil(count(*) over (partition by {{}}) * {n} / 100.0)"
        words += f" by {at(by, COALESCE)}"
        parts, groups, kids = "true", [], [by]
        if self.chance(0.4):
            groups = [self.any(self.place, 1, ["text", "bool", "int"]) for _ in range(rng.randint(1, 2))]
            groups = [g for g in groups if not g.literal]
            if groups:
                words += " within " + ", ".join(at(g, COALESCE) for g in groups)
                parts = ", ".join(g.sql for g in groups)
                kids += groups
        segments = [d for d in self.definitions if d.kind != "tag"]
        base, uses, past = "true", set(), dt.date.min
        if segments and self.chance(0.5):
            d = rng.choice(segments)
            words += f" in ⟪{d.name}⟫"
            base, uses, past = f"c.{quoted(d.name)}", {d.name}, d.body.past
        if any(" over (" in k.sql for k in kids):
            raise Dead
        known = " and ".join(f"({k.sql}) is not null" for k in kids)
        ranked = f"(({base}) and {known})"
        place = f"row_number() over (partition by {ranked}, {parts} order by {by.sql} desc nulls last, c.{quoted(self.entity.key)})"
        body = node(BOOL, "", f"case when ({base}) and not ({known}) then null else {ranked} and {place} <= "
                              f"{size.format(ranked + ', ' + parts)} end", kids=kids, uses=frozenset(uses), past=past)
        self.definitions.append(Definition(self.name("best"), "top", body, written=words, of=self.entity.name, depends=body.uses))

    # -- names --

    def columns(self, place, kinds):
        """Columns that can be reached from the row: (said, sql, type, whether of the entity, its past)."""
        found = []
        def of(source, alias, said, owner):
            for c in source.columns.values():
                found.append((said(c.name), f"{alias}.{quoted(c.name)}", c.ty, owner, source.past(c.name)))
            for link, (by, target) in source.links.items():
                if said("x") == "x" or "." in said("x"):
                    linked = self.world.sources[target]
                    for c in linked.columns.values():
                        said_link = f"{link}.{c.name}" if self.chance(0.7) else f"{source.name}.{link}.{c.name}"
                        past = earliest([source.past(by), linked.past(c.name)])
                        found.append((said_link, f'{alias}.{quoted(link + "." + c.name)}', c.ty, owner, past))
        if place.kind == "entity":
            bare = self.chance(0.8)
            of(place.source, "c", lambda n: n if bare and all(d.name != n for d in self.definitions) else f"{place.source.name}.{n}", True)
        elif place.kind == "list":
            of(place.source, "l", lambda n: n, False)
        else:
            taken = set(place.entity.columns)
            names = {d.name for d in self.definitions}
            bare = self.chance(0.5)
            # `minutes since p0` is a time that has passed, whatever stands before it.
            ok = lambda n: bare and n not in taken and n not in names and n != "minutes"
            of(place.source, "e", lambda n: n if ok(n) else f"{place.source.name}.{n}", False)
            if self.chance(0.3):
                of(place.entity, "c", lambda n: f"{place.entity.name}.{n}", False)
        return [f for f in found if f[2].kind in kinds]

    def column(self, place, kinds, wild=True):
        options = [f for f in self.columns(place, kinds) if wild or not f[2].wild]
        if not options:
            raise Dead
        said, sql, ty, own, past = self.rng.choice(options)
        return node(ty, said, sql, reads=frozenset("c") if own else frozenset(), past=past)

    def tag(self, place, kinds):
        if place.kind == "list":
            raise Dead
        options = [d for d in self.definitions if d.kind == "tag" and d.body.ty.kind in kinds]
        if not options:
            raise Dead
        d = self.rng.choice(options)
        return node(d.body.ty, self.ref(place, d.name), f"c.{quoted(d.name)}", uses=frozenset([d.name]), past=d.body.past)

    def ref(self, place, name, outside=""):
        if place.kind == "entity":
            return f"⟦{outside}{name}⟧"
        if name in place.source.columns or name in place.entity.columns:
            raise Dead
        return f"⟪{outside}{name}⟫"

    # -- literals --

    def day_said(self, day):
        """The words for a day, and which day they are on another one."""
        if day == self.world.day and self.chance(0.5):
            return "today", lambda on: on
        if self.chance(0.15):
            return self.param(str(day)), lambda on: day
        return str(day), lambda on: day

    def param(self, value):
        for name, v in self.params:
            if v == value:
                return name
        name = f"p{len(self.params)}"
        self.params.append((name, value))
        return name

    def near(self, ty):
        """What some column holds, or what is a little beside it."""
        columns = [c for s in self.world.sources.values() for c in s.columns.values() if c.ty.kind == ty.kind]
        pool = [v for c in columns for v in c.known()[:6]]
        if not pool:
            return None
        value = self.rng.choice(pool)
        if ty.kind == "int":
            return node(Ty("int", mag=abs(value)), str(value), f"({value})::bigint", PRIMARY if value >= 0 else SIGN, literal=True, value=value)
        if ty.kind == "dec":
            places = self.rng.choice([1, 2, 2])
            value = value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
            digits = len(str(abs(int(value)))) + places
            return node(Ty("dec", p=digits, s=places, mag=float(abs(value))), f"{value:f}", f"cast('{value:f}' as decimal(38,{places}))",
                        PRIMARY if value >= 0 else SIGN, literal=True, value=value)
        if ty.kind == "date":
            return node(DATE, str(value), f"date '{value}'", literal=True, value=value)
        value += dt.timedelta(microseconds=self.rng.choice([0, 0, 1, -1, 500]))
        if self.world.local(self.world.utc(value)) != value:
            return None
        return node(instant("local"), value.isoformat(), f"timestamp '{value}'", literal=True, value=value)

    def literal(self, ty):
        """A literal that goes with values of this type."""
        rng = self.rng
        if not ty.wild and self.chance(0.35):
            near = self.near(ty)
            if near:
                return near
        if ty.kind == "int" or (ty.kind in ("dec", "float") and self.chance(0.3)):
            if ty.wild and self.chance(0.5):
                value = rng.choice([2**63 - 1, -2**63 + 1, 2**31, 0, 2**53 + 1])
                return node(Ty("int", mag=2.0**63, wild=True), str(value), f"({value})::bigint", PRIMARY if value >= 0 else SIGN, literal=True, value=value)
            value = rng.choice([0, 1, 2, 3, 5, 10, 20, 30, 100, 1000, 20000, -1, -7, rng.randint(-50, 100)])
            said = str(value)
            if value >= 1000 and value % 1000 == 0 and self.chance(0.5):
                said = rng.choice([f"{value // 1000}k", f"{value:_}", f"{value // 1000}千"])
            elif value >= 0 and self.chance(0.1):
                said = self.param(said)
            return node(Ty("int", mag=abs(value)), said, f"({value})::bigint", PRIMARY if value >= 0 else SIGN, literal=True, value=value)
        if ty.kind == "dec" or ty.kind == "float":
            if ty.kind == "float" and not ty.exact:
                value = Decimal(rng.randint(1, 10**12)).scaleb(-10) * rng.choice([1, 1, -1])
            elif ty.kind == "float":
                value = Decimal(rng.randint(-800, 800)) / 8
            else:
                value = Decimal(rng.choice([rng.randint(-2000, 10000), rng.randint(0, 100) * 100])).scaleb(-min(2, max(ty.s, 1)))
            said = f"{value:f}"
            if "." not in said:
                said += ".0"
            whole, _, places = said.lstrip("-").partition(".")
            p, s = len(whole.lstrip("0")) + len(places), len(places)
            if value == value.to_integral_value() and 0 <= value <= 1000 and self.chance(0.0):
                said = f"{int(value * 100)}%"
            return node(Ty("dec", p=max(p, 1), s=s, mag=float(abs(value))), said, f"cast('{said}' as decimal(38,{s}))",
                        PRIMARY if value >= 0 else SIGN, literal=True, value=value)
        if ty.kind == "text":
            if ty.labels:
                value = rng.choice(ty.labels)
            else:
                pool = [v for s in self.world.sources.values() for c in s.columns.values() if c.ty.kind == "text" for v in c.values[:4] if v is not None]
                value = rng.choice(pool + KINDS)
            value = value.replace("\\", "")
            said = '"' + value.replace('"', '\\"') + '"'
            return node(TEXT.but(labels=(value,)), said, text_sql(value), literal=True, value=value)
        if ty.kind == "bool":
            value = self.chance(0.5)
            return node(BOOL, rng.choice(["yes", "true"] if value else ["no", "false"]), str(value).lower(), literal=True)
        if ty.kind == "date" or (ty.kind == "inst" and self.chance(0.4)):
            day = self.world.day - dt.timedelta(days=rng.choice([0, 0, 1, 7, 30, 90, 365, rng.randint(-30, 900)]))
            said, _ = self.day_said(day)
            return node(DATE, said, "today()" if said == "today" else f"date '{day}'", literal=True, value=day)
        if ty.kind == "inst":
            moment = midnight(self.world.day - dt.timedelta(days=rng.randint(0, 90))) + dt.timedelta(hours=rng.choice([0, 8, 12, 18]))
            if self.world.local(self.world.utc(moment)) != moment:
                raise Dead
            return node(instant("local"), moment.isoformat(timespec="minutes"), f"timestamp '{moment}'", literal=True, value=moment)
        raise Dead

    # -- expressions --

    def any(self, place, depth, kinds=None):
        kinds = kinds or ["int", "int", "dec", "dec", "float", "text", "text", "date", "inst", "bool"]
        for _ in range(20):
            kind = self.rng.choice(kinds)
            try:
                return {"int": self.number, "dec": self.number, "float": self.number, "text": self.text, "date": self.date,
                        "inst": self.inst, "bool": self.bool}[kind](place, depth)
            except Dead:
                continue
        raise Dead

    def leaf(self, place, kinds, wild=True):
        if self.chance(0.07):
            try:
                found = self.on_day(place, kinds)
                if wild or not found.ty.wild:
                    return found
            except Dead:
                pass
        if "happened" in self.features and set(kinds) & {"inst", "date"} and self.chance(0.3):
            try:
                return self.step(place, kinds)
            except Dead:
                pass
        if self.chance(0.35):
            try:
                found = self.tag(place, kinds)
                if wild or not found.ty.wild:
                    return found
            except Dead:
                pass
        return self.column(place, kinds, wild)

    def number(self, place, depth, wild=True):
        rng = self.rng
        kinds = ("int", "dec", "float")
        if depth <= 0:
            return self.leaf(place, kinds, wild)
        for _ in range(30):
            try:
                pick = rng.random()
                if place.kind == "entity" and pick < 0.06 and "percentile" in self.features:
                    found = self.population(place, depth)
                elif place.kind == "entity" and pick < 0.40:
                    found = self.aggregate(place, kinds)
                elif pick < 0.50:
                    found = self.leaf(place, kinds, wild)
                elif pick < 0.72:
                    found = self.arithmetic(place, depth)
                elif pick < 0.84:
                    found = self.call(place, depth)
                elif pick < 0.90:
                    found = self.elapsed(place, depth)
                elif pick < 0.95:
                    found = self.choice(place, depth, kinds)
                else:
                    found = self.coalesce(place, depth, kinds)
                if wild or not found.ty.wild:
                    return found
            except Dead:
                continue
        raise Dead

    def brought(self, n, ty):
        """A number's SQL as a value of another type."""
        if ty.kind == "float":
            return f"({n.sql})::double"
        if ty.kind == "dec":
            return f"cast({n.sql} as decimal({min(38, max(ty.p, 1))},{ty.s}))"
        if ty.kind == "inst" and n.ty.kind == "inst" and n.ty.frame == "utc" and ty.frame == "local":
            return self.local(n)
        if ty.kind == "date" and n.ty.kind == "inst":
            return f"({self.local(n)})::date"
        return n.sql

    def local(self, n):
        if n.ty.kind == "inst" and n.ty.frame == "utc":
            return f"timezone('{self.zone}', timezone('UTC', {n.sql}))"
        return n.sql

    def common(self, a, b):
        """The type as which two values are compared or chosen from."""
        mag, wild = max(a.mag, b.mag), a.wild or b.wild
        if a.kind == b.kind == "dec":
            s = max(a.s, b.s)
            return Ty("dec", p=min(38, max(a.p - a.s, b.p - b.s) + s), s=s, mag=mag, wild=wild)
        if {a.kind, b.kind} == {"int", "dec"}:
            d = a if a.kind == "dec" else b
            return Ty("dec", p=min(38, max(19, d.p - d.s) + d.s), s=d.s, mag=mag, wild=wild)
        numbers = ("int", "dec", "float")
        if "float" in (a.kind, b.kind) and a.kind in numbers and b.kind in numbers:
            bits = max(a.bits, b.bits)
            exact = a.exact and b.exact and "dec" not in (a.kind, b.kind)
            return Ty("float", mag=mag, bits=bits, exact=exact, wild=wild)
        if a.kind == b.kind == "text":
            labels = tuple(dict.fromkeys(a.labels + b.labels)) if a.labels and b.labels else None
            return TEXT.but(labels=labels)
        if a.kind == b.kind == "inst":
            return a if a.frame == b.frame else instant("local")
        if {a.kind, b.kind} == {"date", "inst"}:
            return DATE
        if a.kind == b.kind:
            return a.but(mag=mag, wild=wild)
        raise Dead

    def fits(self, ty):
        if ty.kind == "dec" and (ty.mag * 10.0**ty.s > 1e30 or ty.s > 12):
            raise Dead
        if ty.kind == "int" and ty.mag > 1e15:
            raise Dead
        if ty.kind == "float" and ty.exact and ty.mag * 2.0**ty.bits > 2.0**50:
            raise Dead
        return ty

    def arithmetic(self, place, depth):
        rng = self.rng
        op = rng.choice(["+", "+", "-", "-", "*", "/", "%", "days", "neg"])
        if op == "days":
            a, b = self.date(place, depth - 1), self.date(place, depth - 1)
            if a.literal and b.literal:
                raise Dead
            return node(Ty("int", mag=100_000), f"{at(a, ADD)} - {at(b, MULTIPLY)}", f"(({a.sql}) - ({b.sql}))", ADD, (a, b))
        a = self.number(place, depth - 1, wild=False)
        if op == "neg":
            if a.literal:
                raise Dead
            return node(a.ty, f"-{at(a, PRIMARY)}", f"(-({a.sql}))", SIGN, (a,))
        b = self.literal(a.ty) if self.chance(0.35) else self.number(place, depth - 1, wild=False)
        if self.chance(0.2):
            a, b = b, a
        if (a.literal and b.literal) or a.ty.wild or b.ty.wild:
            raise Dead
        x, y = a.ty, b.ty
        if op in "/%":
            if not (x.exact and y.exact):
                raise Dead
            if op == "/":
                ty = Ty("float", mag=1e12, exact=False)
                sql = f"(({self.brought(a, ty)}) / nullif({self.brought(b, ty)}, 0))"
            else:
                ty = self.fits(self.common(x, y))
                if not ty.exact:
                    raise Dead
                sql = f"({self.brought(a, ty)} % nullif({self.brought(b, ty)}, 0))"
            return node(ty, f"{at(a, MULTIPLY)} {op} {at(b, SIGN)}", sql, MULTIPLY, (a, b))
        if op == "*":
            mag = x.mag * y.mag
        else:
            mag = x.mag + y.mag
        if "float" in (x.kind, y.kind):
            exact = x.exact and y.exact and "dec" not in (x.kind, y.kind)
            ty = Ty("float", mag=mag, bits=x.bits + y.bits if op == "*" else max(x.bits, y.bits), exact=exact)
        elif x.kind == y.kind == "int":
            ty = Ty("int", mag=mag)
        else:
            (p, s), (q, t) = [(n.p, n.s) if n.kind == "dec" else (19, 0) for n in (x, y)]
            if op == "*":
                if p + q + 1 > 38:
                    raise Dead
                ty = Ty("dec", p=p + q + 1, s=s + t, mag=mag)
            else:
                ty = Ty("dec", p=min(38, max(p - s, q - t) + 1 + max(s, t)), s=max(s, t), mag=mag)
        self.fits(ty)
        if ty.kind == "dec" and op == "*":
            sides = [f"cast({n.sql} as decimal({n.ty.p},{n.ty.s}))" if n.ty.kind == "dec" else f"cast({n.sql} as decimal(19,0))" for n in (a, b)]
        else:
            sides = [self.brought(n, ty) for n in (a, b)]
        level = MULTIPLY if op == "*" else ADD
        return node(ty, f"{at(a, level)} {op} {at(b, level + 1)}", f"({sides[0]} {op} {sides[1]})", level, (a, b))

    def call(self, place, depth):
        rng = self.rng
        f = rng.choice(["abs", "round", "round", "floor", "ceil", "sqrt", "exp", "ln", "power", "least", "greatest", "length",
                        "number", "year", "quarter", "month", "day", "weekday", "hour", "age"])
        if f == "length":
            a = self.text(place, depth - 1)
            return node(Ty("int", mag=1000), f"length({a.seg})", f"length({a.sql})", kids=(a,))
        if f == "number":
            a = self.leaf(place, ("text",))
            return node(Ty("float", mag=1000, exact=False), f"number({a.seg})",
                        f"(case when isfinite(try_cast({a.sql} as double)) then try_cast({a.sql} as double) end)", kids=(a,))
        if f in ("year", "quarter", "month", "day", "weekday", "hour", "age"):
            a = self.inst(place, depth - 1) if f == "hour" else self.any(place, depth - 1, ["date", "inst"])
            if a.literal or (f == "hour" and a.ty.kind != "inst"):
                raise Dead
            local = self.local(a)
            sql = {"weekday": f"isodow({local})", "age": self.floored(f"months_between(({local})::date, today())", 12)}.get(f, f"{f}({local})")
            return node(Ty("int", mag=10_000), f"{f}({a.seg})", sql, kids=(a,))
        if f in ("least", "greatest"):
            few = [self.number(place, depth - 1) for _ in range(rng.randint(2, 3))]
            if all(n.literal for n in few):
                raise Dead
            ty = few[0].ty
            for n in few[1:]:
                ty = self.common(ty, n.ty)
            self.safe(ty)
            return node(ty, f"{f}({', '.join(n.seg for n in few)})", f"{f}({', '.join(self.brought(n, ty) for n in few)})", kids=few)
        a = self.number(place, depth - 1, wild=False)
        if a.literal or a.ty.wild:
            raise Dead
        if f == "abs":
            return node(a.ty, f"abs({a.seg})", f"abs({a.sql})", kids=(a,))
        if not a.ty.exact:
            raise Dead
        if f == "round":
            places = rng.choice([None, 0, 1, 2, -1, -2])
            if a.ty.kind == "float" and places is not None and places < 0:
                raise Dead
            if places and places < 0:
                self.fits(a.ty.but(mag=a.ty.mag * 10 + 1000))
            ty = a.ty if a.ty.kind != "float" else a.ty.but(exact=not places, mag=a.ty.mag + 1)
            if a.ty.kind == "dec" and a.ty.mag * 1.2 + 100 >= 10.0**(a.ty.p - a.ty.s):
                raise Dead
            said = f"round({a.seg})" if places is None else f"round({a.seg}, {places})"
            sql = f"round({a.sql}, {places or 0})"
            return node(ty, said, f"cast({sql} as decimal({ty.p},{ty.s}))" if ty.kind == "dec" else f"({sql})::bigint" if ty.kind == "int" else sql, kids=(a,))
        if f in ("floor", "ceil"):
            ty = a.ty.but(mag=a.ty.mag + 1)
            sql = f"{f}({a.sql})"
            if a.ty.kind == "dec":
                ty = ty.but(p=min(38, a.ty.p - a.ty.s + 1), s=0)
                sql = f"cast({sql} as decimal({ty.p},0))"
            elif a.ty.kind == "int":
                sql = a.sql
            return node(ty, f"{f}({a.seg})", sql, kids=(a,))
        x = f"({a.sql})::double"
        if f == "sqrt":
            return node(Ty("float", mag=a.ty.mag + 1, exact=False), f"sqrt({a.seg})", f"(case when {x} >= 0 then sqrt({x}) end)", kids=(a,))
        if f == "ln":
            return node(Ty("float", mag=1000, exact=False), f"ln({a.seg})", f"(case when {x} > 0 then ln({x}) end)", kids=(a,))
        if f == "exp":
            if a.ty.mag > 50:
                a = node(Ty("float", mag=20, exact=False), f"{at(a, MULTIPLY)} % 7", f"(({a.sql}) % 7)", MULTIPLY, (a,)) if a.ty.kind == "int" else a
            if a.ty.mag > 50:
                raise Dead
            return node(Ty("float", mag=1e22, exact=False), f"exp({a.seg})", f"exp(({a.sql})::double)", kids=(a,))
        n = rng.choice(["2", "0.5", "3", "-1"])
        if a.ty.mag > 1e6:
            raise Dead
        bad = {"0.5": f"{x} < 0", "-1": f"{x} = 0"}.get(n, "false")
        return node(Ty("float", mag=a.ty.mag**3 + 1, exact=False), f"power({a.seg}, {n})",
                    f"(case when not ({bad}) then pow({x}, {n}) end)", kids=(a,))

    def safe(self, ty):
        if ty.kind == "dec" and ty.wild:
            raise Dead
        if ty.kind == "float" and ty.wild and not ty.exact:
            raise Dead
        return self.fits(ty) if not ty.wild else ty

    def floored(self, sql, by):
        return f"(floor(({sql}) / {by}.0))::bigint"

    def elapsed(self, place, depth):
        rng = self.rng
        a = self.any(place, depth - 1, ["date", "date", "inst"])
        if a.literal:
            raise Dead
        until = self.chance(0.4)
        unit = rng.choice(["days", "days", "weeks", "months", "months", "quarters", "years"])
        x, y = (f"({self.local(a)})::date", "today()")
        if until:
            x, y = y, x
        months = f"months_between({x}, {y})"
        sql = {"days": f"(({y}) - ({x}))", "weeks": self.floored(f"({y}) - ({x})", 7), "months": months,
               "quarters": self.floored(months, 3), "years": self.floored(months, 12)}[unit]
        said = f"{unit} {'until' if until else 'since'} {at(a, PRIMARY)}"
        return node(Ty("int", mag=100_000), said, f"({sql})", kids=(a,))

    def choice(self, place, depth, kinds):
        """`case`: branches of one kind."""
        rng = self.rng
        arms, kids, ty = [], [], None
        labels = kinds == ("text",) and self.chance(0.7)
        for _ in range(rng.randint(1, 3)):
            when = self.bool(place, depth - 1)
            then = self.literal(TEXT) if labels else self.value(place, depth - 1, kinds)
            ty = then.ty if ty is None else self.common(ty, then.ty)
            arms.append((when, then))
            kids += [when, then]
        last = None
        if self.chance(0.7):
            last = self.literal(TEXT) if labels else self.value(place, depth - 1, kinds)
            ty = self.common(ty, last.ty)
            kids.append(last)
        self.safe(ty)
        said = "case " + " ".join(f"when {w.seg} then {t.seg}" for w, t in arms) + (f" else {last.seg}" if last else "") + " end"
        sql = "(case " + " ".join(f"when {w.sql} then {self.brought(t, ty)}" for w, t in arms)
        sql += (f" else {self.brought(last, ty)}" if last else "") + " end)"
        return node(ty, said, sql, kids=kids)

    def value(self, place, depth, kinds):
        if kinds[0] == "int":
            return self.literal(Ty(self.rng.choice(["int", "dec"]), s=2)) if self.chance(0.3) else self.number(place, depth)
        return {"text": self.text, "date": self.date, "inst": self.inst, "bool": self.bool}[kinds[0]](place, depth)

    def coalesce(self, place, depth, kinds):
        a = self.value(place, depth - 1, kinds)
        b = self.literal(a.ty) if self.chance(0.5) else self.value(place, depth - 1, kinds)
        if a.literal:
            raise Dead
        ty = self.common(a.ty, b.ty)
        self.safe(ty)
        return node(ty, f"{at(a, COALESCE)} ?? {at(b, ADD)}", f"coalesce({self.brought(a, ty)}, {self.brought(b, ty)})", COALESCE, (a, b))

    def text(self, place, depth):
        rng = self.rng
        if depth <= 0:
            return self.leaf(place, ("text",))
        pick = rng.random()
        if place.kind == "entity" and pick < 0.25:
            return self.aggregate(place, ("text",))
        if pick < 0.45:
            return self.leaf(place, ("text",))
        if pick < 0.62:
            return self.choice(place, depth, ("text",))
        if pick < 0.72:
            return self.coalesce(place, depth, ("text",))
        a = self.text(place, depth - 1)
        f = rng.choice(["lower", "upper", "trim", "left", "right", "substring", "replace", "concat"])
        n, k = rng.randint(0, 4), rng.randint(1, 4)
        kids = (a,)
        if f in ("lower", "upper", "trim"):
            said, sql = f"{f}({a.seg})", f"{f}({a.sql})"
        elif f in ("left", "right"):
            said, sql = f"{f}({a.seg}, {n})", f"{f}({a.sql}, {n})"
        elif f == "substring":
            said, sql = f"substring({a.seg}, {k}, {n})", f"substring({a.sql}, {k}, {n})"
        elif f == "replace":
            x, y = rng.choice("oer北"), rng.choice(["", "-", "金"])
            said, sql = f'replace({a.seg}, "{x}", "{y}")', f"replace({a.sql}, '{x}', '{y}')"
        else:
            b = self.text(place, depth - 1) if self.chance(0.6) else self.literal(TEXT)
            kids = (a, b)
            said, sql = f"concat({a.seg}, {b.seg})", f"(({a.sql}) || ({b.sql}))"
        return node(TEXT, said, sql, kids=kids)

    def date(self, place, depth):
        rng = self.rng
        if depth <= 0:
            return self.leaf(place, ("date",)) if self.chance(0.85) else self.literal(DATE)
        pick = rng.random()
        if place.kind == "entity" and pick < 0.2:
            return self.aggregate(place, ("date",))
        if pick < 0.5:
            return self.leaf(place, ("date",))
        if pick < 0.62:
            a = self.inst(place, depth - 1)
            return node(DATE, f"date({a.seg})", f"({self.local(a)})::date", kids=(a,))
        if pick < 0.8:
            return self.moved(place, self.date(place, depth - 1), ["day", "week", "month", "quarter", "year"])
        if pick < 0.9:
            return self.choice(place, depth, ("date",))
        return self.coalesce(place, depth, ("date",))

    def moved(self, place, a, units):
        if a.literal:
            raise Dead
        unit, n, sign = self.rng.choice(units), self.rng.choice([1, 2, 5, 11, 13, 30]), self.rng.choice("+-")
        interval = f"interval {n * 3} month" if unit == "quarter" else f"interval {n * 7} day" if unit == "week" else f"interval {n} {unit}"
        sql = f"(({a.sql}) {sign} {interval})"
        if a.ty.kind == "inst" and a.ty.frame == "utc" and unit not in ("hour", "minute"):
            sql = f"to_moment(({self.local(a)}) {sign} {interval})"     # by the calendar of the zone
        return node(a.ty, f"{at(a, ADD)} {sign} {n} {unit}{'s' if n > 1 else ''}", f"({sql})::date" if a.ty.kind == "date" else sql, ADD, (a,))

    def inst(self, place, depth):
        pick = self.rng.random()
        if depth <= 0 or pick < 0.4:
            return self.leaf(place, ("inst",))
        if place.kind == "entity" and pick < 0.7:
            return self.aggregate(place, ("inst",))
        if pick < 0.85:
            a = self.inst(place, depth - 1)
            if a.ty.kind == "date":     # of `instant ?? date` the local day
                return self.moved(place, a, ["day", "week", "month"])
            return self.moved(place, a, ["hour", "day", "month"])
        if pick < 0.93:
            return self.choice(place, depth, ("inst",))
        return self.coalesce(place, depth, ("inst",))

    # -- conditions --

    def bool(self, place, depth):
        rng = self.rng
        for _ in range(40):
            try:
                pick = rng.random()
                if depth <= 0:
                    return self.leaf(place, ("bool",)) if pick < 0.3 else self.compare(place, 0)
                if pick < 0.32:
                    return self.compare(place, depth)
                if pick < 0.35:
                    return self.around(place, depth)
                if pick < 0.44:
                    return self.between(place, depth)
                if pick < 0.52:
                    return self.among(place, depth)
                if pick < 0.58:
                    return self.search(place, depth)
                if pick < 0.65:
                    return self.known(place, depth)
                if pick < 0.70:
                    return self.leaf(place, ("bool",))
                if pick < 0.76:
                    return self.member(place)
                if pick < 0.79:
                    return self.listed(place, depth)
                if pick < 0.81:
                    return self.coalesce(place, depth, ("bool",))
                if pick < 0.83:
                    return self.choice(place, depth, ("bool",))
                if pick < 0.86 and place.kind == "entity":
                    return self.aggregate(place, ("bool",))
                if pick < 0.90:
                    return self.negated(place, depth)
                return self.logic(place, depth)
            except Dead:
                continue
        raise Dead

    def logic(self, place, depth):
        word = self.rng.choice(["and", "or"])
        level = AND if word == "and" else OR
        few = [self.bool(place, depth - 1) for _ in range(self.rng.choice([2, 2, 3]))]
        said = f" {word} ".join(at(n, level + 1) for n in few)
        return node(BOOL, said, "(" + f" {word} ".join(f"({n.sql})" for n in few) + ")", level, few,
                    sql3="(" + f" {word} ".join(f"({n.three()})" for n in few) + ")")

    def negated(self, place, depth):
        a = self.bool(place, depth - 1)
        return node(BOOL, f"not {at(a, COMPARE)}", f"(not ({a.sql}))", NOT, (a,), sql3=f"(not ({a.three()}))")

    def pair(self, place, depth, kinds=None):
        """A value, another that may be compared with it, and the type as which they are compared."""
        a = self.any(place, depth - 1, kinds or ["int", "int", "dec", "dec", "float", "text", "date", "inst"])
        b = self.literal(a.ty) if self.chance(0.65) else self.any(place, depth - 1, [a.ty.kind])
        if a.literal and b.literal:
            raise Dead
        return a, b, self.comparable(a, b)

    def comparable(self, a, b):
        """Never floats that may be rounded differently, but with a number that no quotient hits."""
        for x, y in ((a, b), (b, a)):
            if x.ty.labels and y.literal and y.ty.labels[0] not in x.ty.labels:
                raise Dead
        ty = self.common(a.ty, b.ty)
        if ty.kind == "float" and not ty.exact:
            for x, y in ((a, b), (b, a)):
                if not x.ty.exact and y.literal and y.ty.kind == "dec" and y.ty.s >= 6:
                    return ty.but(exact=True)
                # A decimal and a float: both are the nearest floats.
                if x.ty.kind == "dec" and y.ty.exact:
                    return ty
            raise Dead
        if ty.kind == "dec" and ty.wild and ty.s > 10:
            raise Dead
        return ty

    def compare(self, place, depth):
        if self.chance(0.06):
            a, b = self.leaf(place, ("bool",)), self.literal(BOOL)
            op = self.rng.choice(["=", "!="])
            return node(BOOL, f"{at(a, COALESCE)} {op} {b.seg}", f"({a.sql} {op} {b.sql})", COMPARE, (a, b))
        op = self.rng.choice(["=", "!=", "<", "<=", ">", ">="])
        if self.chance(0.06):
            a, b = self.leaf(place, ("dec",), wild=False), self.near(Ty("dec"))
            places = self.rng.choice([0, 1])
            if not b or a.ty.s <= places or a.ty.s > 4 or a.ty.mag * 1.2 + 100 >= 10.0**(a.ty.p - a.ty.s):
                raise Dead
            value = b.value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
            return node(BOOL, f"round({a.seg}, {places}) {op} {value:f}",
                        f"(round(({a.sql})::decimal(38,6), {places}) {op} cast('{value:f}' as decimal(38,6)))", COMPARE, (a,))
        a, b, ty = self.pair(place, depth)
        if self.chance(0.1):
            a, b = b, a
        return node(BOOL, f"{at(a, COALESCE)} {op} {at(b, COALESCE)}", f"({self.brought(a, ty)} {op} {self.brought(b, ty)})", COMPARE, (a, b))

    def between(self, place, depth):
        a, low, ty1 = self.pair(place, depth)
        high = self.literal(a.ty) if self.chance(0.8) else self.any(place, depth - 1, [a.ty.kind])
        ty2 = self.comparable(a, high)
        if low.literal and high.literal:
            if {low.ty.kind, high.ty.kind} == {"date", "inst"}:
                raise Dead
            if low.value > high.value:
                low, high, ty1, ty2 = high, low, ty2, ty1
        word = self.rng.choice(["between", "between", "not between"])
        sql = f"({self.brought(a, ty1)} >= {self.brought(low, ty1)} and {self.brought(a, ty2)} <= {self.brought(high, ty2)})"
        return node(BOOL, f"{at(a, COALESCE)} {word} {at(low, COALESCE)} and {at(high, COALESCE)}",
                    sql if word == "between" else f"(not {sql})", COMPARE, (a, low, high))

    def among(self, place, depth):
        a = self.any(place, depth - 1, ["int", "dec", "text", "text", "date", "bool"])
        if a.literal:
            raise Dead
        if not a.ty.exact or a.ty.kind == "float":
            raise Dead
        items = [self.literal(a.ty) if self.chance(0.85) else self.any(place, 0, [a.ty.kind]) for _ in range(self.rng.choice([0, 1, 2, 3, 5]))]
        ty = a.ty.but(labels=None) if a.ty.kind == "text" else a.ty
        for i in items:
            self.comparable(a, i)
            ty = self.common(ty, i.ty)
        if ty.kind == "float":
            raise Dead
        word = self.rng.choice(["in", "in", "not in"])
        sql = f"({self.brought(a, ty)} in ({', '.join(self.brought(i, ty) for i in items)}))" if items else "false"
        return node(BOOL, f"{at(a, COALESCE)} {word} ({', '.join(i.seg for i in items)})", sql if word == "in" else f"(not {sql})", COMPARE, [a] + items)

    def search(self, place, depth):
        a = self.text(place, depth - 1)
        if a.literal:
            raise Dead
        piece = self.rng.choice(["o", "er", "上", "B", "", " ", "x", "fund", "城", "C-00"])
        op = self.rng.choice(["like", "contains", "starts with", "ends with", "matches"])
        if op == "like":
            piece = self.rng.choice(["%" + piece + "%", piece + "%", "_" + piece + "%", "__", "%_"])
        if op == "matches":
            piece = self.rng.choice(["^.e", "o|上", "[A-C]$", "^$", "e.*n", "\\\\d+", "^[^a-z]+$"])
        sql = {"like": "({0} like {1})", "contains": "contains({0}, {1})", "starts with": "starts_with({0}, {1})",
               "ends with": "ends_with({0}, {1})", "matches": "regexp_matches({0}, {1})"}[op].format(a.sql, text_sql(piece.replace("\\\\", "\\")))
        negative = self.rng.choice(["", "", "not "])
        return node(BOOL, f'{at(a, COALESCE)} {negative}{op} "{piece}"', f"(not {sql})" if negative else sql, COMPARE, (a,))

    def known(self, place, depth):
        a = self.any(place, depth - 1)
        if a.literal:
            raise Dead
        word = self.rng.choice(["missing", "known"])
        return node(BOOL, f"{at(a, COALESCE)} is {word}", f"(({a.sql}) is {'' if word == 'missing' else 'not '}null)", COMPARE, (a,))

    def member(self, place):
        if place.kind == "list":
            raise Dead
        segments = [d for d in self.definitions if d.kind != "tag"]
        if place.kind == "entity" and self.chance(0.05):
            name = self.entity.name
            return node(BOOL, name, "true", reads=frozenset("c"))
        if not segments:
            raise Dead
        d = self.rng.choice(segments)
        outside = "outside " if self.chance(0.4) else ""
        sql, three = f"c.{quoted(d.name)}", f"c.{quoted(d.name + ' ?')}"
        if outside:
            sql, three = f"(not {sql})", f"(not {three})"
        return node(BOOL, self.ref(place, d.name, outside), sql, sql3=three, uses=frozenset([d.name]), past=d.body.past)

    def listed(self, place, depth):
        """`x in (LIST.column where …)`."""
        if place.kind == "list":
            raise Dead
        coupons = self.world.sources["coupons"]
        if self.chance(0.6):
            a, column = self.any(place, 0, ["int"]), "product"
        else:
            a, column = self.leaf(place, ("text",)), "place"
        if a.ty.kind not in ("int", "text") or a.literal or a.ty.labels:
            raise Dead
        where, sql = "", ""
        if self.chance(0.5):
            condition = self.bool(Place("list", coupons), 1)
            where, sql = f" where {condition.seg}", f"where {condition.sql}"
        word = self.rng.choice(["in", "not in"])
        # A missing value in the list is no value to be found; unknown only where `x` is missing.
        inside = f"(case when ({a.sql}) is null then null else exists (select 1 from (select * from coupons l {sql}) l where l.{quoted(column)} = {a.sql}) end)"
        return node(BOOL, f"{at(a, COALESCE)} {word} (coupons.{column}{where})", inside if word == "in" else f"(not {inside})", COMPARE, (a,), past=None)

    # -- sequences --

    def happened(self, place):
        """Every way in which events can follow each other, by joins; the match is the smallest of their times."""
        rng = self.rng
        sources = [s for s in self.events() if s.time]
        count = rng.choice([1, 2, 2, 2, 3, 3])
        steps = [rng.choice(sources) for _ in range(count)]
        negative = [i > 0 and self.chance(0.25) for i in range(count)]
        kinds = {s.columns[s.time].ty.kind for s in steps}
        exact = all(s.columns[s.time].ty.frame == "utc" for s in steps if s.columns[s.time].ty.kind == "inst")
        key = f"c.{quoted(self.entity.key)}"
        words, bounds = "", everything
        if self.chance(0.7):
            words, bounds = window(self, next((s for s in steps if s.columns[s.time].ty.kind == "date"), steps[0]))
            words = " " + words
        said, tables, kids, gaps = [], [], [], []
        previous = None
        for i, s in enumerate(steps):
            text = ("not " if negative[i] else "") + s.name
            condition = within(self, s, bounds)
            same = None
            parts = []
            if self.chance(0.6):
                where = self.bool(Place("event", s, self.entity), rng.choice([0, 0, 1]))
                if where.literal or where.level < AND:
                    raise Dead
                kids.append(where)
                parts.append(where.seg)
                condition += f" and ({where.sql})"
            if previous is not None and self.chance(0.25):
                mine = [c.name for c in s.columns.values() if c.ty.kind == "int" and not c.ty.wild]
                theirs = [c.name for c in steps[previous].columns.values() if c.ty.kind == "int" and not c.ty.wild]
                if mine and theirs:
                    same = (rng.choice(mine), rng.choice(theirs), rng.choice(["=", ">=", "<"]))
                    parts.append(f"{s.name}.{same[0]} {same[2]} step{previous + 1}.{same[1]}")
            if parts:
                text += " where " + " and ".join(parts)
            gap = None
            if i > 0 and self.chance(0.5):
                gap = rng.choice([(1, "day"), (7, "day"), (30, "day"), (1, "month"), (2, "week")] + ([(36, "hour"), (1, "hour")] if kinds == {"inst"} else []))
                text += f" within {gap[0]} {gap[1]}{'s' if gap[0] > 1 else ''}"
            said.append(text)
            column = s.columns[s.time].ty
            x = node(column, "", f"e.{quoted(s.time)}")
            clock = x.sql if exact and column.frame == "utc" else self.local(x)
            tables.append(f'(select {key} as k, {x.sql} as own, {clock} as t, ({self.local(x)})::date as d, e.* from ev_{s.name} e '
                          f'join {{p}} c on {key} = e."own key" where {condition})')
            gaps.append((gap, same, previous))
            if not negative[i]:
                previous = i
        def later(a, b, i, gap, same, j):
            dated = "date" in (steps[i].columns[steps[i].time].ty.kind, steps[j].columns[steps[j].time].ty.kind)
            found = [f"{b}.k = {a}.k", f"{b}.d > {a}.d" if dated else f"{b}.t > {a}.t"]
            if gap:
                n, unit = gap
                found.append(f"{b}.t <= {a}.t + interval {n} hour" if unit == "hour" else
                             f"{b}.d <= ({a}.d + interval {n * (7 if unit == 'week' else 1)} {'day' if unit == 'week' else unit})::date")
            if same:
                found.append(f"{b}.{quoted(same[0])} {same[2]} {a}.{quoted(same[1])}")
            return " and ".join(found)
        real = [i for i in range(count) if not negative[i]]
        query, conditions = f"{tables[0]} s0", []
        for i in real[1:]:
            gap, same, j = gaps[i]
            query += f" join {tables[i]} s{i} on {later(f's{j}', f's{i}', j, gap, same, i)}"
        for i in range(count):
            if negative[i]:
                gap, same, j = gaps[i]
                until = next((r for r in real if r > i), None)
                not_there = later(f"s{j}", "x", j, gap, same, i)
                if until is not None:
                    dated = "date" in (steps[i].columns[steps[i].time].ty.kind, steps[until].columns[steps[until].time].ty.kind)
                    not_there += f" and x.d < s{until}.d" if dated else f" and x.t < s{until}.t"
                conditions.append(f"not exists (select 1 from {tables[i]} x where {not_there})")
        where = (" where " + " and ".join(conditions)) if conditions else ""
        order = ", ".join(f"s{i}.t" for i in real)
        value = "{" + ", ".join(f"'s{i + 1}': s{i}.own" for i in real) + "}"
        alias = f"a{self.fresh()}"
        n = node(BOOL, f"happened({' then '.join(said)}{words})", f"({alias}.k is not null)")
        n.aggs = ((alias, f"select s0.k as k, arg_min({value}, row({order})) as v from {query}{where} group by 1", "null"),)
        n.uses = frozenset().union(*(k.uses for k in kids))
        n.past = earliest([k.past for k in kids] + [dt.date.min])
        n.steps = [(i + 1, steps[i].columns[steps[i].time].ty) for i in real]
        return n

    def step(self, place, kinds):
        """`x.step1`: when a step of a sequence was."""
        options = [(d, i, ty) for d in self.definitions if d.kind == "tag" and d.body.steps for i, ty in d.body.steps if ty.kind in kinds]
        if not options or place.kind != "entity":
            raise Dead
        d, i, ty = self.rng.choice(options)
        alias = d.body.aggs[0][0]
        n = node(ty, f"⟪{d.name}⟫.step{i}", f"{alias}.v.s{i}", uses=frozenset([d.name]) | d.body.uses, past=d.body.past)
        n.aggs = d.body.aggs
        return n

    # -- aggregates --

    def events(self):
        s = self.world.sources
        if self.entity.name == "payers":
            return [s["buys"]]
        if self.entity.name == "accounts":
            return [s["moves"], s["moves"], s["app"]] if s["app"].also else [s["moves"]]
        return [s["tx"], s["tx"], s["tx"], s["app"], s["accounts"], s["moves"]]

    def aggregate(self, place, kinds):
        rng = self.rng
        source = rng.choice(self.events())
        inside = Place("event", source, self.entity)
        by_kind = {"int": ["count", "count", "sum", "min", "max", "distinct", "first", "last", "most_common"],
                   "dec": ["sum", "sum", "min", "max", "first", "last", "most_common", "avg", "median", "stddev"],
                   "float": ["share", "avg", "median", "stddev", "sum", "min", "max", "first", "last"],
                   "text": ["first", "last", "most_common", "min", "max"], "date": ["first", "last", "min", "max", "most_common"],
                   "inst": ["first", "last", "min", "max"], "bool": ["any", "any", "any", "first", "last", "most_common"]}
        kind = rng.choice(kinds)
        f = rng.choice(by_kind[kind])
        if f in ("first", "last") and not source.time:
            raise Dead
        words, condition, kids, anchor = "", "true", [], None
        if source.time:
            covered, bounds = window(self, source) if self.chance(0.75) else ("", everything)
            words = f" {covered}" if covered else ""
            if "after" in self.features and self.chance(0.15):
                words, own, anchor = self.own_window(inside)
                bounds = everything
            condition = within(self, source, bounds)
            if anchor:
                condition += f" and {own}"
                kids.append(anchor)
        where = None
        if f == "share" or self.chance(0.5):
            where = self.bool(inside, rng.choice([0, 1, 1, 2]))
            if where.literal:
                raise Dead
            said = f" where {where.seg}"
            # One window and one `where`, in either order. What follows `where` must not swallow the window.
            words = said + words if self.chance(0.15) and not words.startswith((" in", " on")) else words + said
            if f != "share":
                condition += f" and ({where.sql})"
            kids.append(where)
        x = None if f in ("count", "any", "share") else self.argument(inside, f, kind)
        return self.fold(f, source, x, words, condition, kids, anchor, where)

    def fold(self, f, source, x, words, condition, kids, anchor=None, where=None):
        """`f` over the events of a source for which the condition is true, of `x` where `f` takes a value."""
        kids = list(kids)
        if x is None:
            argument, ty = source.name, {"count": Ty("int", mag=1000), "any": BOOL, "share": Ty("float", mag=1, exact=False)}[f]
            value = {"count": "count(*)", "any": "count(*) > 0",
                     "share": f"count(*) filter (where {where.sql if where else 'true'}) / count(*)::double"}[f]
            nothing = {"count": "0", "any": "false", "share": "null"}[f]
        else:
            kids.append(x)
            argument, nothing, ty = x.seg, "null", x.ty
            if f == "sum":
                if ty.wild or not ty.exact:
                    raise Dead
                nothing = "0"
                value = f"case when count(*) = 0 then 0 else sum({x.sql}) end"
                ty = ty.but(mag=ty.mag * 200) if ty.kind != "dec" else Ty("dec", p=38, s=ty.s, mag=ty.mag * 200)
                self.fits(ty)
                if ty.kind == "int":
                    value = f"({value})::bigint"
            elif f in ("avg", "median", "stddev"):
                if ty.wild or not ty.exact:
                    raise Dead
                exact = f"(sum({x.sql})::double / nullif(count({x.sql}), 0))"
                value = {"avg": exact, "median": f"median(({x.sql})::double)", "stddev": f"stddev_samp(({x.sql})::double)"}[f]
                ty = Ty("float", mag=ty.mag + 1, exact=False)
            elif f in ("min", "max"):
                value = f"{f}({x.sql})"
            elif f == "distinct":
                if not ty.exact:
                    raise Dead
                value, nothing, ty = f"count(distinct {x.sql})", "0", Ty("int", mag=1000)
            elif f == "most_common":
                if not ty.exact:
                    raise Dead
                each = f"map_entries(histogram({x.sql}) filter (where ({x.sql}) is not null))"
                value = f"list_min(list_transform({each}, lambda m: {{'n': -(m.value::bigint), 'v': m.key}})).v"
            else:
                if not ty.exact:
                    raise Dead
                # A missing tie or value is the smaller.
                order = [f"e.{quoted(source.time)}"]
                for t in source.ties:
                    order += [f"(e.{quoted(t)} is not null)", f"e.{quoted(t)}"]
                order += [f"(({x.sql}) is not null)", f"({x.sql})"]
                value = f"arg_{'min' if f == 'first' else 'max'}({{'v': {x.sql}}}, row({', '.join(order)})).v"
        alias = f"a{self.fresh()}"
        key = f"c.{quoted(self.entity.key)}"
        query = f'select {key} as k, {value} as v from ev_{source.name} e join {{p}} c on {key} = e."own key" where {condition} group by 1'
        sql = f"(case when {alias}.k is null then {nothing} else {alias}.v end)"
        if anchor:  # without a date of one's own there is no window
            sql = f"(case when {anchor.sql} is not null then {sql} end)"
        if ty.kind == "dec":
            sql = f"cast({sql} as decimal({ty.p},{ty.s}))"
        n = node(ty, f"{f}({argument}{words})", sql)
        n.aggs = ((alias, query, nothing),)
        n.uses = frozenset().union(*(k.uses for k in kids))
        # Of what has no time nobody knows what there was.
        n.past = earliest([k.past for k in kids] + [dt.date.min if source.time else None])
        return n

    def argument(self, inside, f, kind):
        """A value of each event; says which source it is of."""
        kinds = ["int", "dec", "float", "text", "date", "inst", "bool"] if f == "distinct" else [kind]
        if f in ("avg", "median", "stddev"):
            kinds = ["int", "dec", "float"]
        if kind in ("int", "dec", "float") and f in ("sum", "min", "max", "first", "last"):
            kinds = ["int", "dec", "float"]
        source = inside.source
        own = [c for c in source.columns.values() if c.ty.kind in kinds]
        if not own:
            raise Dead
        c = self.rng.choice(own)
        x = node(c.ty, f"{source.name}.{c.name}", f"e.{quoted(c.name)}")
        if self.chance(0.7):
            return x
        if x.ty.kind == "inst" and kind == "date" or f == "distinct" and x.ty.kind == "inst":
            return node(DATE, f"date({x.seg})", f"({self.local(x)})::date", kids=(x,))
        if x.ty.kind in ("int", "dec", "float") and not x.ty.wild:
            y = self.literal(Ty("int")) if self.chance(0.5) else self.leaf(inside, ("int",), wild=False)
            if y.ty.wild:
                raise Dead
            op = self.rng.choice("+-")
            ty = self.common(x.ty, y.ty)
            if ty.kind == "dec":
                ty = ty.but(p=min(38, ty.p + 1))
            ty = self.fits(ty.but(mag=x.ty.mag + y.ty.mag))
            return node(ty, f"{x.seg} {op} {at(y, MULTIPLY)}", f"({self.brought(x, ty)} {op} {self.brought(y, ty)})", ADD, (x, y))
        if x.ty.kind == "text":
            return node(TEXT, f"lower({x.seg})", f"lower({x.sql})", kids=(x,))
        return x
