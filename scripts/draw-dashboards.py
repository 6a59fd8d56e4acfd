"""Draws each dashboard of dashboards/ as docs/dashboard-NAME.png, of the data that a Prometheus has.

usage: draw-dashboards.py http://127.0.0.1:9090 SECONDS [NAME...]

Grafana is not needed: the panels are drawn at their places, with their queries, titles, units and legends.
"""

import json
import pathlib
import re
import sys
import time
import urllib.parse
import urllib.request

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter, MultipleLocator

ROOT = pathlib.Path(__file__).resolve().parent.parent
INK, FAINT, PAPER, PANEL = "#1f2430", "#6b7280", "#f4f5f7", "#ffffff"
COLOURS = ["#3274d9", "#e0752d", "#299c46", "#a352cc", "#c4162a", "#d6a70a", "#2f8f9d", "#8f3bb8", "#6b7280", "#b35a00"]
UNIT, WIDTH, HEAD = 0.36, 15.0, 0.8  # inches: a row of the grid, the page, its heading
LINES = 9  # as many legends as a panel has room for


def number(value):
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.2g}" if abs(value) < 10 else f"{value:.0f}"


def seconds(value):
    for size, name in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if abs(value) >= size:
            return f"{value / size:.3g} {name}"
    return f"{value * 1000:.3g} ms" if value else "0"


def written(unit, value):
    match unit:
        case "s":
            return seconds(value)
        case "percentunit":
            return f"{value * 100:.3g} %"
        case "dateTimeFromNow":
            return f"{seconds(round(max(0, time.time() - value / 1000)))} ago"
        case "ops" | "reqps":
            return f"{number(value)}/s"
    return number(value)


def asked(prometheus, query, span, end):
    step = max(1, span // 150)
    for name, value in (("$__rate_interval", f"{max(4 * step, 15)}s"), ("$__range", f"{span}s")):
        query = query.replace(name, value)
    fields = {"query": query, "start": end - span, "end": end, "step": step}
    url = f"{prometheus}/api/v1/query_range?{urllib.parse.urlencode(fields)}"
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)["data"]["result"]


def label(target, metric):
    text = re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: metric.get(found[1], ""), target["legendFormat"])
    return text.strip()


def stat(axes, panel, found):
    unit = panel["fieldConfig"]["defaults"]["unit"]
    values = [(name, points[-1][1]) for name, points in found]
    for place, (name, value) in enumerate(values):
        across = (place + 0.5) / len(values)
        axes.text(across, 0.42, written(unit, value), ha="center", va="center", fontsize=19, color=COLOURS[0])
        axes.text(across, 0.08, name, ha="center", va="center", fontsize=7, color=FAINT)
    axes.axis("off")


def lines(axes, panel, found, span, end):
    unit = panel["fieldConfig"]["defaults"]["unit"]
    found.sort(key=lambda series: -max(value for _, value in series[1]))
    for place, (name, points) in enumerate(found):
        colour = COLOURS[place % len(COLOURS)]
        across, values = [at - end for at, _ in points], [value for _, value in points]
        shown = name if place < LINES else None
        axes.plot(across, values, color=colour, linewidth=1.3, label=shown, linestyle="-" if place < 10 else ":")
        if len(found) <= 4:
            axes.fill_between(across, values, color=colour, alpha=0.08)
    axes.set_xlim(-span, 0)
    axes.set_ylim(bottom=0)
    if axes.get_ylim()[1] < 1e-9 or not any(value for _, points in found for _, value in points):
        axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: written(unit, value)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 60:.0f} min" if value else "now"))
    axes.locator_params(axis="y", nbins=5)
    axes.xaxis.set_major_locator(MultipleLocator(60 * max(1, round(span / 300))))
    axes.grid(True, color="#e5e7eb", linewidth=0.6)
    axes.tick_params(labelsize=7, colors=FAINT, length=0, pad=4)
    for side in axes.spines.values():
        side.set_visible(False)
    if len(found) > LINES:
        axes.plot([], [], color="none", label=f"and {len(found) - LINES} more")
    columns = 3 if max(len(name) for name, _ in found) < 20 else 2
    axes.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.1), ncols=columns, fontsize=6.4, frameon=False,
                labelcolor=INK, handlelength=1.1, columnspacing=1.0, labelspacing=0.25, borderaxespad=0.2)


def draw(name, prometheus, span, end):
    dashboard = json.loads((ROOT / f"dashboards/{name}.json").read_text())
    panels = dashboard["panels"]
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    height = HEAD + rows * UNIT + 0.1
    page = plt.figure(figsize=(WIDTH, height), facecolor=PAPER)
    page.text(0.012, 1 - 0.3 / height, dashboard["title"], fontsize=15, color=INK, weight="bold", va="center")
    page.text(0.012, 1 - 0.58 / height, dashboard["description"], fontsize=9, color=FAINT, va="center")
    for panel in panels:
        place = panel["gridPos"]
        left, width = (0.008 + place["x"] / 24 * 0.984), place["w"] / 24 * 0.984
        top, tall = HEAD + place["y"] * UNIT, place["h"] * UNIT
        box = page.add_axes([left + 0.003, 1 - (top + tall - 0.04) / height, width - 0.006, (tall - 0.08) / height])
        box.set_facecolor(PANEL)
        box.set_xticks([])
        box.set_yticks([])
        for side in box.spines.values():
            side.set_color("#dfe2e7")
        page.text(left + 0.009, 1 - (top + 0.2) / height, panel["title"], fontsize=9, color=INK, va="center", weight="bold")
        found = []
        for target in panel["targets"]:
            for series in asked(prometheus, target["expr"], span, end):
                points = [(float(at), float(value)) for at, value in series["values"] if value not in ("NaN", "+Inf")]
                if points:
                    found.append((label(target, series["metric"]), points))
        if not found:
            print(f"{name}: {panel['title']} has no data", file=sys.stderr)
            continue
        if panel["type"] == "stat":
            stat(page.add_axes([left, 1 - (top + tall) / height, width, (tall - 0.3) / height]), panel, found)
            continue
        legend = 0.18 + 0.14 * -(-min(len(found), LINES + 1) // (3 if max(len(n) for n, _ in found) < 20 else 2))
        inner = [left + 0.036, 1 - (top + tall - 0.2 - legend) / height, width - 0.05, (tall - 0.62 - legend) / height]
        lines(page.add_axes(inner), panel, found, span, end)
    page.savefig(ROOT / f"docs/dashboard-{name}.png", dpi=80)
    plt.close(page)


def main():
    prometheus, span, *names = sys.argv[1:]
    end = time.time() - 2  # the last scrape
    for name in names or ["pipeline", "tokens", "keys", "providers"]:
        draw(name, prometheus, int(span), end)


main()
