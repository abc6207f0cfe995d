"""Makes the CDNOW tables that cdnow.seg reads, out of the file that the PyPI package `lifetimes` ships.

    pip install lifetimes
    python make.py

The file has a line per purchase: customer, date, number of CDs, dollars. Two tables are written into `data/`
beside this script: `purchases.csv`, the same lines with ISO dates, and `customers.csv`, a line per customer with
the date of the first purchase. Only Python's own library is used, and `lifetimes` is looked up, not imported.
"""

import csv
import importlib.util
import os
import sys
from datetime import datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent


def master_file():
    """The path of CDNOW_master.txt in the installed package."""
    spec = importlib.util.find_spec("lifetimes")
    if spec is None or spec.origin is None:
        sys.exit("make.py: the package `lifetimes` is not installed here; `pip install lifetimes` brings the CDNOW data")
    path = Path(spec.origin).parent / "datasets" / "CDNOW_master.txt"
    if not path.is_file():
        sys.exit("make.py: this `lifetimes` has no datasets/CDNOW_master.txt; `pip install lifetimes==0.11.3` has one")
    return path


def read(path):
    """(customer, ISO date, CDs, dollars as written) of every line."""
    with path.open(encoding="ascii") as lines:
        next(lines)  # the header
        for number, line in enumerate(lines, start=2):
            fields = line.split()
            if not fields:
                continue
            if len(fields) != 4:
                sys.exit(f"make.py: line {number} of {path.name} has {len(fields)} fields, not 4")
            customer, day, cds, dollars = fields
            # The dollars stay the text that they are: no float comes between the file and the script's decimal.
            yield int(customer), datetime.strptime(day, "%Y%m%d").date().isoformat(), int(cds), dollars


def write(path, header, rows):
    """Beside first, then in place: a reader never sees half a table."""
    beside = path.with_suffix(".csv.part")
    with beside.open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out, lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)
    os.replace(beside, path)
    # As typed from here, where that is shorter.
    shown = os.path.relpath(path)
    print(f"wrote {shown if not shown.startswith('..') else path}: {len(rows):,} rows")


def main():
    purchases = list(read(master_file()))
    first = {}
    for customer, day, _, _ in purchases:
        first[customer] = min(day, first.get(customer, day))
    data = HERE / "data"
    data.mkdir(exist_ok=True)
    write(data / "customers.csv", ["customer_id", "first_purchase"], sorted(first.items()))
    write(data / "purchases.csv", ["customer_id", "bought_on", "cds", "amount"], purchases)


if __name__ == "__main__":
    main()
