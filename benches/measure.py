"""One run of Segue or of a peer: its answer, and what it took."""
import hashlib
import importlib
import importlib.metadata
import importlib.util
import json
import os
import pathlib
import pty
import shutil
import subprocess
import sys
import tempfile
import time

import workloads

HERE = pathlib.Path(__file__).resolve().parent
PEERS = ("duckdb", "polars", "chdb")


def is_installed(peer):
    return importlib.util.find_spec(peer) is not None


def title_of(peer):
    return importlib.import_module(f"peer_{peer}").TITLE


def version_of(peer):
    return importlib.metadata.version(peer)


def read_ahead(bank):
    """Reads a bank's files: whoever is first finds them in the page cache as the others do."""
    for file in sorted((bank / "data").rglob("*.parquet")):
        with open(file, "rb", buffering=0) as data:
            while data.read(1 << 20):
                pass


def processed(command, stdin=None, **options):
    """The command's output and the moments of its lines; wall and processor seconds, and peak memory in MB."""
    with tempfile.TemporaryFile("w+") as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE if stdin else subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True, **options
        )
        if stdin:
            process.stdin.write(stdin)
            process.stdin.close()
        lines, moments = [], []
        for line in process.stdout:
            lines.append(line)
            moments.append(time.perf_counter() - started)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            errors.seek(0)
            raise RuntimeError(f"{' '.join(map(str, command))[:200]} failed ({process.returncode}): {errors.read()[-2000:]}")
    return lines, moments, {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "memory": usage.ru_maxrss / 1024}


# ---- the peers
def child(peer, workload, bank, threads):
    """Runs one query in this process and tells what it took: the other side of `ask_peer`."""
    run = importlib.import_module(f"peer_{peer}").peer(bank, threads)
    before, started = os.times(), time.perf_counter()
    answer = run(workload)
    wall, after = time.perf_counter() - started, os.times()
    cpu = (after.user + after.system) - (before.user + before.system)
    print(json.dumps({"wall": wall, "cpu": cpu, "answer": [int(count) for count in answer]}))


def ask_peer(peer, workload, bank, threads):
    command = [sys.executable, str(HERE / "run.py"), "--threads", str(threads), "--child", peer, workload, str(bank)]
    lines, _, whole = processed(command, cwd=HERE)
    told = json.loads(lines[-1])
    return told["answer"], {"wall": told["wall"], "cpu": told["cpu"], "memory": whole["memory"]}


# ---- Segue
class Segue:
    def __init__(self, program, threads):
        self.program, self.threads = program, threads

    def script(self, workload, bank):
        """The workload's script, beside the bank's data."""
        path = bank / f"bench-{workload}.seg"
        text = workloads.SCRIPTS[workload]
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
        return path

    def options(self):
        return ["--as-of", workloads.AS_OF, "--threads", str(self.threads), "-q"]

    def count(self, workload, bank, memory=None):
        """How many are in each segment of the workload's script."""
        command = [self.program, "run", str(self.script(workload, bank)), *self.options(), "--format", "ndjson"]
        lines, _, took = processed(command + (["--memory", memory] if memory else []), cwd=bank)
        return [json.loads(line)["members"] for line in lines], took

    def deliver(self, workload, bank, memory=None):
        """How many are in each list of the workload's script, and the checksum of each file that is written."""
        out = pathlib.Path(tempfile.mkdtemp(dir=bank))
        try:
            command = [self.program, "run", str(self.script(workload, bank)), *self.options(), "--format", "ndjson", "--out", str(out)]
            lines, _, took = processed(command + (["--memory", memory] if memory else []), cwd=bank)
            files = sorted(path for path in out.rglob("*.parquet") if path.is_file())
            sums = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
            took["bytes"] = sum(path.stat().st_size for path in files)
            told = [json.loads(line) for line in lines]
            return [answer["rows"] for answer in told if "audience" in answer], sums, took
        finally:
            shutil.rmtree(out)

    def ask_again(self, workload, bank):
        """The workload's questions asked twice in one session: what the second time took, after the first."""
        text = workloads.SCRIPTS[workload]
        names = [line.split()[1] for line in text.splitlines() if line.startswith("segment ")]
        # In one line, as peers have one query: it is one entry, whose counts come out of one pass.
        questions = "; ".join(f"count {name}" for name in names) + "\n"
        command = [self.program, "repl", str(self.script(workload, bank)), *self.options()]
        with tempfile.TemporaryDirectory() as cache:
            environment = {**os.environ, "SEGUE_CACHE_DIR": cache}
            lines, moments, took = processed(
                command, stdin=f"\\format ndjson\n{questions}{questions}", cwd=bank, env=environment
            )
        counts = [json.loads(line)["members"] for line in lines]
        first, second = counts[: len(names)], counts[len(names) :]
        if first != second:
            raise RuntimeError(f"{workload}: a session answers otherwise when it is asked again")
        took.update(wall=moments[-1] - moments[len(names) - 1], first=moments[len(names) - 1])
        return second, took

    def version(self):
        _, _, took = processed([self.program, "--version"])
        return None, took

    def check(self, bank):
        _, _, took = processed([self.program, "check", str(self.script("check", bank)), "--as-of", workloads.AS_OF], cwd=bank)
        return None, took

    def prompt(self):
        """Up to the first prompt, in a terminal of its own."""
        started = time.perf_counter()
        process, terminal = pty.fork()
        if process == 0:
            os.execv(self.program, [self.program, "repl", "--no-cache"])
        shown = b""
        while b"segue> " not in shown:
            shown += os.read(terminal, 4096)
        wall = time.perf_counter() - started
        os.write(terminal, b"\x04")
        try:
            # Whoever writes to a terminal that nobody reads waits.
            while os.read(terminal, 4096):
                pass
        except OSError:
            pass
        _, _, usage = os.wait4(process, 0)
        os.close(terminal)
        return None, {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "memory": usage.ru_maxrss / 1024}

    def plan(self, workload, bank):
        """The workload's script read, checked and planned."""
        command = [self.program, "debug", "plan", str(self.script(workload, bank)), "--as-of", workloads.AS_OF]
        _, _, took = processed(command, cwd=bank)
        return None, took


def limit_of(limit, workload, bank, threads):
    """Seconds to decode the columns that the workload reads."""
    total = 0.0
    for folder, columns in workloads.READS[workload]:
        files = sorted(str(f) for f in bank.glob(folder))
        lines, _, _ = processed([limit, str(threads), ",".join(columns), *files])
        total += json.loads(lines[-1])["seconds"]
    return total
