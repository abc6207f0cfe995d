"""What was measured, as SVG, written by hand: no library is needed."""
import math

COLOURS = {"segue": "#0b7285", "duckdb": "#e8a500", "polars": "#7048e8", "chdb": "#c2410c", "limit": "#868e96"}
STYLE = "<style>text{font:12px sans-serif;fill:#212529}.t{font-size:15px;font-weight:bold}.e{text-anchor:end}.m{text-anchor:middle}</style>"


def frame(width, height, parts):
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">{STYLE}'
        f'<rect width="{width}" height="{height}" fill="#fff"/>' + "".join(parts) + "</svg>\n"
    )


def escaped(text):
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace("`", "")


def text(x, y, words, kind=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">{escaped(words)}</text>'


def seconds(value):
    """As short as it is clear."""
    return f"{value:.0f} s" if value >= 10 else f"{value:.2g} s" if value >= 1 else f"{value * 1000:.0f} ms"


def legend(engines, titles, y):
    parts, x = [], 260
    for engine in engines:
        name = titles[engine]
        parts += [f'<rect x="{x}" y="{y - 10}" width="11" height="11" fill="{COLOURS[engine]}"/>', text(x + 16, y, name)]
        x += 40 + 8 * len(name)
    return parts


def powers(low, high):
    return [10.0**p for p in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]


def bars(results, titles):
    """Wall time of each workload and engine; each step to the right is ten times as long."""
    engines = ["segue", *(peer for peer in titles if peer not in ("segue", "limit")), "limit"]
    groups = []
    for name, result in results.items():
        times = {engine: median["wall"] for engine, median in result["median"].items()}
        if result.get("limit"):
            times["limit"] = result["limit"]
        groups.append((f"{name} {result['what']}", [(e, times[e]) for e in engines if e in times]))
    shown = [e for e in engines if any(e == engine for _, times in groups for engine, _ in times)]
    every = [max(time, 1e-4) for _, times in groups for _, time in times]
    marks = powers(min(every), max(every))
    left, width, bar, top = 300, 900, 13, 62

    def place(time):
        return left + (width - left - 80) * math.log10(max(time, 1e-4) / marks[0]) / math.log10(marks[-1] / marks[0])

    height = top + sum(bar * len(times) + 12 for _, times in groups) + 24
    parts = [text(20, 28, "Wall time by workload and engine; each line is ten times the one before", "t"), *legend(shown, {**titles, "segue": "Segue", "limit": "decode limit"}, 50)]
    for mark in marks:
        parts += [
            f'<line x1="{place(mark):.1f}" x2="{place(mark):.1f}" y1="{top}" y2="{height - 24}" stroke="#dee2e6"/>',
            text(place(mark), height - 8, seconds(mark), "m"),
        ]
    y = top + 4
    for name, times in groups:
        parts.append(text(left - 8, y + bar * len(times) / 2 + 4, name if len(name) < 46 else name[:44] + "…", "e"))
        for engine, time in times:
            end = max(place(time), left + 1)
            parts += [f'<rect x="{left}" y="{y}" width="{end - left:.1f}" height="{bar - 2}" fill="{COLOURS[engine]}"/>']
            parts += [text(end + 5, y + bar - 3, seconds(time))]
            y += bar
        y += 12
    return frame(width, height, parts)


def lines(scale, titles):
    """Wall time against the number of transactions, both by tens: what is linear rises like the dashed line."""
    engines = [e for e in ["segue", *titles] if any(e in point["median"] for point in scale)]
    workloads = list(dict.fromkeys(point["workload"] for point in scale))
    counts = [point["transactions"] for point in scale]
    times = [median["wall"] for point in scale for median in point["median"].values()]
    across, up = powers(min(counts), max(counts)), powers(min(times), max(times))
    left, top, size = 70, 70, 340
    width, height = 40 + (left + size + 30) * len(workloads), top + size + 50
    parts = [text(20, 28, "Wall time by number of transactions; dashed: Segue, if it were linear", "t"), *legend(engines, {**titles, "segue": "Segue"}, 50)]
    for number, workload in enumerate(workloads):
        x0 = left + number * (left + size + 30)

        def x(count):
            return x0 + size * math.log10(count / across[0]) / max(math.log10(across[-1] / across[0]), 1)

        def y(time):
            return top + size - size * math.log10(time / up[0]) / max(math.log10(up[-1] / up[0]), 1)

        parts += [f'<rect x="{x0}" y="{top}" width="{size}" height="{size}" fill="none" stroke="#adb5bd"/>', text(x0 + 8, top + 18, workload, "t")]
        for mark in across:
            parts += [text(x(mark), top + size + 18, f"{mark / 1e6:g} mn", "m")]
        for mark in up:
            parts += [f'<line x1="{x0}" x2="{x0 + size}" y1="{y(mark):.1f}" y2="{y(mark):.1f}" stroke="#dee2e6"/>', text(x0 - 6, y(mark) + 4, seconds(mark), "e")]
        for engine in engines:
            points = sorted((p["transactions"], p["median"][engine]["wall"]) for p in scale if p["workload"] == workload and engine in p["median"])
            path = " ".join(f"{x(count):.1f},{y(time):.1f}" for count, time in points)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[engine]}" stroke-width="2"/>')
            parts += [f'<circle cx="{x(count):.1f}" cy="{y(time):.1f}" r="3.5" fill="{COLOURS[engine]}"/>' for count, time in points]
            if engine == "segue" and len(points) > 1:
                (first, time), (last, _) = points[0], points[-1]
                # As far as the frame goes.
                last = min(last, first * up[-1] / time)
                ends = f'x1="{x(first):.1f}" y1="{y(time):.1f}" x2="{x(last):.1f}" y2="{y(time * last / first):.1f}"'
                parts.append(f'<line {ends} stroke="#868e96" stroke-dasharray="4 4"/>')
    return frame(width, height, parts)
