"""What was measured, as Markdown."""
# What issue 4 asks for: Segue's time over the fastest peer's, over the limit, over another workload's.
GOALS = {"W1": 1.2, "W2": 0.95, "W3": 0.65, "W4": 0.40, "W4q": 1 / 16, "W5": 0.40, "W6": 0.45, "W7-W3": 0.01, "W7-W4": 0.01}
LIMITS = {"W2": 1.5, "W3": 1.8, "W4": 3.6}
# What is to be done in a moment: seconds.
MOMENTS = {"version": 0.03, "prompt": 0.03, "check": 0.2}
BESIDE = [("W8", "W4", 1.3), ("W8", "W8-", None), ("W10", "W4", 3.0), ("W9", "W4", 4.0)]


def fastest(result):
    """The wall time of the fastest peer, and which one it is."""
    times = [(median["wall"], name) for name, median in result["median"].items() if name != "segue"]
    return min(times, default=(None, None))


def ratio(number, goal=None):
    """How many times; in bold where it is more than what is aimed at."""
    if number is None:
        return "–"
    return marked(f"{number:.2f}" if number >= 0.1 else f"{number:.3f}", number, goal)


def marked(written, number, goal):
    """In bold where it is more than what is aimed at."""
    return f"**{written}**" if goal is not None and number > goal else written


def aim(goal):
    return "–" if goal is None else f"{goal:.3g}"


def row(cells):
    return "| " + " | ".join(cells) + " |"


def table(head, rows):
    return [row(head), "|" + "---|" * len(head), *(row(cells) for cells in rows)]


def main_table(results, titles):
    """Wall seconds, side by side."""
    head = ["workload", "Segue", *titles.values(), "to the fastest", "aim", "limit", "to the limit", "aim"]
    rows = []
    for name, result in results.items():
        median, limit, (best, _) = result["median"], result.get("limit"), fastest(result)
        own = median["segue"]["wall"]
        goal, nearest = GOALS.get(name), LIMITS.get(name)
        rows.append([
            f"{name} {result['what']}",
            f"{own:.3f}",
            *(f"{median[peer]['wall']:.3f}" if peer in median else "–" for peer in titles),
            ratio(own / best if best else None, goal or (1.0 if result.get("variant") else None)),
            aim(goal or (1.0 if result.get("variant") else None)),
            f"{limit:.3f}" if limit else "–",
            ratio(own / limit if limit else None, nearest),
            aim(nearest),
        ])
    return table(head, rows)


def resources(results, titles):
    """Processor seconds and peak memory, side by side."""
    engines = ["segue", *titles]
    head = ["workload", *(f"{t} {unit}" for unit in ("CPU", "MB") for t in ["Segue", *titles.values()])]
    rows = []
    for name, result in results.items():
        median = result["median"]
        rows.append([
            name,
            *(f"{median[e]['cpu']:.2f}" if e in median else "–" for e in engines),
            *(f"{median[e]['memory']:.0f}" if e in median else "–" for e in engines),
        ])
    return table(head, rows)


def beside(results):
    """Segue's workloads beside each other."""
    rows = []
    for name, other, goal in BESIDE:
        if name in results and other in results:
            share = results[name]["median"]["segue"]["wall"] / results[other]["median"]["segue"]["wall"]
            rows.append([f"{name} over {other}", ratio(share, goal), aim(goal)])
    return table(["", "times", "aim"], rows) if rows else []


def moments(results):
    """What somebody waits for before anything is asked."""
    rows = []
    for name, result in results.items():
        runs = [run["wall"] for run in result["all"]["segue"]]
        median = result["median"]["segue"]["wall"]
        goal = MOMENTS[name]
        rows.append([result["what"], f"{min(runs):.4f}", marked(f"{median:.4f}", median, goal), aim(goal)])
    return table(["", "the shortest", "median", "aim"], rows)


def memory_table(found):
    head = ["workload", "--memory", "seconds", "peak MB", "the same answer"]
    return table(head, [
        [r["workload"], r["memory"], *((f"{r['wall']:.3f}", f"{r['peak']:.0f}") if r["wall"] else ("–", "–")), r["told"]] for r in found
    ])


def scale_table(scale):
    engines = list(dict.fromkeys(engine for point in scale for engine in point["median"]))
    rows = [
        [f"{point['workload']}", f"{point['transactions']:,}", *(f"{point['median'][e]['wall']:.3f}" for e in engines),
         f"{point['median']['segue']['wall'] / point['transactions'] * 1e6:.3f}", f"{point['median']['segue']['memory']:.0f}"]
        for point in scale
    ]
    return table(["workload", "transactions", *engines, "Segue, s for a million", "Segue MB"], rows)


def page(told, titles):
    """All tables of a run."""
    setting, results = told["setting"], told["workloads"]
    plain = {name: r for name, r in results.items() if not r.get("variant") and name not in MOMENTS}
    short = {name: r for name, r in results.items() if name in MOMENTS}
    variants = {name: r for name, r in results.items() if r.get("variant")}
    versions = [f"Segue {setting['segue']}", *(f"{titles[p]} {version}" for p, version in setting["peers"].items())]
    runs = "one run" if setting["runs"] == 1 else f"medians of {setting['runs']} runs"
    parts = [
        f"{setting['customers']:,} customers, {setting['transactions']:,} transactions, {setting['threads']} threads, {runs}."
        f" {', '.join(versions)}. Seconds of wall time. An aim is the most that a ratio may be; a ratio above its aim is bold."
    ]
    if plain:
        parts += ["\n".join(main_table(plain, titles)), "\n".join(resources(plain, titles))]
        parts += ["\n".join(beside(plain))] if beside(plain) else []
    if short:
        parts += ["Seconds before anything is asked:", "\n".join(moments(short))]
    if variants:
        parts += ["Variants of the data:", "\n".join(main_table(variants, titles)), "\n".join(resources(variants, titles))]
    if told["memory"]:
        parts += ["With a limit of memory:", "\n".join(memory_table(told["memory"]))]
    if told["scale"]:
        parts += ["By the number of transactions:", "\n".join(scale_table(told["scale"]))]
    parts += [f"{name}: {titles[peer]} did not answer: {why}" for name, r in results.items() for peer, why in r["failed"].items()]
    parts += ["All answers are equal." if not told["different"] else "\n".join(f"DIFFERENT {line}" for line in told["different"])]
    return "\n\n".join(parts) + "\n"
