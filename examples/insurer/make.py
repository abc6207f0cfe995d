"""Makes the two tables of a small insurer that insurer.seg reads. Everybody in them is made up.

    python3 make.py

Writes `data/holders.csv` (a line per policyholder) and `data/policies.csv` (a line per contract) beside this script. The
same numbers come out each time: only `random.random()` of a fixed seed is used, which no version of Python changes.
"""

import csv
import datetime
import random
from pathlib import Path

HERE = Path(__file__).resolve().parent
TODAY = datetime.date(2026, 10, 31)
HOLDERS = 600
CITIES = ["上海", "杭州", "南京", "苏州", "宁波", "合肥", "无锡", "厦门"]
# A line of business, how often it is bought, its middle premium a year.
LINES = [("accident", 30, 300), ("health", 26, 2_400), ("motor", 22, 3_200), ("life", 14, 7_500), ("annuity", 8, 15_000)]

dice = random.Random(20261031)


def chance(probability):
    return dice.random() < probability


def pick(entries):
    """One of (entry, weight, …) by weight."""
    at = dice.random() * sum(entry[1] for entry in entries)
    for entry in entries:
        at -= entry[1]
        if at < 0:
            return entry
    return entries[-1]


def holder(number):
    age = 22 + int(50 * dice.random())
    born = TODAY - datetime.timedelta(days=age * 365 + int(365 * dice.random()))
    consent = "" if chance(0.06) else ("true" if chance(0.7) else "false")
    row = [20_001 + number, born, CITIES[int(len(CITIES) * dice.random() ** 1.5)], consent,
           "true" if chance(0.01) else "false", "true" if chance(0.03) else "false"]
    return row, age


def contracts(key, age):
    """A holder's contracts: most have one or two, some a drawer full; the rich pay more for each."""
    count = 1 + int(dice.random() ** 2.5 * 6)
    wealth = 0.5 + 2.5 * dice.random() ** 2
    began = int(4_000 * dice.random())
    for _ in range(count):
        line, _, premium = pick(LINES)
        days = int(began * dice.random()) + int(60 * dice.random())
        started = TODAY - datetime.timedelta(days=days)
        paid = round(premium * wealth * (0.6 + 0.8 * dice.random()) * (0.7 + age / 100), 2)
        status = "in force" if chance(0.86 - days / 15_000) else "lapsed"
        yield [key, line, started, f"{paid:.2f}", status]


def write(name, header, rows):
    path = HERE / "data" / name
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out, lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)
    print(f"wrote data/{name}: {len(rows):,} rows")


def main():
    holders, policies = [], []
    for number in range(HOLDERS):
        row, age = holder(number)
        holders.append(row)
        policies.extend(contracts(row[0], age))
    # The day's own news: a table whose last day is older than the run's would be yesterday's.
    policies.append([holders[-1][0], "motor", TODAY, "3200.00", "in force"])
    policies = [[70_001 + number, *row] for number, row in enumerate(policies)]
    write("holders.csv", ["holder_id", "birth_date", "city", "consent_call", "staff", "in_dispute"], holders)
    write("policies.csv", ["policy_id", "holder_id", "line", "started", "annual_premium", "status"], policies)


if __name__ == "__main__":
    main()
