"""Audiences: who goes through each step, worked out in Python from values that DuckDB gives.

Who is held out and who is in which arm is a hash, so of those what must hold is checked: everyone once, stable when the
segment changes, and nobody moved where a share grows.
"""
import math
from dataclasses import dataclass

from nodes import COALESCE, Dead, Definition, at, node
from tables import Ty
from windows import calendar, last, within


@dataclass
class Audience:
    name: str
    segment: str            # a definition's name, or the entity's
    require: list           # definitions of their own, not in the script: the conditions
    exclude: list
    caps: list              # (definition of the count, most)
    limit: tuple            # (n, definition or None)
    control: tuple          # (percent, salt)
    arms: tuple             # ({name: percent}, salt)
    written: str            # the clauses between `from` and `columns`

    def hidden(self):
        by = [self.limit[1]] if self.limit and self.limit[1] else []
        return self.require + self.exclude + [c for c, _ in self.caps] + by


class Audiences:
    def audiences(self):
        """A few lists; and three more that share their salts, to compare who is held out and who is in which arm."""
        rng = self.rng
        found = []
        for _ in range(rng.randint(1, 2)):
            for _ in range(10):
                try:
                    found.append(self.list(f"aud{len(found)}"))
                    break
                except Dead:
                    continue
        salt = f"salt {rng.randint(1, 10**9)}"
        share = rng.choice([5, 10, 25, 50])
        cut = rng.sample(range(10, 91), 2)
        low, high = min(cut), max(cut)
        arms = {"a": low, "b": high - low, "c": 100 - high}
        less = rng.randint(0, arms["b"] - 1)
        grown = {"a": low + less, "b": arms["b"] - less, "c": arms["c"]}
        order = list(arms.items())
        rng.shuffle(order)
        everyone = self.entity.name
        segments = [d.name for d in self.definitions if d.kind != "tag"]
        def drawn(name, segment, share, arms):
            said = ", ".join(f"{a} {p}%" for a, p in arms.items())
            return Audience(name, segment, [], [], [], None, (share, salt), (arms, salt),
                            f"  control {share}% salt \"{salt}\"\n  split {said} salt \"{salt}\"")
        found.append(drawn("drawn0", everyone, share, arms))
        found.append(drawn("drawn1", rng.choice(segments) if segments else everyone, share + rng.choice([0, 1, 20]), dict(order)))
        found.append(drawn("drawn2", everyone, share, grown))
        return found

    def list(self, name):
        rng = self.rng
        segments = [d for d in self.definitions if d.kind != "tag"]
        segment = rng.choice(segments).name if segments and self.chance(0.8) else self.entity.name
        said = []
        def conditions(word, chance):
            if not self.chance(chance):
                return []
            bodies = [self.bool(self.place, rng.choice([0, 1])) for _ in range(rng.randint(1, 3))]
            if any(b.literal for b in bodies):
                raise Dead
            said.append(f"  {word} " + ", ".join(b.seg for b in bodies))
            return [Definition(f"{name} {word} {i}", "tag", b, depends=b.uses) for i, b in enumerate(bodies)]
        require, exclude, caps, limit, control, arms = conditions("require", 0.5), conditions("exclude", 0.5), [], None, None, None
        sources = [s for s in self.events() if s.time]
        for i in range(rng.choice([0, 0, 1, 1, 2])):
            source, most = rng.choice(sources), rng.randint(1, 4)
            words, bounds = last(rng) if self.chance(0.7) else calendar(rng)
            if "ending" in words:
                raise Dead
            count = self.fold("count", source, None, "", within(self, source, bounds), [])
            words = words.replace("in last", "in") if self.chance(0.5) else words
            said.append(f"  cap {most} {words} from {source.name}")
            caps.append((Definition(f"{name} cap {i}", "tag", count), most, said[-1]))
        if self.chance(0.5):
            n, by = rng.choice([1, 2, 3, 5, 10, 1000]), None
            words = f"  limit {n}"
            if self.chance(0.7):
                x = self.any(self.place, 1, ["int", "dec", "float", "date"])
                if x.literal or not x.ty.exact:
                    raise Dead
                words, by = words + f" by {at(x, COALESCE)}", Definition(f"{name} by", "tag", x, depends=x.uses)
            limit = (n, by)
            said.append(words)
        if self.chance(0.4):
            control = (rng.choice([0.5, 1, 10, 33, 50, 90]), rng.choice(["s", "秋季", name]))
            salt = f' salt "{control[1]}"' if control[1] != name else ""
            said.append(f"  control {control[0]}%{salt}")
        if self.chance(0.4):
            names = rng.sample(["a", "b", "信", "电话", "limit"], rng.randint(1, 3))
            cuts = [0] + sorted(rng.sample(range(1, 100), len(names) - 1)) + [100]
            arms = ({a: cuts[i + 1] - cuts[i] for i, a in enumerate(names)}, name)
            said.append("  split " + ", ".join(f"{a} {p}%" for a, p in arms[0].items()))
        rng.shuffle(said)
        caps.sort(key=lambda c: said.index(c[2]))
        caps = [c[:2] for c in caps]
        return Audience(name, segment, require, exclude, caps, limit, control, arms, "\n".join(said))


def expected(audience, script, keys, values):
    """(the waterfall: [(step, remaining, lost, undecided)], keys in the order of the list before the control group)."""
    alive = list(keys) if audience.segment == script.entity else [k for k in keys if values[audience.segment][k]]
    steps = [("segment", len(alive), None, None)]
    def step(word, stays, undecided):
        nonlocal alive
        left = [k for k in alive if stays(k)]
        steps.append((word, len(left), len(alive) - len(left), sum(1 for k in alive if undecided(k))))
        alive = left
    for d in audience.require:
        step("require", lambda k: values[d.name][k] is True, lambda k: values[d.name][k] is None)
    for d in audience.exclude:
        step("exclude", lambda k: values[d.name][k] is not True, lambda k: values[d.name][k] is None)
    for d, most in audience.caps:
        step("cap", lambda k: values[d.name][k] < most, lambda k: False)
    if audience.limit:
        n, by = audience.limit
        if by:
            known = sorted((k for k in alive if values[by.name][k] is not None))
            known.sort(key=lambda k: values[by.name][k], reverse=True)
            alive = known + sorted(k for k in alive if values[by.name][k] is None)
        else:
            alive = sorted(alive)
        steps.append(("limit", min(n, len(alive)), max(0, len(alive) - n), 0))
        alive = alive[:n]
    else:
        alive = sorted(alive)
    return steps, alive


def wrong(audience, script, keys, values, answer, listed, held):
    """What is not as it must be; `listed` is [(key, arm)] and `held` [key], in the order of the files."""
    steps, want = expected(audience, script, keys, values)
    found = []
    got = [s for s in answer["waterfall"] if s["step"] not in ("all", "control", "delivered")]
    # The conditions of the segment are steps of their own; the last of them leaves its members.
    firsts = [s for s in answer["waterfall"] if s["step"] in ("all", "segment")]
    told = [("segment", firsts[-1]["remaining"], None, None)]
    told += [(s["step"], s["remaining"], s["lost"], s["undecided"]) for s in got if s["step"] != "segment"]
    if told != steps:
        found.append(f"waterfall: Segue {told}, expected {steps}")
    if any(s["remaining"] + s["lost"] != before["remaining"] for before, s in zip(answer["waterfall"], answer["waterfall"][1:])):
        found.append("the waterfall does not add up")
    mine = [k for k, _ in listed]
    if set(mine) & set(held) or [k for k in want if k not in set(held)] != mine or [k for k in want if k in set(held)] != held:
        found.append(f"rows: Segue {mine[:12]}… and held out {held[:12]}…, expected {want[:12]}…")
    if not audience.control and held:
        found.append("held out without a control group")
    if audience.control:
        share = float(audience.control[0]) / 100
        found += off("held out", len(held), len(want), share)
    if audience.arms:
        arms = audience.arms[0]
        if any(a not in arms for _, a in listed):
            found.append(f"arms: {sorted({str(a) for _, a in listed})}")
        for a, percent in arms.items():
            n = sum(1 for _, x in listed if x == a)
            found += off(f"arm {a}", n, len(listed), percent / 100)
            if {x["arm"]: x["rows"] for x in answer["arms"]}.get(a) != n:
                found.append(f"arm {a}: told {answer['arms']}, in the file {n}")
    return found


def off(what, n, of, share):
    """Far from its share? Six standard deviations, as many scripts are run."""
    if abs(n - of * share) > 6 * math.sqrt(of * share * (1 - share)) + 3:
        return [f"{what}: {n} of {of} for a share of {share}"]
    return []


def moved(audiences, results):
    """The audiences that share their salts; results: {name: (listed, held)}."""
    found = []
    (one, held), (two, more), (three, _) = (results[f"drawn{i}"] for i in range(3))
    one, two, three = dict(one), dict(two), dict(three)
    if any(k in two for k in held):
        found.append("control: a larger share, or another segment, sends to some who were held out")
    if any(k in one and two[k] != one[k] for k in two):
        found.append("split: another segment or order of the arms moves customers")
    if any(one[k] == "a" and three.get(k) != "a" for k in one):
        found.append("split: an arm that grows loses customers")
    return found
