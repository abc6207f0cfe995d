"""A world: small random tables written to files, the sources that declare them, and the same tables for DuckDB.

Values are chosen to be nasty where nasty is cheap: exact midnights, the edges of the usual windows, days on which
clocks change, missing keys and times, orphans, blanks, NaN, both zeros, and the largest values of a type.
"""
import datetime as dt
import os
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

UTC = dt.timezone.utc
DAY = dt.timedelta(days=1)
ZONES = ["Asia/Shanghai", "Europe/Berlin", "America/New_York"]
# Days on which the clocks of Berlin or New York change.
CHANGES = [dt.date(2026, 3, 29), dt.date(2026, 10, 25), dt.date(2026, 3, 8), dt.date(2026, 11, 1)]


@dataclass(frozen=True)
class Ty:
    """What the generator knows of a value: the kind, and what it may be used for.

    `mag` bounds the absolute value. `bits` are binary places after the point: a float with them is exact in any order
    of summing. `exact` is false for a float that two engines may round differently. `wild` values (extremes) are
    compared and collected, never calculated with.
    """
    kind: str
    p: int = 0
    s: int = 0
    mag: float = 0.0
    bits: int = 0
    exact: bool = True
    wild: bool = False
    frame: str = "local"
    labels: tuple = None

    def but(self, **changes):
        return replace(self, **changes)


BOOL, TEXT, DATE = Ty("bool"), Ty("text"), Ty("date")


def instant(frame):
    return Ty("inst", frame=frame)


@dataclass
class Column:
    name: str
    ty: Ty
    values: list          # as Python values, None where missing
    arrow: object         # the type in the file
    sql: str = "{}"       # how DuckDB brings it to the language's value
    clause: str = None    # `column … as …`

    def known(self):
        """The language's values of a column of numbers, dates or local times; of others, none."""
        values = [v for v in self.values if v is not None]
        if self.ty.wild or self.ty.kind not in ("int", "dec", "date", "inst") or (self.ty.kind == "inst" and self.ty.frame != "local"):
            return []
        if self.ty.kind == "int":
            return [int(Decimal(v).quantize(0, ROUND_HALF_UP)) for v in values]
        return [Decimal(str(v)) for v in values] if self.ty.kind == "dec" else values


@dataclass
class Source:
    name: str
    columns: dict
    key: str = None
    of: tuple = None      # (entity, column)
    time: str = None
    ties: list = field(default_factory=list)
    links: dict = field(default_factory=dict)   # name -> (column, source)
    path: str = None
    files: list = field(default_factory=list)
    clauses: list = field(default_factory=list)
    where: tuple = None   # (Segue, SQL over the raw columns)
    also: tuple = None    # a second entity: (entity, column)
    latest: str = None    # of a table with a row for every change: when each began to hold
    fixed: list = field(default_factory=list)
    keys_of: str = None   # of an entity without a table: whose keys it is made of

    def past(self, column):
        """The earliest day on which the column's value is known; None where the file only says what it is."""
        known = self.time or self.latest or column == self.key or column in self.fixed
        return dt.date.min if known else None

    def declared(self):
        parts = [f'source {self.name} from ' + (f"keys of {self.keys_of}" if self.keys_of else f'"{self.path}"')]
        if self.key and not self.keys_of:
            parts.append(f"key {self.key}")
        if self.of:
            parts.append(f"of {self.of[0]} by {self.of[1]}")
        if self.also:
            parts.append(f"of {self.also[0]} by {self.also[1]}")
        if self.latest:
            parts.append(f"latest by {self.latest}")
        if self.fixed:
            parts.append(f"fixed {', '.join(self.fixed)}")
        if self.time:
            utc = " utc" if self.columns[self.time].ty.frame == "utc" else ""
            parts.append("at " + ", ".join([self.time] + self.ties) + utc)
        for name, (column, target) in self.links.items():
            parts.append(f"link {column} -> {target} as {name}")
        parts += [c.clause for c in self.columns.values() if c.clause]
        if self.where:
            parts.append(f"where {self.where[0]}")
        return "\n    ".join(parts)


@dataclass
class World:
    folder: str
    zone: ZoneInfo
    day: dt.date
    moment: dt.datetime   # the local as-of where it is an instant, else None
    sources: dict

    @property
    def as_of(self):
        return self.moment.isoformat() if self.moment else self.day.isoformat()

    def utc(self, local):
        """The first moment at which the wall clock shows `local`; naive, in UTC."""
        return local.replace(tzinfo=self.zone, fold=0).astimezone(UTC).replace(tzinfo=None)

    def moment_of(self, local):
        """The same for any clock time: one that is skipped is the moment of the jump."""
        found = self.utc(local)
        if self.local(found) == local:
            return found
        # A gap: by the offset before the jump it would be after it, by the one behind it before it.
        low = local.replace(tzinfo=self.zone, fold=1).astimezone(UTC).replace(tzinfo=None)
        high = found
        while high - low > dt.timedelta(microseconds=1):
            middle = low + (high - low) / 2
            low, high = (low, middle) if self.local(middle) > local else (middle, high)
        return high

    def local(self, utc):
        return utc.replace(tzinfo=UTC).astimezone(self.zone).replace(tzinfo=None)

    def cut(self):
        """What happens at this local time or later is not seen."""
        return self.moment or midnight(self.day + DAY)


def midnight(day):
    return dt.datetime.combine(day, dt.time())


def back(day, amount, unit):
    """`day` moved back, months clipped to the month's end."""
    if unit in ("day", "week"):
        return day - dt.timedelta(days=amount * (7 if unit == "week" else 1))
    months = amount * {"month": 1, "quarter": 3, "year": 12}[unit]
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    last = ((dt.date(year + (month == 11), (month + 1) % 12 + 1, 1)) - DAY).day
    return dt.date(year, month + 1, min(day.day, last))


# ---- values ----

CITIES = ["上海", "Berlin", "New York", " ", "", "北京", "São Paulo", "berlin", "Köln 🙂", "x" * 40]
KINDS = ["food", "travel", "fund", "card", "view_fund", "登录"]
NUMBERS = ["12.5", "-3", "007", "abc", "", "1e3", "nan", "inf", "0.1", "金"]


class Maker:
    def __init__(self, rng):
        self.rng = rng
        # In half of the worlds missing values are rare, in the others common.
        self.missing = rng.choice([0.0, 0.05, 0.15, 0.4])

    def some(self, n, make, missing=None):
        rate = self.missing if missing is None else missing
        return [None if self.rng.random() < rate else make() for _ in range(n)]

    def whole(self, name, n, low, high):
        width = self.rng.choice([pa.int64(), pa.int64(), pa.int32()] + ([pa.int16(), pa.int8()] if high < 127 else []))
        return Column(name, Ty("int", mag=max(abs(low), abs(high))),
                      self.some(n, lambda: self.rng.randint(low, high)), width, "{}::bigint")

    def huge(self, name, n):
        pool = [2**63 - 1, -2**63, 2**31, -2**31 - 1, 0, 1, -1, 2**53 + 1]
        return Column(name, Ty("int", mag=2.0**63, wild=True), self.some(n, lambda: self.rng.choice(pool)), pa.int64(),
                      "{}::bigint")

    def money(self, name, n):
        p, s = self.rng.choice([(18, 2), (9, 2), (20, 4), (38, 2), (12, 0), (7, 3)])
        top = self.rng.choice([50, 1000, 99_999]) if p - s > 5 else 999
        def make():
            if self.rng.random() < 0.3:
                return Decimal(self.rng.choice([0, 1, -1, 10, 100, top]))
            return Decimal(self.rng.randint(-top * 10**s // 3, top * 10**s)).scaleb(-s)
        return Column(name, Ty("dec", p=p, s=s, mag=top), self.some(n, make), pa.decimal128(p, s))

    def cents(self, name, n):
        """Money stored as floats, read as decimals."""
        make = lambda: self.rng.randint(-20_000, 99_999) / 100
        return Column(name, Ty("dec", p=18, s=2, mag=1000), self.some(n, make), pa.float64(),
                      "cast({} as decimal(18,2))", f"column {name} as decimal(18,2)")

    def rounded(self, name, n):
        """Decimals read as whole numbers."""
        make = lambda: Decimal(self.rng.randint(-500, 2000)).scaleb(-2)
        return Column(name, Ty("int", mag=20), self.some(n, make), pa.decimal128(9, 2), "round({})::bigint", f"column {name} as int")

    def tenths(self, name, n):
        """Decimals read with a digit less; what does not fit is missing."""
        make = lambda: Decimal(self.rng.randint(-3000, 12000)).scaleb(-2)
        fits = "case when abs(round({0}, 1)) < 100 then round({0}, 1)::decimal(3,1) end"
        return Column(name, Ty("dec", p=3, s=1, mag=100), self.some(n, make), pa.decimal128(9, 2), fits, f"column {name} as decimal(3,1)")

    def ratio(self, name, n):
        """Eighths, so that sums are exact; NaN and both zeros among them."""
        def make():
            luck = self.rng.random()
            if luck < 0.08:
                return float("nan")
            if luck < 0.2:
                return self.rng.choice([0.0, -0.0])
            return self.rng.randint(-4000, 4000) / 8
        kind = self.rng.choice([pa.float64(), pa.float64(), pa.float32()])
        return Column(name, Ty("float", mag=500, bits=3), self.some(n, make), kind,
                      "case when isnan({0}) then null else {0}::double end")

    def wild(self, name, n):
        pool = [1e308, -1e308, 5e-324, float("nan"), 0.0, -0.0, 1.5, -1.5, 1e15]
        return Column(name, Ty("float", mag=1e308, wild=True), self.some(n, lambda: self.rng.choice(pool)), pa.float64(),
                      "case when isnan({0}) then null else {0} end")

    def text(self, name, n, pool):
        kind = self.rng.choice([pa.string(), pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
        pool = self.rng.sample(pool, self.rng.randint(2, len(pool)))
        return Column(name, TEXT, self.some(n, lambda: self.rng.choice(pool)), kind, "{}::varchar")

    def flag(self, name, n):
        return Column(name, BOOL, self.some(n, lambda: self.rng.random() < 0.5), pa.bool_())

    def date(self, name, n, day, far=False):
        def make():
            luck = self.rng.random()
            if far and luck < 0.1:
                return self.rng.choice([dt.date(1900, 1, 1), dt.date(1969, 12, 31), dt.date(1970, 1, 1), dt.date(2099, 12, 31)])
            if luck < 0.25:
                return self.rng.choice([dt.date(2024, 2, 29), dt.date(2025, 12, 31), dt.date(2026, 1, 31), day, day - DAY])
            if luck < 0.5:
                return back(day, self.rng.randint(0, 30), "month")
            return day - dt.timedelta(days=self.rng.randint(-60, 900))
        return Column(name, DATE, self.some(n, make), pa.date32(), "{}::date")

    def moment(self, world, day, edges=True):
        """A local wall clock near the run's day, often on an edge."""
        rng, luck = self.rng, self.rng.random()
        if luck < 0.35:
            unit = rng.choice(["day", "day", "week", "month", "quarter", "year"])
            on = back(day, rng.choice([0, 1, 2, 3, 7, 29, 30, 31, 90]) if unit == "day" else rng.randint(0, 3), unit)
            on = on + dt.timedelta(days=rng.choice([-1, 0, 0, 1]))
        elif luck < 0.45:
            on = day + dt.timedelta(days=rng.randint(1, 20))
        elif luck < 0.55:
            on = rng.choice(CHANGES) - dt.timedelta(days=rng.choice([0, 0, 1, -1]))
        else:
            on = day - dt.timedelta(days=rng.randint(0, rng.choice([10, 120, 420])))
        luck = rng.random()
        if luck < 0.3:
            clock = dt.time()
        elif luck < 0.4:
            clock = dt.time(23, 59, 59, 999999)
        elif luck < 0.5:
            clock = dt.time(rng.choice([1, 2, 3]), rng.choice([0, 30]))
        else:
            clock = dt.time(rng.randint(0, 23), rng.randint(0, 59), rng.randint(0, 59), rng.choice([0, 0, 1, 500000]))
        return dt.datetime.combine(on, clock)

    def time(self, name, n, world, day, frame, missing=None):
        """A timestamp: `local` and `utc` have no zone in the file, `zoned` has one."""
        moments = self.some(n, lambda: self.moment(world, day), missing)
        unit = self.rng.choice(["us", "us", "ms", "ns"])
        if unit == "ms":
            moments = [m and m.replace(microsecond=m.microsecond // 1000 * 1000) for m in moments]
        if frame != "local":
            moments = [m and world.utc(m) for m in moments]
        if frame == "zoned":
            moments = [m and m.replace(tzinfo=UTC) for m in moments]
            return Column(name, instant("utc"), moments, pa.timestamp(unit, self.rng.choice(["UTC", str(world.zone)])),
                          "({} at time zone 'UTC')::timestamp")
        return Column(name, instant(frame), moments, pa.timestamp(unit), "{}::timestamp")


    def history(self, world, day, keys):
        """Keys with one to three rows each, and since when each row holds: never two at once."""
        repeated = [k for k in keys for _ in range(self.rng.choice([1, 1, 2, 3]))]
        n = len(repeated)
        since = self.date("valid_from", n, day) if self.rng.random() < 0.5 else \
            self.time("valid_from", n, world, day, self.rng.choice(["local", "zoned"]), 0.04)
        seen = set()
        for i, k in enumerate(repeated):
            if (k, since.values[i]) in seen:
                since.values[i] = None
            seen.add((k, since.values[i]))
        return repeated, since

    def fix(self, source):
        """Some of an entity's columns never change."""
        if not source.latest:
            names = [c for c in source.columns if c != source.key]
            source.fixed = self.rng.sample(names, self.rng.choice([0, 2, len(names) // 2]))


# ---- files ----

def write(rng, folder, source, hive=None):
    """Writes a source's columns as one file or several; says where they are."""
    columns = list(source.columns.values())
    n = len(columns[0].values)
    rows = list(range(n))
    rng.shuffle(rows)
    os.makedirs(os.path.join(folder, source.name), exist_ok=True)
    def put(name, rows, dropped=()):
        arrays, names = [], []
        for c in columns:
            if c.name in dropped:
                continue
            arrays.append(pa.array([c.values[r] for r in rows], type=c.arrow) if not pa.types.is_dictionary(c.arrow)
                          else pa.array([c.values[r] for r in rows], type=pa.string()).dictionary_encode())
            names.append(c.name)
        if rng.random() < 0.3:      # files need not agree on where a column stands, and how its values are told
            order = rng.sample(range(len(names)), len(names))
            names, arrays = [names[i] for i in order], [other(rng, arrays[i]) for i in order]
        table = pa.table(arrays, names=names)
        path = os.path.join(folder, source.name, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        pq.write_table(table, path, row_group_size=rng.choice([1, 3, 10, 1000]), use_dictionary=rng.random() < 0.7,
                       compression=rng.choice(["snappy", "none", "zstd"]), write_statistics=rng.random() < 0.8,
                       store_schema=rng.random() < 0.5, write_page_index=rng.random() < 0.7,
                       **rng.choice([{}, {"write_batch_size": 1, "data_page_size": 1}]))
        source.files.append(path)
    if hive:
        source.path = source.name
        groups = {}
        for r in rows:
            groups.setdefault(source.columns[hive].values[r], []).append(r)
        for value, group in groups.items():
            put(f"{hive}={value}/data.parquet", group, (hive,))
    elif rng.random() < 0.4:
        source.path = f"{source.name}/*.parquet"
        pieces = rng.randint(2, 4)
        for i in range(pieces):
            put(f"{i}.parquet", rows[i::pieces])
    else:
        source.path = f"{source.name}/all.parquet"
        put("all.parquet", rows)


def other(rng, array):
    """The same values in another type, where it holds them."""
    kind = array.type
    others = [pa.timestamp(unit, kind.tz) for unit in ("ms", "us", "ns")] if pa.types.is_timestamp(kind) else \
        [pa.int16(), pa.int32(), pa.int64()] if pa.types.is_integer(kind) else \
        [pa.decimal128(kind.precision + 1, kind.scale)] if pa.types.is_decimal(kind) and kind.precision < 30 else []
    for ty in rng.sample(others, len(others)):
        try:
            return array.cast(ty)
        except pa.ArrowInvalid:
            continue
    return array


def load(con, source):
    """The table `source.name` in DuckDB, with the language's values; `NAME_rows` where it has a history."""
    columns = ", ".join(f'{c.sql.format(chr(34) + c.name + chr(34))} as "{c.name}"' for c in source.columns.values())
    hive = any("=" in os.path.basename(os.path.dirname(f)) for f in source.files)
    files = "[" + ", ".join(f"'{f}'" for f in source.files) + "]"
    where = f"where {source.where[1]}" if source.where else ""
    # In two steps: DuckDB 2.0 mixes up rows where a `case` stands right on the scan of a file.
    con.execute(f"create or replace table raw as select * from read_parquet({files}, union_by_name = true, "
                f"hive_partitioning = {str(hive).lower()})")
    name = source.name + ("_rows" if source.latest else "")
    con.execute(f"create or replace table {name} as select {columns} from raw {where}")


# ---- conditions of a source ----

def condition(rng, columns, depth=1):
    """What must be true of a source's rows: (Segue, SQL over the raw columns)."""
    if depth and rng.random() < 0.4:
        (a, x), (b, y), word = condition(rng, columns, 0), condition(rng, columns, 0), rng.choice(["and", "or"])
        return f"({a} {word} {b})", f"(({x}) {word} ({y}))"
    c = rng.choice(columns)
    sql, values, name = c.sql.format(f'"{c.name}"'), c.known(), c.name
    if rng.random() < 0.15:
        word = rng.choice(["missing", "known"])
        return f"{name} is {word}", f"({sql}) is {'' if word == 'missing' else 'not '}null"
    if c.ty.kind == "text":
        few = rng.sample(KINDS, rng.choice([1, 1, 2]))
        word = rng.choice(["in", "not in"])
        return (f"{name} {word} ({', '.join(chr(34) + k + chr(34) for k in few)})",
                f"({sql}) {word} ({', '.join(chr(39) + k + chr(39) for k in few)})")
    if not values:
        return condition(rng, columns, depth)
    value = rng.choice(values)
    if c.ty.kind == "dec":
        sql = f"({sql})::decimal(38,6)"
        places = rng.choice([None, None, 0, 1])
        if places is not None:
            name, sql = f"round({name}, {places})", f"round({sql}, {places})"
            value = value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
        said, value = f"{value:f}", f"cast('{value:f}' as decimal(38,6))"
    elif c.ty.kind == "int":
        said, value = str(value), f"({value})::bigint"
    elif c.ty.kind == "date":
        said, value = str(value), f"date '{value}'"
    else:
        value += dt.timedelta(microseconds=rng.choice([0, 0, 1, -1, 500]))
        said, value = value.isoformat(), f"timestamp '{value}'"
    op = rng.choice(["=", "!=", "<", "<=", ">", ">="])
    return f"{name} {op} {said}", f"({sql}) {op} {value}"


# ---- the world ----

def make(folder, rng):
    zone = ZoneInfo(rng.choice(ZONES))
    day = rng.choice([dt.date(2026, rng.randint(1, 12), rng.randint(1, 28)), dt.date(2026, rng.randint(1, 12), 1),
                      rng.choice(CHANGES), rng.choice(CHANGES) + DAY, dt.date(2024, 2, 29),
                      rng.choice([dt.date(2026, 1, 31), dt.date(2026, 3, 31), dt.date(2026, 5, 31), dt.date(2026, 12, 31), dt.date(2026, 3, 30)])])
    moment = None
    if rng.random() < 0.12:
        moment = dt.datetime.combine(day, dt.time(rng.choice([5, 8, 12, 23]), rng.choice([0, 30])))
    world = World(folder, zone, day, moment, {})
    m = Maker(rng)

    regions = add(world, rng, Source("regions", {}, key="code"), [
        Column("code", TEXT, ["N", "S", "E"], pa.string(), "{}::varchar"), m.text("label", 3, KINDS), m.whole("weight", 3, 0, 9)])
    n = rng.randint(1, 6)
    branches, numbers, since = Source("branches", {}, key="branch_no", links={"region": ("region_code", "regions")}), list(range(1, n + 1)), []
    if rng.random() < 0.25:
        branches.latest = "valid_from"
        numbers, changed = m.history(world, day, numbers)
        n, since = len(numbers), [changed]
    add(world, rng, branches, since + [
        Column("branch_no", Ty("int", mag=20), numbers, pa.int32(), "{}::bigint"),
        m.text("town", n, CITIES), m.whole("size", n, 0, 50), m.date("opened", n, day), m.flag("open", n),
        Column("region_code", TEXT, m.some(n, lambda: rng.choice(["N", "S", "E", "W"])), pa.string(), "{}::varchar")])
    coupons = rng.randint(0, 8)
    add(world, rng, Source("coupons", {}), [
        m.whole("product", coupons, 1, 12), m.text("place", coupons, CITIES), m.whole("campaign", coupons, 1, 3)])

    n = rng.choice([0, 1, 2, 3, 10, 25, 40]) if rng.random() < 0.5 else rng.randint(5, 30)
    texts = rng.random() < 0.35
    keys = rng.sample(range(1, 400), n)
    if not texts and rng.random() < 0.2 and n:
        keys[0] = rng.choice([-5, 0, 2**31 - 1])
    orphan = 999
    if texts:
        keys = [rng.choice(["C-", "c", "客"]) + f"{k:04d}" for k in keys]
        orphan = "nobody"
    key_kind = pa.string() if texts else rng.choice([pa.int32(), pa.int64()])
    key_sql, key_ty = ("{}::varchar", TEXT) if texts else ("{}::bigint", Ty("int", mag=2.0**31, wild=True))
    def key_column(name, n, keys=keys, orphan=orphan, ty=key_ty, sql=key_sql, texts=texts):
        kind = pa.string() if texts else rng.choice([pa.int32(), pa.int64()])
        if texts and rng.random() < 0.3:
            kind = pa.dictionary(pa.int32(), pa.string())
        few = rng.sample(keys, (len(keys) * 3 + 3) // 4) if keys else []
        pick = lambda: orphan if not few or rng.random() < 0.05 else rng.choice(few)
        return Column(name, ty, m.some(n, pick, 0.04), kind, sql)

    customers, rows, since = Source("customers", {}, key="id", links={"branch": ("branch_no", "branches")}), keys, []
    if rng.random() < 0.2:
        customers.latest = "valid_from"
        rows, changed = m.history(world, day, keys)
        n, since = len(rows), [changed]
    add(world, rng, customers, since + [
        Column("id", key_ty, rows, key_kind, key_sql),
        m.whole("points", n, -50, 50), m.whole("age", n, 18, 90), m.huge("big", n), m.money("balance", n), m.money("rate", n),
        m.ratio("ratio", n), m.wild("wild", n), m.text("city", n, CITIES), m.text("grade", n, list("ABCDE")),
        m.text("spelled", n, NUMBERS), m.flag("vip", n), m.flag("last", n), m.date("born", n, day, far=True), m.date("joined", n, day),
        m.time("seen", n, world, day, "local"), m.time("login", n, world, day, "zoned"),
        Column("branch_no", Ty("int", mag=20), m.some(n, lambda: rng.randint(1, 7)), pa.int64(), "{}::bigint")])

    n = rng.choice([0, 1, 5]) if rng.random() < 0.12 else rng.randint(10, 150)
    hive = rng.random() < 0.25
    frame = rng.choice(["local", "local", "utc", "zoned", "date"])
    when = m.date("ts", n, day) if frame == "date" else m.time("ts", n, world, day, frame, 0.04)
    columns = [
        key_column("cust", n), when, rng.choice([m.money, m.money, m.money, m.cents, m.tenths])("amount", n),
        m.whole("qty", n, -5, 20) if rng.random() < 0.8 else m.rounded("qty", n), m.ratio("score", n), m.wild("odd", n), m.huge("most", n), m.text("kind", n, KINDS),
        m.text("city", n, CITIES), m.flag("ok", n), m.date("due", n, day), m.whole("product", n, 1, 12),
        Column("branch_no", Ty("int", mag=20), m.some(n, lambda: rng.randint(1, 7)), pa.int32(), "{}::bigint")]
    if hive:
        columns.append(Column("part", Ty("int", mag=5), [rng.randint(1, 4) for _ in range(n)], pa.int64(), "{}::bigint"))
    ties = [["seq"], ["seq", "kind"], [], []][rng.randint(0, 3)]
    columns.append(Column("seq", Ty("int", mag=200), rng.sample(range(n), n) if rng.random() < 0.5 else m.some(n, lambda: rng.randint(1, 5)),
                          pa.int64(), "{}::bigint"))
    tx = Source("tx", {}, of=("customers", "cust"), time="ts", ties=ties, links={"shop": ("branch_no", "branches")})
    if rng.random() < 0.5:
        asked = [c for c in columns if c.name not in ("odd", "most", "score", "city", "cust") and c.ty.kind != "bool"]
        tx.where = condition(rng, [c for c in asked if c.ty.kind != "inst" or c.ty.frame == "local"])
    add(world, rng, tx, columns, hive="part" if hive and n else None)

    n = rng.choice([0, 2]) if rng.random() < 0.15 else rng.randint(5, 80)
    frame = rng.choice(["local", "utc", "zoned", "zoned", "date"])
    app, more = Source("app", {}, of=("customers", "cust"), time="at_time"), []
    if rng.random() < 0.35:     # of several entities
        app.also = ("accounts", "acc_no")
        more = [Column("acc_no", Ty("int", mag=2000), m.some(n, lambda: rng.randint(1000, 1060)), pa.int32(), "{}::bigint")]
    add(world, rng, app, more + [
        key_column("cust", n), m.date("at_time", n, day) if frame == "date" else m.time("at_time", n, world, day, frame, 0.04),
        m.text("event", n, KINDS), m.whole("minutes", n, 0, 60), m.ratio("value", n)])

    n = rng.randint(0, 40)
    numbers = rng.sample(range(1000, 1060 if app.also else 1200), n)
    add(world, rng, Source("accounts", {}, key="acc", of=("customers", "cust"), links={"owner": ("cust", "customers")}), [
        Column("acc", Ty("int", mag=2000), numbers, pa.int64(), "{}::bigint"), key_column("cust", n),
        m.money("held", n), m.text("sort", n, KINDS), m.date("begun", n, day), m.flag("closed", n), m.whole("cards", n, 0, 5)])
    n = rng.randint(0, 80)
    add(world, rng, Source("moves", {}, of=("accounts", "acc_no"), time="moved"), [
        key_column("acc_no", n, numbers, 7, Ty("int", mag=2000), "{}::bigint", False), m.time("moved", n, world, day, rng.choice(["local", "zoned"]), 0.04),
        m.money("paid", n), m.text("way", n, KINDS), m.whole("step", n, 0, 9)])
    # An entity without a table: whoever paid, from the same files seen a second time.
    tx = world.sources["tx"]
    world.sources["payers"] = Source("payers", {"cust": tx.columns["cust"]}, key="cust", links={"who": ("cust", "customers")}, keys_of="buys")
    world.sources["buys"] = Source("buys", tx.columns, of=("payers", "cust"), time="ts", ties=tx.ties, path=tx.path, files=tx.files,
                                   links={"shop": ("branch_no", "branches")})
    for name in ("customers", "branches", "regions", "accounts"):
        m.fix(world.sources[name])
    return world


def add(world, rng, source, columns, hive=None):
    source.columns = {c.name: c for c in columns}
    world.sources[source.name] = source
    write(rng, world.folder, source, hive)
    return source
