#!/usr/bin/env python3
"""Runs the commands that the README and the examples' pages show, and compares what comes out with what they say.

    python3 tests/compare/pages.py --segue PATH [--write] [PAGE…]

In a `console` block, each line that begins with `$ ` is a command, and what follows it is its output. The commands of
all pages run in one new folder, where the first makes the demo bank; those of an example with data of its own run in a
copy of its folder. With --write the pages get today's output. Exit status 1 on a difference.

Commands that install something are left out, and so are the pages whose data must be fetched first (CDNOW).
"""
import argparse
import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
BLOCK = re.compile(r"(^```console\n)(.*?)(^```$)", re.M | re.S)
SKIPPED = ("cargo test", "cargo install", "pip install", ".ci/run")


def commands(block):
    """(command, output) of a block, and what stands before the first command."""
    parts = re.split(r"^\$ (.*)\n", block, flags=re.M)
    return parts[0], list(zip(parts[1::2], parts[2::2]))


class Runner:
    def __init__(self, segue, scratch):
        self.scratch = scratch
        bin_folder = os.path.join(scratch, "bin")
        os.mkdir(bin_folder)
        os.symlink(os.path.abspath(segue), os.path.join(bin_folder, "segue"))
        # `python3` of the pages is the one that runs this script: it knows what is installed.
        path = [bin_folder, os.path.dirname(sys.executable), os.environ["PATH"]]
        self.env = {**os.environ, "PATH": os.pathsep.join(path), "LC_ALL": "C.UTF-8", "NO_COLOR": "1"}

    def run(self, command, folder):
        command = command.replace("cargo run --release -- ", "segue ")
        done = subprocess.run(["bash", "-c", command], cwd=folder, env=self.env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        # Blank lines at the end are not shown.
        return done.stdout.rstrip("\n") + "\n" if done.stdout else ""


def folder_of(page, scratch):
    """Where the page's commands run: beside the bank, or in a copy of the page's folder if that has data of its own."""
    home = os.path.dirname(page)
    if not os.path.isdir(os.path.join(home, "data")):
        return scratch
    copy = os.path.join(scratch, os.path.basename(home))
    if not os.path.isdir(copy):
        shutil.copytree(home, copy, ignore=shutil.ignore_patterns("out"))
    return copy


def run_page(page, runner, write):
    """How many commands ran; the differences are printed."""
    text = open(page, encoding="utf-8").read()
    name = os.path.relpath(page, ROOT)
    folder = folder_of(page, runner.scratch)
    ran, differing = 0, 0

    def again(match):
        nonlocal ran, differing
        before, entries = commands(match[2])
        out = before
        for place, (command, said) in enumerate(entries):
            if command.startswith(SKIPPED):
                out += f"$ {command}\n{said}"
                continue
            # A bank that is there already is not made again.
            if command.split()[-2:] == ["demo", "bank"] or "demo bank --run" in command:
                shutil.rmtree(os.path.join(folder, "bank"), ignore_errors=True)
            ran += 1
            now = runner.run(command, folder)
            # A blank line parts two commands of a block.
            wanted = said if place == len(entries) - 1 else said.removesuffix("\n") if said.endswith("\n\n") else said
            if now != wanted:
                differing += 1
                print(f"{name}: $ {command}")
                if not write:
                    sys.stdout.writelines(difflib.unified_diff(wanted.splitlines(True), now.splitlines(True), "page", "now", n=1))
            out += f"$ {command}\n{now}" + ("" if place == len(entries) - 1 else "\n")
        return match[1] + out + match[3]

    after = BLOCK.sub(again, text)
    if write and after != text:
        with open(page, "w", encoding="utf-8") as out:
            out.write(after)
    return ran, differing


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--segue", required=True)
    parser.add_argument("--write", action="store_true", help="put today's output into the pages")
    parser.add_argument("pages", nargs="*")
    options = parser.parse_args()
    examples = os.path.join(ROOT, "examples")
    pages = [os.path.abspath(page) for page in options.pages]
    if not pages:
        names = sorted(name for name in os.listdir(examples) if name not in ("cdnow", "retail"))
        pages = [os.path.join(ROOT, "README.md"), os.path.join(examples, "retail", "README.md")]
        pages += [os.path.join(examples, name, "README.md") for name in names]
        pages = [page for page in pages if os.path.isfile(page)]
    with tempfile.TemporaryDirectory() as scratch:
        runner = Runner(options.segue, scratch)
        runner.run("segue demo bank", scratch)
        totals = [run_page(page, runner, options.write) for page in pages]
    ran, differing = (sum(column) for column in zip(*totals))
    print(f"{ran} commands of {len(pages)} pages, {differing} with other output")
    sys.exit(1 if differing and not options.write else 0)


if __name__ == "__main__":
    main()
