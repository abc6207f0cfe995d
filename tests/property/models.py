"""Parts of the generator: night windows, windows from a date of one's own, other days, `rfm` and `score`."""
import datetime as dt

from nodes import ADD, COALESCE, COMPARE, Dead, Definition, Node, Place, at, backquoted, earliest, node, quoted
from tables import BOOL, DATE, TEXT, Ty, back
from windows import everything, many, window, within


class Models:
    # -- windows --

    def around(self, place, depth):
        """`hour(x) between 22 and 5`: what comes round."""
        rng = self.rng
        f, low, high = rng.choice([("hour", 0, 23), ("hour", 0, 23), ("weekday", 1, 7), ("month", 1, 12)])
        x = self.inst(place, depth - 1) if f == "hour" else self.any(place, depth - 1, ["date", "inst"])
        if x.literal or (f == "hour" and x.ty.kind != "inst"):
            raise Dead
        a, b = rng.randint(low, high), rng.randint(low, high)
        value = f"{'isodow' if f == 'weekday' else f}({self.local(x)})"
        inside = f"({value} >= {a} {'and' if a <= b else 'or'} {value} <= {b})"
        word = rng.choice(["between", "between", "not between"])
        return node(BOOL, f"{f}({x.seg}) {word} {a} and {b}", inside if word == "between" else f"(not {inside})", COMPARE, (x,))

    def own_window(self, inside):
        """From a customer's own date: day 0 included, unless said. (words, condition, the date)"""
        rng = self.rng
        of = self.entity
        options = [node(c.ty, f"{of.name}.{c.name}", f"c.{quoted(c.name)}", past=of.past(c.name))
                   for c in of.columns.values() if c.ty.kind in ("date", "inst")]
        options += [node(d.body.ty, self.ref(inside, d.name), f"c.{quoted(d.name)}", uses=frozenset([d.name]), past=d.body.past)
                    for d in self.definitions if d.kind == "tag" and d.body.ty.kind in ("date", "inst")
                    and d.name not in inside.source.columns and d.name not in of.columns]
        if not options:
            raise Dead
        x = rng.choice(options)
        column = inside.source.columns[inside.source.time].ty
        e = node(column, "", f"e.{quoted(inside.source.time)}")
        day, own = f"({self.local(e)})::date", f"({self.local(x)})::date"
        pick = rng.random()
        if x.ty.kind == column.kind == "inst" and pick < 0.35:
            # Of hours, from the moment itself.
            n, unit = rng.choice([(1, "hour"), (24, "hour"), (36, "hour"), (720, "hour"), (90, "minute")])
            end = node(x.ty, "", f"({x.sql} + interval {n} {unit})")
            t, a, b = (e.sql, x.sql, end.sql) if column.frame == x.ty.frame else (self.local(e), self.local(x), self.local(end))
            return f" within {many(rng, n, unit)} after {x.seg}", f"({t} >= {a} and {t} <= {b})", x
        n, unit = rng.choice([(1, "day"), (30, "day"), (2, "week"), (1, "month"), (3, "month"), (1, "year")])
        if pick < 0.6:
            step = f"interval {n * 7} day" if unit == "week" else f"interval {n} {unit}"
            return f" within {many(rng, n, unit)} after {x.seg}", f"({day} >= {own} and {day} <= ({own} + {step})::date)", x
        if pick < 0.85:
            a = rng.choice([0, 1, 7])
            b = a + rng.choice([0, 6, 30])
            return f" in days {a} to {b} after {x.seg}", f"({day} >= {own} + {a} and {day} <= {own} + {b})", x
        return f" after {x.seg}", f"({day} >= {own})", x

    # -- other days --

    def on_day(self, place, kinds):
        """`(TAG on DATE)`: what has a past, on an earlier day; nothing after it is seen."""
        rng, world = self.rng, self.world
        if place.kind == "list":
            raise Dead
        options = [(d.name, d.body.ty, d.body.past, d) for d in self.definitions if d.body.ty.kind in kinds and d.body.past]
        taken = {d.name for d in self.definitions}
        if place.kind == "entity":
            options += [(c.name, c.ty, self.entity.past(c.name), None) for c in self.entity.columns.values()
                        if c.ty.kind in kinds and self.entity.past(c.name) and c.name not in taken]
        if not options:
            raise Dead
        name, ty, past, d = rng.choice(options)
        day = back(world.day, rng.choice([1, 2, 7, 30, 31, 90, 200, 365]), "day")
        day = rng.choice([day, day, day, back(world.day, rng.randint(1, 6), "month")])
        if day < past:
            raise Dead
        ago = (world.day - day).days
        pick = rng.random()
        said = f"today - {ago} days" if pick < 0.2 else self.param(str(day)) if pick < 0.3 else str(day)
        table = next((t for t, n, on in self.pasts if (n, on) == (name, day)), None)
        if table is None:
            table = f"on{len(self.pasts)}"
            self.pasts.append((table, name, day))
        alias = f"a{self.fresh()}"
        if place.kind == "event":
            alias = f"(select o from {table} o where o.k = c.{quoted(self.entity.key)})"
        value, three = f"{alias}.v", None
        if d and d.kind != "tag":   # of nobody there is a row missing
            three = f"{alias}.three"
        if d is None:
            ref = name
        else:
            ref = self.ref(place, name).replace("⟦", "⟪").replace("⟧", "⟫")
        # Another day has its own `today`: what is said by it has no past itself.
        n = node(ty, f"({ref} on {said})", value, sql3=three, past=None if pick < 0.2 else day,
                 uses=frozenset([name]) if d else frozenset(), reads=frozenset() if d else frozenset("c"))
        if place.kind == "entity":
            n.aggs = ((alias, f"select k, v{', three' if three else ''} from {table} ", "null"),)
        return n

    # -- models --

    def rfm(self):
        """How recently, how often, how much; and each compared with those who have had an event at all."""
        rng = self.rng
        source = rng.choice([s for s in self.events() if s.time])
        inside = Place("event", source, self.entity)
        number = len(self.definitions)
        name = rng.choice([f"rfm{number}", f"价值{number}", f"value no. {number}"])
        def part():
            covered, bounds = window(self, source) if self.chance(0.6) else ("", everything)
            words, condition, kids = f" {covered}" if covered else "", within(self, source, bounds), []
            if self.chance(0.3):
                where = self.bool(inside, rng.choice([0, 1]))
                if where.literal:
                    raise Dead
                words, kids = words + f" where {where.seg}", [where]
                condition += f" and ({where.sql})"
            return words, condition, kids
        taken = set(self.entity.columns) | {d.name for d in self.definitions}
        said = lambda column: f"{source.name}.{column}" if column in taken or column == "minutes" or self.chance(0.3) else column
        time = source.columns[source.time]
        t = node(time.ty, said(source.time), f"e.{quoted(source.time)}")
        if time.ty.kind == "inst" and self.chance(0.3):
            t = node(DATE, f"date({t.seg})", f"({self.local(t)})::date")
        latest = self.fold("last", source, t, "", within(self, source, everything), [])
        recency = node(Ty("int", mag=100_000), "", f"(today() - ({self.local(latest)})::date)", kids=(latest,))
        often, condition, kids = part()
        frequency = self.fold("count", source, None, often, condition, kids)
        x = rng.choice([c for c in source.columns.values() if c.ty.kind in ("int", "dec", "float") and not c.ty.wild])
        if not x.ty.exact:
            raise Dead
        money, condition, kids = part()
        x = node(x.ty, said(x.name), f"e.{quoted(x.name)}")
        monetary = self.fold("sum", source, x, money, condition, kids)
        bins, together = rng.choice([None, None, 2, 3, 4, 10, 12]), self.chance(0.3)
        clauses = [f"recency {t.seg}", f"frequency{often}", f"monetary {x.seg}{money}"]
        if bins:
            clauses.append(f"bins {bins}")
        bins = bins or 5
        base, uses, past = "true", frozenset(), dt.date.min
        segments = [d for d in self.definitions if d.kind != "tag"]
        if segments and self.chance(0.35):
            d = rng.choice(segments)
            clauses.append(f"in ⟪{d.name}⟫")
            base, uses, past = f"c.{quoted(d.name)}", frozenset([d.name]), d.body.past
        if together:
            clauses.append("ties together")
        if self.chance(0.3):
            rng.shuffle(clauses)
        title = rng.choice(["", ' "Value"', ' "价值"'])
        written = f"rfm {backquoted(name)}{title}{self.of_said(source)} from {source.name}\n  " + "\n  ".join(clauses)
        common = dict(uses=uses, past=past)
        def tile(of, order):
            kids = (recency, of)
            ranked = f"(({base}) and ({recency.sql}) is not null and ({of.sql}) is not null)"
            over = f"partition by {ranked}"
            if together:
                n, below = f"count(*) over ({over})", f"(rank() over ({over} order by {order}) - 1)"
                more, size = f"({n} % {bins})", f"({n} // {bins})"
                value = f"((case when {below} < {more} * ({size} + 1) then {below} // ({size} + 1) " \
                        f"else {more} + ({below} - {more} * ({size} + 1)) // {size} end) + 1)"
            else:
                value = f"ntile({bins}) over ({over} order by {order}, c.{quoted(self.entity.key)})"
            return node(Ty("int", mag=bins), "", f"(case when {ranked} then {value} end)", kids=kids, **common)
        r, f, m = tile(recency, f"{recency.sql} desc"), tile(frequency, frequency.sql), tile(monetary, monetary.sql)
        apart = "'-'" if bins > 9 else "''"
        cell = node(TEXT, "", f"({r.sql} || {apart} || {f.sql} || {apart} || {m.sql})", kids=(r, f, m))
        total = node(Ty("int", mag=3 * bins), "", f"({r.sql} + {f.sql} + {m.sql})", kids=(r, f, m))
        if "model of" not in self.features:
            # Nor were such parts checked in full on another day.
            recency.past = frequency.past = monetary.past = None if uses else dt.date.min
        parts = {"recency": recency, "frequency": frequency, "monetary": monetary, "r": r, "f": f, "m": m, "cell": cell, "score": total}
        # Each part needs all that the model says.
        needs = frozenset().union(*(p.uses for p in parts.values()))
        for word, body in parts.items():
            self.definitions.append(Definition(f"{name}.{word}", "tag", body, written=written, depends=needs, model=name))

    def of_said(self, source):
        """Whose model it is, where it could be two."""
        two = source.also or source.name == "moves"
        if "model of" not in self.features:
            if two:
                raise Dead
            return ""
        return f" of {self.entity.name}" if two or self.chance(0.3) else ""

    def score(self):
        """Points that conditions add and take; unknown gives none."""
        rng = self.rng
        kids, ty = [], Ty("int", mag=0)
        def points():
            n = self.literal(Ty("int")) if self.chance(0.75) else self.number(self.place, 1, wild=False)
            if n.ty.wild or not n.ty.exact or " over (" in n.sql:
                raise Dead
            return n
        said, terms = [], []
        if self.chance(0.7):
            base = points()
            said.append(f"base {at(base, COALESCE)}")
            terms.append(("", base, None))
        for _ in range(rng.randint(1, 4)):
            word, n, when = rng.choice(["add", "add", "take"]), points(), self.bool(self.place, rng.choice([1, 1, 2]))
            if when.literal:
                raise Dead
            said.append(f"{word} {at(n, COALESCE)} when {when.seg}")
            terms.append(("-" if word == "take" else "+", n, when))
        for _, n, when in terms:
            mag = ty.mag + n.ty.mag
            ty = self.common(ty, n.ty)
            ty = ty.but(mag=mag, p=min(38, ty.p + 1)) if ty.kind == "dec" else ty.but(mag=mag)
            kids += [n] + ([when] if when else [])
        ends = None
        if self.chance(0.5):
            ends = sorted(rng.sample([-100, -10, 0, 1, 35, 50, 100, 1000], 2))
            said.append(f"clamp {ends[0]} to {ends[1]}")
        self.fits(ty)
        if not ty.exact:
            raise Dead
        sql = self.brought(Node(Ty("int"), "", "0"), ty)
        for sign, n, when in terms:
            value = self.brought(n, ty)
            sql += f" {sign or '+'} {value}" if when is None else \
                f" {sign} (case when {when.sql} then {value} else {self.brought(Node(Ty('int'), '', '0'), ty)} end)"
        sql = f"({sql})"
        if ends:
            sql = f"(case when {sql} is not null then least(greatest({sql}, {ends[0]}), {ends[1]}) end)"
        if ty.kind == "dec":
            sql = f"cast({sql} as decimal({ty.p},{ty.s}))"
        body = node(ty, "", sql, kids=kids)
        name = self.name("score")
        of = ""
        alone = "c" in body.reads and not body.uses and self.entity.name == "customers"
        if not alone or self.chance(0.2):
            if "model of" not in self.features:
                raise Dead
            of = f" of {self.entity.name}"
        title = rng.choice(["", ' "Points"', ' "评分"'])
        written = f"score {backquoted(name)}{title}{of}\n  " + "\n  ".join(said)
        self.definitions.append(Definition(name, "tag", body, written=written, depends=body.uses))
