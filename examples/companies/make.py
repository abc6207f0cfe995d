"""Makes the tables of corporate customers that companies.seg reads. All companies are made up.

    python3 make.py

Writes `data/companies.csv`, `data/trials.csv` (clinical trials) and `data/rounds.csv` (rounds of funding) beside this
script. The same numbers come out each time: only `random.random()` of a fixed seed is used, which no version of Python
changes.
"""

import csv
import datetime
import random
from pathlib import Path

HERE = Path(__file__).resolve().parent
TODAY = datetime.date(2026, 10, 31)
COMPANIES = 400
FIRST = ["康", "恒", "瑞", "华", "信", "百", "君", "海", "泰", "安", "宏", "博", "诺", "启", "天", "明"]
SECOND = ["达", "源", "泽", "盛", "健", "和", "欣", "辰", "宁", "策", "普", "兰"]
FIELDS = [("innovative drugs", 34, "生物医药"), ("generics", 22, "制药"), ("devices", 24, "医疗器械"), ("services", 20, "医药服务")]
CITIES = ["上海", "苏州", "北京", "杭州", "南京", "广州", "成都"]
PHASES = ["preclinical", "phase 1", "phase 2", "phase 3", "approved"]
ROUNDS = ["seed", "A", "B", "C", "IPO"]

dice = random.Random(7)


def chance(probability):
    return dice.random() < probability


def one_of(entries, bent=1.0):
    return entries[int(len(entries) * dice.random() ** bent)]


def yes(probability):
    return "true" if chance(probability) else "false"


def field():
    at = dice.random() * 100
    for entry in FIELDS:
        at -= entry[1]
        if at < 0:
            return entry
    return FIELDS[-1]


def ago(days):
    return TODAY - datetime.timedelta(days=int(days))


def main():
    companies, trials, rounds = [], [], []
    for number in range(COMPANIES):
        key = f"C{number + 1:04}"
        kind, _, word = field()
        size = dice.random() ** 2
        drugs = kind == "innovative drugs"
        revenue = round(20 + 3_000 * size * (0.4 if drugs else 1.0) * (0.5 + dice.random()))
        research = round(revenue * (0.25 + 0.6 * dice.random() if drugs else 0.03 + 0.09 * dice.random()))
        founded = ago(400 + 8_000 * dice.random() * (0.5 if drugs else 1.0))
        deposits = round(revenue * 0.3 * dice.random() ** 1.5, 1)
        companies.append([
            key, f"{one_of(FIRST)}{one_of(SECOND)}{word}{number + 1:03}", kind, one_of(CITIES, 1.6), founded,
            int(15 + 1_500 * size * (0.5 + dice.random())), "" if chance(0.05) else revenue, "" if chance(0.12) else research,
            deposits, round(revenue * 0.4) if chance(0.55) else 0, f"AM{1 + number * 7 % 12:02}",
            "" if chance(0.05) else yes(0.85), yes(0.04),
        ])
        for _ in range(int(5 * dice.random() ** 1.6) if drugs else int(1.4 * dice.random())):
            trials.append([key, one_of(PHASES, 1.8), ago(2_000 * dice.random())])
        for place in range(int(4.9 * dice.random()) if drugs else int(2 * dice.random() ** 2)):
            millions = round(30 * 2.2 ** place * (0.5 + dice.random()))
            rounds.append([key, ROUNDS[place], ago(2_200 * (1 - place / 6) * dice.random()), millions])
    # The day's own news: a table whose last day is older than the run's would be yesterday's.
    trials.append([companies[-1][0], "phase 1", TODAY])
    write("companies.csv", ["company_id", "company", "field", "city", "founded", "employees", "revenue_m", "research_m",
                            "deposits_m", "credit_line_m", "manager", "may_contact", "on_watch"], companies)
    write("trials.csv", ["company_id", "phase", "started"], trials)
    write("rounds.csv", ["company_id", "round", "closed", "amount_m"], rounds)


def write(name, header, rows):
    path = HERE / "data" / name
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out, lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)
    print(f"wrote data/{name}: {len(rows):,} rows")


if __name__ == "__main__":
    main()
