#!/usr/bin/env python3
"""Times Segue against the engines that people would use instead, on the same Parquet files, in the same run.

    python3 benches/run.py                                    the demo bank with 2 million customers, five runs
    python3 benches/run.py --customers 5000 --runs 1          a minute: are all answers equal?
    python3 benches/run.py --slow --variants --memory --scale   everything; hours

Makes the demo bank if it is not there, asks every question of Segue and of each peer that is installed (DuckDB, Polars,
chDB), interleaved, checks that their answers are equal, and writes medians and ratios as Markdown and JSON, and plots.
A peer's time is that of its query in a fresh process, without starting Python and importing it; Segue's is that of the
whole process. Ends with status 1 where answers differ.
"""
import argparse
import dataclasses
import json
import pathlib
import statistics
import sys
from collections.abc import Callable

import banks
import measure
import plots
import tables
import workloads

# Asked of the demo bank as it is. The slow ones: a query for each segment; four times the data.
USUAL = ["W1", "W2", "W3", "W4", "W5", "W6", "W7-W3", "W7-W4", "W8", "W8-", "W10", "W10-plan", *tables.MOMENTS]
SLOW = ["W4q", "W9"]
# Customers; transactions are about 25 times as many: 5 to 200 million.
SCALE = "200000,800000,2000000,8000000"


@dataclasses.dataclass
class Job:
    """A workload: how Segue is asked, and the peers' query, if there is one."""

    name: str
    what: str
    bank: pathlib.Path
    runs: int
    ask: Callable[[], tuple]
    query: str | None = None
    reads: str | None = None
    variant: str | None = None


def job_of(name, segue, bank, options):
    """The job of a workload on the demo bank."""
    def made(ask, query=None, runs=options.runs, of=bank):
        return Job(name, workloads.WHAT[name], of, runs, ask, query, name if name in workloads.READS else None)

    if name.startswith("W7-"):
        asked = name.removeprefix("W7-")
        return made(lambda: segue.ask_again(asked, bank), asked)
    if name in ("W8", "W8-"):
        def deliver():
            rows, _, took = segue.deliver(name, bank)
            return rows, took

        return made(deliver)
    if name in tables.MOMENTS:
        start = {"version": segue.version, "prompt": segue.prompt, "check": lambda: segue.check(bank)}
        # Too short to be told from what else a machine does.
        return made(start[name], runs=options.runs * 5)
    if name == "W10-plan":
        return made(lambda: segue.plan("W10", bank))
    if name == "W4q":
        return made(lambda: segue.count("W4", bank), "W4q", 1)
    if name == "W9":
        large = larger_bank(segue, options.customers * 4, options)
        return made(lambda: segue.count("W4", large), "W4", of=large)
    return made(lambda: segue.count(name, bank), name)


def variant_jobs(segue, bank, options):
    for variant in options.variants.split(","):
        place = banks.folder_of(bank, variant)
        if not banks.is_made(bank, variant):
            # In a process of its own: the peak memory of whoever starts a process is counted as the process's.
            measure.processed([sys.executable, str(measure.HERE / "banks.py"), str(bank), variant])
        for name in ("W3", "W4"):
            yield Job(
                f"{name}-{variant}", banks.VARIANTS[variant], place, options.runs,
                lambda name=name, place=place: segue.count(name, place), name, None, variant,
            )


def larger_bank(segue, customers, options):
    return demo(segue, pathlib.Path(options.banks or options.out).resolve() / f"bank-{customers}", customers)


def demo(segue, bank, customers):
    """The demo bank with so many customers, made where it is not there."""
    if not (bank / "data" / "demo.json").exists():
        print(f"making a bank with {customers:,} customers", file=sys.stderr)
        measure.processed([segue.program, "demo", str(bank), "--customers", str(customers), "-q"])
    return bank


def medians(took):
    return {key: statistics.median(run[key] for run in took) for key in took[0]}


def measured(job, peers, options, wrong):
    """The job's medians: all engines in turn, as often as there are runs."""
    engines = {"segue": job.ask}
    if job.query:
        for peer in peers:
            engines[peer] = lambda peer=peer: measure.ask_peer(peer, job.query, job.bank, options.threads)
    took, answers = {name: [] for name in engines}, {}
    failed = {}
    measure.read_ahead(job.bank)
    for _ in range(job.runs):
        for name, ask in engines.items():
            if name in failed:
                continue
            try:
                answer, run = ask()
            except RuntimeError as error:
                # A peer that cannot (memory, mostly) is left out of the job, and the page says so.
                if name == "segue":
                    raise
                failed[name] = str(error).strip().splitlines()[-1][:300]
                print(f"{job.name}: {name}: {failed[name]}", file=sys.stderr)
                continue
            took[name].append(run)
            if answers.setdefault(name, answer) != answer:
                wrong.append(f"{job.name}: {name} answers differently from run to run")
    took = {name: runs for name, runs in took.items() if name not in failed}
    for peer in (name for name in took if name != "segue"):
        wrong.extend(f"{job.name}: {line}" for line in differences(peer, answers[peer], answers["segue"]))
    median = {name: medians(runs) for name, runs in took.items()}
    limit = None
    if options.limit and job.reads:
        limits = [measure.limit_of(options.limit, job.reads, job.bank, options.threads) for _ in range(job.runs)]
        limit = statistics.median(limits)
    print(f"{job.name}: " + ", ".join(f"{n} {m['wall']:.3f} s" for n, m in median.items()), file=sys.stderr)
    return {
        "what": job.what, "runs": job.runs, "median": median, "limit": limit, "variant": job.variant,
        "all": took, "answer": answers["segue"], "failed": failed,
    }


def differences(peer, theirs, ours):
    if len(theirs) != len(ours):
        return [f"{peer} counts {len(theirs)} segments, segue {len(ours)}"]
    return [f"segment {place}: {peer} says {a}, segue {b}" for place, (a, b) in enumerate(zip(theirs, ours)) if a != b][:5]


def limited(segue, bank, options, wrong):
    """Runs that may use little memory: they end, with the same answers and the same bytes."""
    cases = [("W4", bank, options.memory, segue.count), ("W8", bank, options.memory, lambda *a: segue.deliver(*a)[1:])]
    if options.slow:
        cases.append(("W9", larger_bank(segue, options.customers * 4, options), "1GB", segue.count))
    found = []
    for name, place, memory, ask in cases:
        workload = "W4" if name == "W9" else name
        expected, _ = ask(workload, place)
        row = {"workload": name, "memory": memory, "wall": None, "peak": None}
        try:
            answer, took = ask(workload, place, memory)
            row.update(wall=took["wall"], peak=took["memory"], told="yes" if answer == expected else "no")
            if answer != expected:
                wrong.append(f"{name} with --memory {memory} has another answer than without")
        except RuntimeError as error:
            row["told"] = "did not finish"
            wrong.append(f"{name} with --memory {memory}: {str(error).strip().splitlines()[0][:300]}")
        found.append(row)
    return found


def scaled(segue, peers, options, wrong):
    """W3 and W4 on banks of several sizes."""
    found = []
    for customers in (int(size) for size in options.scale.split(",")):
        bank = larger_bank(segue, customers, options)
        for name in ("W3", "W4"):
            job = Job(f"{name} of {customers:,}", "", bank, options.runs, lambda: segue.count(name, bank), name)
            result = measured(job, peers, options, wrong)
            found.append({"workload": name, "customers": customers, "transactions": banks.transactions_of(bank), "median": result["median"]})
    return found


def chosen(options):
    """The workloads to run: a name, or what a name begins with before a dash (W7 for W7-W3 and W7-W4)."""
    every = USUAL + (SLOW if options.slow else [])
    if options.only is None:
        return every
    asked = [name for name in options.only.split(",") if name]
    found = [name for name in USUAL + SLOW if any(name == a or name.startswith(f"{a}-") for a in asked)]
    unknown = [a for a in asked if not any(name == a or name.startswith(f"{a}-") for name in found)]
    if unknown:
        sys.exit(f"no workload is named {', '.join(unknown)}: {', '.join(USUAL + SLOW)}")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segue", default="target/release/segue")
    parser.add_argument("--limit", help="the program of benches/limit.rs; without it the decode limit is left out")
    parser.add_argument("--bank", help="the bank's folder; made where it is not there")
    parser.add_argument("--banks", help="the folder of the other banks that --slow and --scale make; --out where not given")
    parser.add_argument("--customers", type=int, default=2_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peers", default=",".join(measure.PEERS), help="those to compare with; those not installed are left out")
    parser.add_argument("--only", help="workloads by name, with commas; '' for none")
    parser.add_argument("--slow", action="store_true", help=f"also {' and '.join(SLOW)}")
    parser.add_argument("--variants", nargs="?", const=",".join(banks.VARIANTS), help="also W3 and W4 on variants of the data")
    parser.add_argument("--memory", nargs="?", const="256MB", help="also W4 and W8 with so much memory (256MB)")
    parser.add_argument("--scale", nargs="?", const=SCALE, help=f"also W3 and W4 on banks with so many customers ({SCALE})")
    parser.add_argument("--out", default="target/bench")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        peer, workload, bank = options.child
        return measure.child(peer, workload, pathlib.Path(bank), options.threads)

    segue = measure.Segue(str(pathlib.Path(options.segue).resolve()), options.threads)
    out = pathlib.Path(options.out).resolve()
    out.mkdir(parents=True, exist_ok=True)
    bank = pathlib.Path(options.bank).resolve() if options.bank else out / f"bank-{options.customers}"
    demo(segue, bank, options.customers)
    options.customers = banks.customers_of(bank)
    peers = [name for name in options.peers.split(",") if name in measure.PEERS and measure.is_installed(name)]
    titles = {peer: measure.title_of(peer) for peer in peers}
    print(f"peers: {', '.join(titles.values()) or 'none installed'}", file=sys.stderr)

    wrong, results = [], {}
    for name in chosen(options):
        job = job_of(name, segue, bank, options)
        # A peer has no warm session: its time is that of the question asked once, which may be known already.
        known = results.get(job.query) if name.startswith("W7-") else None
        result = measured(job, [] if known else peers, options, wrong)
        if known:
            result["median"].update({peer: median for peer, median in known["median"].items() if peer != "segue"})
            if result["answer"] != known["answer"]:
                wrong.append(f"{name}: a session answers otherwise than a run")
        results[name] = result
    if options.variants:
        for job in variant_jobs(segue, bank, options):
            results[job.name] = measured(job, peers, options, wrong)
    told = {
        "setting": {
            "customers": options.customers,
            "transactions": banks.transactions_of(bank),
            "threads": options.threads,
            "runs": options.runs,
            "segue": measure.processed([segue.program, "--version"])[0][0].split()[-1],
            "peers": {peer: measure.version_of(peer) for peer in peers},
        },
        "workloads": results,
        "memory": limited(segue, bank, options, wrong) if options.memory else [],
        "scale": scaled(segue, peers, options, wrong) if options.scale else [],
        "different": wrong,
    }
    (out / "results.json").write_text(json.dumps(told, indent=2) + "\n")
    page = tables.page(told, titles)
    (out / "results.md").write_text(page)
    if results:
        (out / "wall.svg").write_text(plots.bars(results, titles))
    if told["scale"]:
        (out / "scale.svg").write_text(plots.lines(told["scale"], titles))
    print(page)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
