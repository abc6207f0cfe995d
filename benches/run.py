#!/usr/bin/env python3
"""Times Segue against the engines that people would use instead, on the same Parquet files, in the same run.

    python3 benches/run.py [--segue PATH] [--limit PATH] [--customers N] [--runs N] [--only W1,W4] [--out FOLDER]

Makes the demo bank if it is not there, asks every question of Segue and of each peer that is installed (DuckDB, Polars),
interleaved, checks that their answers are equal, and writes medians and ratios as Markdown and JSON. The queries are in
`workloads.py`. Two threads each. A peer's time is that of its query in a fresh process, without starting Python and
importing it; Segue's is that of the whole process.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import workloads

HERE = pathlib.Path(__file__).resolve().parent
THREADS = 2


def child(peer, workload, bank):
    """Runs one query in this process and tells what it took: the other side of `measure_peer`."""
    run = workloads.PEERS[peer](bank, THREADS)
    before, started = os.times(), time.perf_counter()
    answer = run(workload)
    wall, after = time.perf_counter() - started, os.times()
    cpu = (after.user + after.system) - (before.user + before.system)
    print(json.dumps({"wall": wall, "cpu": cpu, "answer": answer}))


def peak_of(pid_usage):
    return pid_usage.ru_maxrss / 1024


def measured(command, **options):
    """The command's output, wall and processor seconds and peak memory in MB."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    out, err = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    if status != 0:
        raise RuntimeError(f"{command[0]} failed: {err or out}")
    return out, {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "memory": peak_of(usage)}


def measure_peer(peer, workload, bank):
    out, whole = measured([sys.executable, str(HERE / "run.py"), "--child", peer, workload, str(bank)], cwd=HERE)
    told = json.loads(out)
    return told["answer"], {"wall": told["wall"], "cpu": told["cpu"], "memory": whole["memory"]}


def measure_segue(segue, workload, bank, scripts):
    path = scripts / f"{workload}.seg"
    path.write_text(workloads.SCRIPTS[workload])
    command = [segue, "run", str(path), "--as-of", workloads.AS_OF, "--threads", str(THREADS), "--format", "ndjson", "-q"]
    out, took = measured(command, cwd=bank)
    rows = [json.loads(line) for line in out.splitlines() if line.strip()]
    return [row["members"] for row in rows], took


def limit_of(limit, workload, bank):
    """Seconds to decode the columns that the workload reads."""
    total = 0.0
    for folder, columns in workloads.READS[workload]:
        files = sorted(str(f) for f in bank.glob(folder))
        out, _ = measured([limit, str(THREADS), ",".join(columns), *files])
        total += json.loads(out)["seconds"]
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segue", default="target/release/segue")
    parser.add_argument("--limit", help="the program of benches/limit.rs; without it the decode limit is left out")
    parser.add_argument("--bank", help="the bank's folder; made where it is not there")
    parser.add_argument("--customers", type=int, default=2_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", default=",".join(workloads.SCRIPTS))
    parser.add_argument("--out", default="target/bench")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        peer, workload, bank = options.child
        return child(peer, workload, pathlib.Path(bank))

    segue = str(pathlib.Path(options.segue).resolve())
    out = pathlib.Path(options.out).resolve()
    out.mkdir(parents=True, exist_ok=True)
    bank = pathlib.Path(options.bank or out / f"bank-{options.customers}").resolve()
    if not (bank / "data" / "demo.json").exists():
        measured([segue, "demo", str(bank), "--customers", str(options.customers), "-q"])
    scripts = bank
    peers = [name for name in workloads.PEERS if workloads.is_installed(name)]
    print(f"peers: {', '.join(peers) or 'none installed'}", file=sys.stderr)

    results, wrong = {}, []
    for workload in options.only.split(","):
        runs = {name: [] for name in ["segue", *peers]}
        answers = {}
        for _ in range(options.runs):
            for name in runs:
                ask = (
                    (lambda: measure_segue(segue, workload, bank, scripts))
                    if name == "segue"
                    else (lambda: measure_peer(name, workload, bank))
                )
                answer, took = ask()
                runs[name].append(took)
                if answers.setdefault(name, answer) != answer:
                    wrong.append(f"{workload}: {name} answers differently from run to run")
        for name in peers:
            if answers[name] != answers["segue"]:
                wrong.append(f"{workload}: {name} says {answers[name][:8]}, segue {answers['segue'][:8]}")
        median = {
            name: {key: statistics.median(r[key] for r in took) for key in ("wall", "cpu", "memory")}
            for name, took in runs.items()
        }
        limit = None
        if options.limit and workload in workloads.READS:
            limit = statistics.median(limit_of(options.limit, workload, bank) for _ in range(options.runs))
        results[workload] = {"what": workloads.WHAT[workload], "median": median, "limit": limit}
        print(f"{workload}: " + ", ".join(f"{n} {m['wall']:.3f} s" for n, m in median.items()), file=sys.stderr)

    (out / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    (out / "results.md").write_text(markdown(results, peers))
    print(markdown(results, peers))
    for line in wrong:
        print(f"DIFFERENT {line}")
    return 1 if wrong else 0


def markdown(results, peers):
    head = ["workload", "Segue", *(workloads.TITLES[p] for p in peers), "to the fastest", "limit", "to the limit", "CPU", "MB"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for workload, result in results.items():
        median = result["median"]
        own = median["segue"]
        fastest = min((median[p]["wall"] for p in peers), default=None)
        limit = result["limit"]
        cells = [
            f"{workload} {result['what']}",
            f"{own['wall']:.3f}",
            *(f"{median[p]['wall']:.3f}" for p in peers),
            f"{own['wall'] / fastest:.2f}" if fastest else "–",
            f"{limit:.3f}" if limit else "–",
            f"{own['wall'] / limit:.2f}" if limit else "–",
            f"{own['cpu']:.2f}",
            f"{own['memory']:.0f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
