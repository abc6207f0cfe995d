"""Windows: where they begin and end, in local days or moments, for any day from which they are seen.

What a window means in SQL depends on the day (`TAG on DATE` sees it from another one), so an expression's SQL holds
`@3@` where a condition on time stands, and `Times` says what that is on a day.
"""
import datetime as dt
import re

from tables import DAY, back, midnight


class Times:
    """Conditions on time by number; each a function of (day, cut)."""

    def __init__(self, world):
        self.world, self.known = world, []

    def add(self, condition):
        self.known.append(condition)
        return f"@{len(self.known) - 1}@"

    def resolve(self, sql, day):
        """`day` is None for the run's own."""
        world = self.world
        seen = (world.day, world.cut()) if day is None else (day, midnight(day + DAY))
        return re.sub(r"@(\d+)@", lambda m: self.known[int(m.group(1))](*seen), sql)


def everything(day, cut):
    """All up to and including the day: (start, end, exact)."""
    return None, cut, False


def many(rng, n, unit):
    return f"{n} {unit}{'s' if n != 1 or rng.random() < 0.2 else ''}"


def begins(unit, d):
    return {"day": d, "week": d - dt.timedelta(days=d.weekday()), "month": d.replace(day=1),
            "quarter": d.replace(day=1, month=(d.month - 1) // 3 * 3 + 1), "year": d.replace(day=1, month=1)}[unit]


def last(rng):
    """`in last N units`: the words, and the window."""
    unit = rng.choice(["day", "day", "day", "week", "month", "month", "quarter", "year"])
    n = rng.choice({"day": [1, 2, 7, 30, 31, 90, 365], "week": [1, 2, 13], "month": [1, 2, 3, 6, 12], "quarter": [1, 2],
                    "year": [1, 2]}[unit])
    words = f"in last {many(rng, n, unit)}"
    ago, ago_unit = 0, "day"
    if rng.random() < 0.3:
        ago_unit = rng.choice(["day", "week", "month", "year"])
        ago = rng.choice([1, 2, 3, 30]) if ago_unit == "day" else rng.randint(1, 3)
        words += f" ending {many(rng, ago, ago_unit)} ago"
    def bounds(day, cut):
        end = back(day, ago, ago_unit)
        return midnight(back(end, n, unit) + DAY), min(midnight(end + DAY), cut), False
    return words, bounds


def hours(world, rng):
    n = rng.choice([1, 2, 5, 24, 25, 36, 48, 100, 720, 2400])
    words = f"in last {many(rng, n, 'hour')}" if rng.random() < 0.7 else f"in last {many(rng, n * 60, 'minute')}"
    ago = 0
    if rng.random() < 0.25:
        ago = rng.choice([1, 24, 48])
        words += f" ending {many(rng, ago, 'hour')} ago"
    def bounds(day, cut):
        end = world.utc(cut) - dt.timedelta(hours=ago)
        return end - dt.timedelta(hours=n), end, True
    return words, bounds


def calendar(rng):
    unit = rng.choice(["day", "week", "month", "quarter", "year"])
    if rng.random() < 0.5:
        return f"in this {unit}", lambda day, cut: (midnight(begins(unit, day)), cut, False)
    def bounds(day, cut):
        this = begins(unit, day)
        return midnight(begins(unit, this - DAY)), midnight(this), False
    return f"in previous {unit}", bounds


def window(g, source):
    """Segue's words, and `bounds(day, cut)`: (start, end) as local datetimes, or as moments in UTC where `exact`."""
    world, rng, day = g.world, g.rng, g.world.day
    pick = rng.random()
    if pick < 0.40:
        return last(rng)
    if pick < 0.50 and source.columns[source.time].ty.kind != "date":
        return hours(world, rng)
    if pick < 0.68:
        return calendar(rng)
    a = back(day, rng.choice([0, 1, 7, 30, 89, 90, 200]), "day") + dt.timedelta(days=rng.choice([-1, 0, 0, 1]))
    b = a + dt.timedelta(days=rng.choice([0, 1, 6, 30, 100]))
    if rng.random() < 0.15:
        a = rng.choice([dt.date(2026, 3, 29), dt.date(2026, 10, 25), dt.date(2026, 3, 8), dt.date(2026, 11, 1)])
        b = a + DAY
    if pick >= 0.93:
        return f"from {a} to {b}", lambda day, cut: (midnight(a), min(midnight(b + DAY), cut), False)
    said, of = g.day_said(a)
    if pick < 0.78:
        return f"since {said}", lambda day, cut: (midnight(of(day)), cut, False)
    if pick < 0.86:
        return f"before {said}", lambda day, cut: (None, min(midnight(of(day)), cut), False)
    return f"on {said}", lambda day, cut: (midnight(of(day)), min(midnight(of(day) + DAY), cut), False)


def within(g, source, bounds):
    """The condition on an event's time, on its own clock."""
    return g.times.add(seen(g.world, source, bounds))


def seen(world, source, bounds):
    column = source.columns[source.time]
    e = f'e."{source.time}"'
    def condition(day, cut):
        start, end, exact = bounds(day, cut)
        if column.ty.kind == "date":
            # A day that has begun is seen.
            low = f"{e} >= date '{start.date()}'" if start else "true"
            last = end.date() if end.time() == dt.time() else end.date() + DAY
            return f"({low} and {e} < date '{last}')"
        found = []
        for bound, sign in ((start, ">="), (end, "<")):
            if bound is None:
                continue
            if column.ty.frame == "utc":
                bound = bound if exact else world.utc(bound)
            else:
                bound = world.local(bound) if exact else bound
            found.append(f"{e} {sign} timestamp '{bound}'")
        return "(" + " and ".join(found) + ")"
    return condition
