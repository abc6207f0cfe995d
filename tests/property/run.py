#!/usr/bin/env python3
"""Random scripts on random tables: Segue against DuckDB, and Segue against itself. See README.md.

    python tests/property/run.py --segue PATH --scripts 10000 --seed 1
    python tests/property/run.py --segue PATH --one SEED
"""
import argparse
import collections
import datetime as dt
import hashlib
import json
import math
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from decimal import Decimal

try:
    import duckdb
    import pyarrow.parquet as pq
except ImportError:
    print("skipped: duckdb and pyarrow are not installed (pip install duckdb pyarrow)")
    sys.exit(0)

import audiences
import tables
import windows
from scripts import Definition, Generator, quoted

MACROS = """
create or replace macro months_between(a, b) as (
  (year(b) - year(a)) * 12 + month(b) - month(a)
  - case when a + to_months(((year(b) - year(a)) * 12 + month(b) - month(a))::int) > b then 1 else 0 end)
"""


class Fault(Exception):
    pass


# ---- Segue ----

def segue(binary, folder, name, world, threads=1, out=None):
    command = [binary, "run", os.path.join(folder, name), "--as-of", world.as_of, "--format", "json", "-q", "--color", "never",
               "--lang", "en", "--threads", str(threads)]
    if out:
        command += ["--out", out]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=120)
    if done.returncode != 0:
        lines = done.stderr.splitlines()
        first = next((i for i, l in enumerate(lines) if l.startswith("error") or "panicked" in l), 0)
        raise Fault(f"status {done.returncode}: " + "\n".join(lines[first:first + 12]))
    return done.stdout


def answers(text):
    """The JSON documents, one after the other."""
    decoder, at, found = json.JSONDecoder(), 0, []
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        found += value if isinstance(value, list) else [value]
        while at < len(text) and text[at].isspace():
            at += 1
    return found


def put(folder, name, lines):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")


def ask(binary, folder, script, definitions, threads=1, lists=()):
    """Every definition's value for every entity, how many are undecided about each segment, and the audiences."""
    counts = [f"count {d.said()}" for d in definitions if d.kind != "tag"]
    shutil.rmtree(os.path.join(folder, "out"), ignore_errors=True)
    put(folder, "script.seg", script.head() + script.statements(definitions)
        + [script.audience(definitions, "out/everyone.parquet")] + counts + [script.listed(a, f"out/{a.name}.parquet") for a in lists])
    told = answers(segue(binary, folder, "script.seg", script.world, threads))
    found = {a["segment"]: a for a in told if a.get("answer") == "count"}
    table = pq.read_table(os.path.join(folder, "out/everyone.parquet"))
    key = script.world.sources[script.entity].key
    keys = table.column(key).to_pylist()
    columns = {}
    for d in definitions:
        values = table.column(d.name).to_pylist()
        columns[d.name] = dict(zip(keys, [plain(v) for v in values]))
    made = {}
    for a in lists:
        answer = next(x for x in told if x.get("audience") == a.name)
        sent = pq.read_table(os.path.join(folder, f"out/{a.name}.parquet"))
        arms = sent.column("arm").to_pylist() if a.arms else [None] * sent.num_rows
        aside = os.path.join(folder, f"out/{a.name}.held_out.parquet")
        held = pq.read_table(aside).column(key).to_pylist() if os.path.exists(aside) else []
        made[a.name] = answer, list(zip(sent.column(key).to_pylist(), arms)), held
    return keys, columns, found, made


def plain(v):
    if isinstance(v, dt.datetime) and v.tzinfo:
        return v.astimezone(dt.timezone.utc).replace(tzinfo=None)
    return v


# ---- DuckDB ----

class Oracle:
    def __init__(self, world, optimizer=True):
        self.world = world
        self.con = duckdb.connect()
        if not optimizer:
            self.con.execute("pragma disable_optimizer")
        self.con.execute("set timezone = 'UTC'; set threads = 1; set preserve_insertion_order = false")
        self.con.execute(MACROS)
        self.con.create_function("to_moment", world.moment_of, ["TIMESTAMP"], "TIMESTAMP")
        for s in world.sources.values():
            if not s.keys_of:
                tables.load(self.con, s)

    def stand(self, entity, day=None):
        """Everything as it is seen from a day, by default the run's: histories, look-ups, events, `today`."""
        world = self.world
        on, cut = (day, tables.midnight(day + tables.DAY)) if day else (world.day, world.cut())
        self.con.execute(f"create or replace macro today() as date '{on}'")
        for s in world.sources.values():
            if s.latest:
                since, ty = f"r.{quoted(s.latest)}", s.columns[s.latest].ty
                seen = f"{since} <= date '{on}'" if ty.kind == "date" else \
                    f"{since} < timestamp '{world.utc(cut) if ty.frame == 'utc' else cut}'"
                self.con.execute(f"create or replace table {s.name} as select * from {s.name}_rows r where {seen} "
                                 f"qualify row_number() over (partition by {quoted(s.key)} order by {since} desc) = 1")
        if not day:
            # The known keys of the events that are seen.
            buys = world.sources["buys"]
            seen = windows.seen(world, buys, windows.everything)(on, cut)
            self.con.execute(f"create or replace table payers as select distinct cust from buys e where cust is not null and {seen}")
        for name in ("customers", "accounts", "payers"):
            source = world.sources[name]
            everyone = ""
            if source.latest and day:
                # The customers are those of the run's day; who was none then has no values.
                rows = f"(select k.{quoted(source.key)}, r.* exclude ({quoted(source.key)}) from now_{name} k " \
                       f"left join {name} r on r.{quoted(source.key)} = k.{quoted(source.key)})"
                everyone = rows
            elif source.latest:
                self.con.execute(f"create or replace table now_{name} as select {quoted(source.key)} from {name}")
            self.con.execute(f"create or replace table p0_{name} as {self.linked(source, 'r', table=everyone)}")
        self.events(entity)

    def linked(self, source, alias, more="", joins="", table=""):
        """The source's rows with its look-ups as columns `link.column`."""
        extra = ""
        for i, (link, (column, target)) in enumerate(source.links.items()):
            t = self.world.sources[target]
            joins += f' left join {target} k{i} on k{i}.{quoted(t.key)} = {alias}.{quoted(column)}'
            extra += "".join(f', k{i}.{quoted(c)} as {quoted(link + "." + c)}' for c in t.columns)
        return f"select {alias}.*{extra}{more} from {table or source.name} {alias}{joins}"

    def events(self, entity):
        w = self.world.sources
        for s in w.values():
            if not s.of:
                continue
            owner, column = s.of
            if s.also and s.also[0] == entity:
                owner, column = s.also
            if owner == entity:
                sql = self.linked(s, "r", f', r.{quoted(column)} as "own key"')
            elif w[owner].of and w[owner].of[0] == entity:
                sql = self.linked(s, "r", f', o.{quoted(w[owner].of[1])} as "own key"',
                                  f" left join {owner} o on o.{quoted(w[owner].key)} = r.{quoted(column)}")
            else:
                continue
            self.con.execute(f"create or replace table ev_{s.name} as {sql}")

    def portrait(self, script, definitions):
        """{name: {key: value}}, and {segment: undecided}; what is asked for on other days first."""
        said = lambda few: " ".join(q for d in few for _, q, _ in d.body.aggs)
        closed = lambda name: script.closed([name]) if name in script.names() else []
        text, needed = said(definitions), []
        for past in reversed(script.pasts):     # a day of a day
            if f"from {past[0]} " in text:
                needed.append(past)
                text += " " + said(closed(past[1]))
        if needed:
            self.stand(script.entity)
        for table, name, day in reversed(needed):
            self.stand(script.entity, day)
            before = self.staged(script, closed(name), day)
            three = f", {quoted(name + ' ?')} as three" if name in script.names() and script.named(name).kind != "tag" else ""
            key = self.world.sources[script.entity].key
            self.con.execute(f"create or replace temp table {table} as select {quoted(key)} as k, {quoted(name)} as v{three} from {before}")
        self.stand(script.entity)
        return self.read(script, definitions, self.staged(script, definitions, None))

    def staged(self, script, definitions, day):
        """The table with every definition, as seen from a day: stage by stage, each on the one before."""
        key = self.world.sources[script.entity].key
        stages, level = collections.defaultdict(list), {}
        for d in definitions:
            level[d.name] = 1 + max([level[x] for x in d.depends], default=0)
            stages[level[d.name]].append(d)
        before = f"p0_{script.entity}"
        for n in sorted(stages):
            aggs = {a[0]: a for d in stages[n] for a in d.body.aggs}
            columns = ""
            for d in stages[n]:
                sql = d.body.sql
                three = d.body.three()
                if d.kind == "tag":
                    columns += f", ({sql}) as {quoted(d.name)}"
                else:
                    columns += f", coalesce(({sql}), false) as {quoted(d.name)}, ({three}) as {quoted(d.name + ' ?')}"
            joins = "".join(f" left join ({q.replace('{p}', before)}) {a} on {a}.k = c.{quoted(key)}" for a, q, _ in aggs.values())
            sql = f"create or replace temp table p{n} as select c.*{columns} from {before} c{joins}"
            self.con.execute(script.times.resolve(sql, day))
            before = f"p{n}"
        return before

    def read(self, script, definitions, before):
        key = self.world.sources[script.entity].key
        names = ", ".join([quoted(key)] + [quoted(d.name) for d in definitions])
        rows = self.con.execute(f"select {names} from {before} order by 1").fetchall()
        keys = [r[0] for r in rows]
        columns = {d.name: dict(zip(keys, (r[i + 1] for r in rows))) for i, d in enumerate(definitions)}
        segments = [d for d in definitions if d.kind != "tag"]
        undecided = {}
        if segments:
            counts = ", ".join(f"count(*) filter (where {quoted(d.name + ' ?')} is null)" for d in segments)
            undecided = dict(zip([d.name for d in segments], self.con.execute(f"select {counts} from {before}").fetchone()))
        return keys, columns, undecided


# ---- comparing ----

def same(mine, theirs, ty):
    if mine is None or theirs is None:
        return mine is theirs
    if isinstance(theirs, float) or isinstance(mine, float):
        a, b = float(mine), float(theirs)
        if a == b:
            return True
        return ty.kind == "float" and not ty.exact and abs(a - b) <= 1e-9 * max(abs(a), abs(b)) + 1e-12 * min(ty.mag, 1e6) + 1e-12
    if isinstance(mine, bool) != isinstance(theirs, bool):
        return False
    if isinstance(theirs, (int, Decimal)):
        return Decimal(mine) == Decimal(theirs)
    return mine == theirs


def differences(script, definitions, mine, theirs):
    """[(definition, what)]"""
    found = []
    keys, columns, counts, _ = mine
    wanted, values, undecided = theirs
    if sorted(keys) != sorted(wanted) or len(keys) != len(set(keys)):
        return [(None, f"customers: Segue {sorted(keys)[:10]}…, DuckDB {sorted(wanted)[:10]}…")]
    for d in definitions:
        wrong = [k for k in wanted if not same(columns[d.name][k], values[d.name][k], d.body.ty)]
        if wrong:
            k = wrong[0]
            found.append((d, f"{len(wrong)} of {len(wanted)} values differ, first at {k!r}: "
                             f"Segue {columns[d.name][k]!r}, DuckDB {values[d.name][k]!r}"))
        elif d.kind != "tag":
            answer = counts.get(d.name)
            members = sum(1 for v in values[d.name].values() if v)
            if answer is None:
                found.append((d, "no count was answered"))
                continue
            told = (answer["members"], answer["total"], answer["undecided"]["count"])
            want = (members, len(wanted), undecided[d.name])
            if told != want:
                found.append((d, f"(members, of, undecided): Segue {told}, DuckDB {want}"))
    return found


def unlike(script, mine, theirs):
    """What is wrong with the audiences: [(audience or None, what)]"""
    keys, values, _ = theirs
    found = [(a, what) for a in script.audiences for what in audiences.wrong(a, script, keys, values, *mine[3][a.name])]
    if script.audiences:
        drawn = {name: made[1:] for name, made in mine[3].items()}
        found += [(None, what) for what in audiences.moved(script.audiences, drawn)]
    return found


# ---- one script; four stand on one world, so that its files are written once ----

def hoisted(script, definition):
    """The expressions inside a definition as tags of their own, the smallest first: which of them differs?"""
    found, seen = [], set()
    def visit(n):
        for kid in n.kids:
            # Only what stands on the entity's own row.
            visit(kid)
            if kid.seg not in seen and not kid.literal and "e." not in kid.sql.replace("case", "") and " l." not in kid.sql:
                seen.add(kid.seg)
                found.append(kid)
    visit(definition.body)
    found.sort(key=lambda n: len(n.seg))
    return [Definition(f"part{i}", "tag", n, of=script.entity, depends=n.uses) for i, n in enumerate(found[:30])]


def shrink(binary, folder, script, oracle, bad):
    """The failing definition with what it needs alone, or the smallest expression in it that still fails."""
    need = script.closed([bad.name])
    try:
        found = differences(script, need, ask(binary, folder, script, need), oracle.portrait(script, need))
    except Fault as fault:
        return need, [(bad, str(fault))]
    if not found:
        return None, None
    first = found[0][0] or bad
    need = script.closed([first.name])
    parts = hoisted(script, first)
    for part in parts:
        before = script.definitions
        small = script.closed(part.depends) + [part]
        script.definitions = before + [part]
        try:
            inner = differences(script, small, ask(binary, folder, script, small), oracle.portrait(script, small))
            if inner:
                return script.closed([inner[0][0].name]), inner
        except (Fault, duckdb.Error):
            pass
        finally:
            script.definitions = before
    return need, found


def digest(folder):
    found = {}
    for root, _, files in os.walk(folder):
        for f in files:
            if not f.endswith(".manifest.json"):
                path = os.path.join(root, f)
                found[os.path.relpath(path, folder)] = hashlib.sha256(open(path, "rb").read()).hexdigest()
    return found


def metamorphic(binary, folder, script, rng, seed):
    """The same script said otherwise: the same bytes, or the same values."""
    faults = []
    definitions = script.definitions
    segments = [d for d in definitions if d.kind != "tag"]
    lists = []
    for i, d in enumerate(segments[:3]):
        lists.append(f"audience list{i} from {d.said()}\n  control 20% salt \"s\"\n  to \"list{i}.{rng.choice(['parquet', 'csv', 'ndjson'])}\"")
    lists += [script.listed(a, f"{a.name}.{rng.choice(['parquet', 'csv', 'ndjson', 'arrow'])}") for a in script.audiences]
    lists.append(script.audience(definitions, "everyone.parquet"))
    def run(name, what, threads=1, base=None):
        out = os.path.join(folder, "out", what)
        shutil.rmtree(out, ignore_errors=True)
        try:
            segue(binary, base or folder, name, script.world, threads, out)
        except Fault as fault:
            faults.append(f"{what}: {fault}")
            return None
        return digest(out)
    whole = script.head() + script.statements(definitions) + lists
    put(folder, "whole.seg", whole)
    first = run("whole.seg", "whole")
    if first is None:
        return faults
    def must(name, what, threads=1, base=None):
        got = run(name, what, threads, base)
        if got is not None and got != first:
            faults.append(f"{what}: other bytes in {sorted(k for k in first.keys() | got.keys() if first.get(k) != got.get(k))}")
    must("whole.seg", "again")
    must("whole.seg", "2 threads", 2)
    # Statements in another order, over several files.
    mixed = script.head() + script.statements(definitions)
    rng.shuffle(mixed)
    put(folder, "shuffled.seg", mixed + lists)
    must("shuffled.seg", "shuffled")
    zone = [s for s in mixed if s.startswith("timezone")]
    mixed = [s for s in mixed if not s.startswith("timezone")]
    cut = rng.randint(0, len(mixed))
    put(folder, "part1.seg", mixed[:cut])
    put(folder, "part2.seg", ['use "part1.seg"'] + mixed[cut:])
    put(folder, "split.seg", ['use "part2.seg"', 'use "part1.seg"'] + zone + lists)
    must("split.seg", "split")
    # The formatter, where there is one.
    shutil.copy(os.path.join(folder, "whole.seg"), os.path.join(folder, "formatted.seg"))
    done = subprocess.run([binary, "fmt", os.path.join(folder, "formatted.seg")], capture_output=True, text=True)
    if done.returncode == 0:
        must("formatted.seg", "formatted")
        once = open(os.path.join(folder, "formatted.seg"), encoding="utf-8").read()
        subprocess.run([binary, "fmt", os.path.join(folder, "formatted.seg")], capture_output=True)
        if open(os.path.join(folder, "formatted.seg"), encoding="utf-8").read() != once:
            faults.append("fmt is not idempotent")
    elif "unrecognized subcommand" not in done.stderr:
        faults.append(f"fmt: {done.stderr[:500]}")
    # Files of a source under other names, so that they are met in another order.
    moved = {}
    for s in script.world.sources.values():
        if s.name not in ("payers", "buys") and s.path.endswith("*.parquet") and len(s.files) > 1:
            for i, f in enumerate(s.files):
                os.rename(f, f + ".away")
                moved[f + ".away"] = os.path.join(os.path.dirname(f), f"{len(s.files) - i}.parquet"), f
    for away, (new, _) in moved.items():
        os.rename(away, new)
    if moved:
        must("whole.seg", "other order of files")
    for new, old in moved.values():
        os.rename(new, new + ".back")
    for new, old in moved.values():
        os.rename(new + ".back", old)
    # Names replaced by what they say: the same values. P, not P and undecided are everyone.
    inlined = [d for d in definitions if len(script.expand(d.written or d.body.seg, True)) < 3000]
    need = script.closed([d.name for d in inlined])
    statements = [f"param {n} = {v}" for n, v in script.params]
    statements += dict.fromkeys(script.statement(d, d in inlined) for d in need)
    put(folder, "inlined.seg", script.head() + statements + [script.audience(inlined, "everyone.parquet")])
    got = run("inlined.seg", "inlined")
    if got is not None:
        a = pq.read_table(os.path.join(folder, "out/whole/everyone.parquet"))
        b = pq.read_table(os.path.join(folder, "out/inlined/everyone.parquet"))
        for d in inlined:
            if not a.column(d.name).equals(b.column(d.name)) and any(
                    not same(plain(x), plain(y), d.body.ty) for x, y in zip(a.column(d.name).to_pylist(), b.column(d.name).to_pylist())):
                faults.append(f"inlined: {d.name} differs")
    plain_segments = [d for d in definitions if d.kind == "segment"][:4]
    if plain_segments:
        parts, names = [], []
        for i, d in enumerate(plain_segments):
            body = script.expand(d.body.seg, False)
            parts += [f"tag cond{i} of {script.entity} = ({body})", f"segment yes{i} of {script.entity} where {body}",
                      f"segment no{i} of {script.entity} where not ({body})", f"segment open{i} of {script.entity} where cond{i} is missing"]
            names += [f"yes{i}", f"no{i}", f"open{i}"]
        key = script.world.sources[script.entity].key
        put(folder, "thirds.seg", script.head() + script.statements(definitions) + parts
            + [f"audience thirds from {script.entity} columns {key}, {', '.join(names)} to \"thirds.parquet\""])
        if run("thirds.seg", "thirds") is not None:
            t = pq.read_table(os.path.join(folder, "out/thirds/thirds.parquet"))
            for i, d in enumerate(plain_segments):
                for row in zip(*(t.column(n + str(i)).to_pylist() for n in ("yes", "no", "open"))):
                    if sum(row) != 1:
                        faults.append(f"{d.name}: P, not P, undecided are {row}")
                        break
    return faults


# What a binary may not know yet, and a script that uses it.
FEATURES = {
    "percentile": "tag t = percentile(v)",
    "happened": "tag t = happened(events then events within 1 day)",
    "after": "tag t = count(events within 3 days after d)",
    "keys of": "source k from keys of f source f from \"e.csv\" of k by id at ts tag t = count(f)",
    "model of": "rfm r of customers from events recency ts frequency monetary x",
}


def features_of(binary):
    """The features that this binary runs."""
    known = set()
    with tempfile.TemporaryDirectory() as folder:
        put(folder, "c.csv", ["id,v,d", "1,2,2026-01-01"])
        put(folder, "e.csv", ["id,ts,x", "1,2026-01-01,1"])
        for name, text in FEATURES.items():
            put(folder, "f.seg", ['source customers from "c.csv" key id',
                                   'source events from "e.csv" of customers by id at ts', text])
            done = subprocess.run([binary, "check", os.path.join(folder, "f.seg"), "--as-of", "2026-01-01"], capture_output=True)
            if done.returncode == 0:
                known.add(name)
    return known


class Worker:
    def __init__(self, binary, folder, features, every, keep):
        self.binary, self.folder, self.features, self.every, self.keep = binary, folder, features, every, keep
        self.number, self.oracle, self.place = None, None, None

    def one(self, seed):
        """(what went wrong or None, definitions, values compared)"""
        number = seed // 4
        if self.number != number:
            if self.place and not self.keep:
                shutil.rmtree(self.place, ignore_errors=True)
            self.place = os.path.join(self.folder, f"w{number}")
            shutil.rmtree(self.place, ignore_errors=True)
            os.makedirs(self.place)
            self.world = tables.make(self.place, random.Random(f"world {number}"))
            self.oracle, self.number = Oracle(self.world), number
        rng = random.Random(f"script {seed}")
        script = Generator(self.world, rng, self.features).make()
        try:
            theirs = self.oracle.portrait(script, script.definitions + script.hidden())
        except duckdb.Error:
            # DuckDB's optimizer has defects of its own; an internal error also ends its connection.
            try:
                self.oracle = Oracle(self.world, optimizer=False)
                theirs = self.oracle.portrait(script, script.definitions + script.hidden())
            except duckdb.Error as error:
                self.number = None
                return f"seed {seed}: DuckDB cannot: {str(error)[:1500]}", len(script.definitions), 0
        faults = []
        try:
            mine = ask(self.binary, self.place, script, script.definitions, rng.choice([1, 2]), script.audiences)
            faults = differences(script, script.definitions, mine, theirs)
            if not faults:
                lists = unlike(script, mine, theirs)
                if lists:
                    return self.unlisted(seed, script, lists), len(script.definitions), 0
        except Fault as fault:
            faults = self.refused(script, fault)
        if faults:
            return self.report(seed, script, faults), len(script.definitions), 0
        if self.every and seed % self.every == 0:
            found = metamorphic(self.binary, self.place, script, rng, seed)
            if found:
                text = "\n".join(script.head() + script.statements(script.definitions))
                return f"seed {seed}: as of {self.world.as_of}\n{text}\n-- " + "\n-- ".join(found), len(script.definitions), 0
        return None, len(script.definitions), len(script.definitions) * len(theirs[0])

    def refused(self, script, fault):
        """Which definition is refused, alone?"""
        for d in script.definitions:
            try:
                ask(self.binary, self.place, script, script.closed([d.name]))
            except Fault as alone:
                return [(d, str(alone))]
        said = "\n".join(script.listed(a, f"{a.name}.parquet") for a in script.audiences)
        return [(None, f"{fault}\n{said}")]

    def unlisted(self, seed, script, faults):
        lines = [f"seed {seed}: as of {self.world.as_of}, {self.world.zone}; audiences"]
        lines += script.head()
        few = [a for a in script.audiences if any(a is f for f, _ in faults)] or script.audiences
        need = {d.name for a in few for d in script.needs(a)}
        lines += script.statements([d for d in script.definitions if d.name in need])
        for a in few:
            lines.append(script.listed(a, f"{a.name}.parquet"))
            lines += [f"-- {d.name}: {d.body.sql}" for d in a.hidden()]
            lines += [f"--   {alias}: {q}" for d in a.hidden() for alias, q, _ in d.body.aggs]
        lines += [f"-- {a.name if a else 'drawn'}: {what}" for a, what in faults]
        return script.times.resolve("\n".join(lines), None)

    def report(self, seed, script, faults):
        d, what = faults[0]
        lines = [f"seed {seed}: as of {self.world.as_of}, {self.world.zone}; {len(faults)} of {len(script.definitions)} differ"]
        need = script.definitions
        if d is not None:
            need = script.closed([d.name])
            try:
                small, found = shrink(self.binary, self.place, script, self.oracle, d)
                if small:
                    need, (d, what) = small, found[0]
                else:
                    lines.append("-- only together with the other definitions")
                    need = script.definitions
            except (Fault, duckdb.Error) as error:
                lines.append(f"-- not shrunk: {error}")
        lines += script.head()
        before = script.definitions
        script.definitions = before + [x for x in need if x not in before]
        lines += script.statements(need)
        script.definitions = before
        if d is not None:
            lines += [f"-- {d.name}: {what}", f"-- SQL: {d.body.sql}"]
            lines += [f"--   {a}: {q}" for a, q, _ in d.body.aggs]
        else:
            lines.append(f"-- {what}")
        return script.times.resolve("\n".join(lines), None)


def work(job):
    binary, folder, seeds, every, keep, features = job
    worker = Worker(binary, tempfile.mkdtemp(dir=folder), features, every, keep)
    results = []
    for seed in seeds:
        try:
            results.append((seed, *worker.one(seed)))
        except Exception:
            results.append((seed, f"seed {seed}: the test itself failed\n{traceback.format_exc()}", 0, 0))
    if not keep:
        shutil.rmtree(worker.folder, ignore_errors=True)
    return results


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--segue", required=True)
    parser.add_argument("--scripts", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="the first script's seed; the others follow it")
    parser.add_argument("--one", type=int, help="only the script of this seed, with every metamorphic check")
    parser.add_argument("--metamorphic", type=int, default=10, help="check every nth script against itself too; 0 for none")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--stop", type=int, default=20, help="give up after so many failures")
    parser.add_argument("--minutes", type=float, help="begin no more scripts after so long")
    parser.add_argument("--keep", help="a folder to keep the tables and scripts in")
    options = parser.parse_args()
    binary = os.path.abspath(options.segue)
    started = time.time()
    folder = options.keep or tempfile.mkdtemp(prefix="segue-property-")
    os.makedirs(folder, exist_ok=True)
    seeds = [options.one] if options.one is not None else list(range(options.seed, options.seed + options.scripts))
    every = 1 if options.one is not None else options.metamorphic
    features = features_of(binary)
    worlds = collections.defaultdict(list)
    for s in seeds:
        worlds[s // 4].append(s)
    jobs = [(binary, folder, few, every, bool(options.keep), features) for few in worlds.values()]
    done = failed = definitions = values = 0
    last = None
    pool = multiprocessing.get_context("spawn").Pool(options.processes) if len(jobs) > 1 else None
    try:
        for results in (pool.imap(work, jobs) if pool else map(work, jobs)):
            for seed, fault, some, compared in results:
                done, definitions, values, last = done + 1, definitions + some, values + compared, seed
                if fault:
                    failed += 1
                    print(fault + "\n", flush=True)
            if failed >= options.stop or (options.minutes and time.time() - started > options.minutes * 60):
                break
    finally:
        if pool:
            pool.terminate()
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{done} scripts (seeds {seeds[0]} to {last}) with {definitions} definitions, {values} values compared, "
          f"{failed} failed, {time.time() - started:.0f} s")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
