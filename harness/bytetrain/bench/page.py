"""The figures as a page: one HTML file with its plots inside, in light and dark, made from the JSON alone."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple, Optional

import jinja2

from ..telling.sizes import MiB, size_words

TEMPLATE = Path(__file__).with_name("page.html.j2")
LARGE_ENOUGH = 64 * MiB  # bytes: the start of a client is no part of the time worth telling
_LEFT, _WIDTH, ROW = 190, 700, 26  # pixels: the names, the plot, a line of it


def page(data: Mapping[str, Any]) -> str:
    """The whole page."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        data=_escaped(data), machine=html.escape(machine_words(data["machine"])), plots=list(plots(data))
    )


def machine_words(machine: Mapping[str, Any]) -> str:
    """What it was measured on."""
    return "{system}, Linux {kernel}, {processor}, {cores} cores, {memory_gib} GiB".format(**machine)


def counted_words(copies: Sequence[Mapping[str, Any]]) -> str:
    """Of how much calls were counted: "; calls counted on 4 MiB (02 trains to 04 with its size), 100 MiB (05 send=copy
    to 06)"."""
    parts = []
    for size, ways in groupby((way for way in copies if "counted" in way), itemgetter("counted")):
        names = [way["name"] for way in ways]
        parts.append(f"{size_words(size)} ({names[0]} to {names[-1]})")
    return f"; calls counted on {', '.join(parts)}" if parts else ""


def linear_words(growth: Sequence[Mapping[str, Any]]) -> str:
    """How much longer a byte of the largest file takes than one of the least that the start of a client doesn't count
    in."""
    first, last = next(point for point in growth if point["size"] >= LARGE_ENOUGH), growth[-1]
    ratio = last["seconds_per_gib"] / first["seconds_per_gib"]
    return (
        f"A byte of {size_words(last['size'])} takes {ratio:.2f} times as long as one of {size_words(first['size'])}: "
        "in proportion, that is 1."
    )


def _escaped(value: Any) -> Any:
    """The same, with every text fit for HTML. (The plots are that already.)"""
    if isinstance(value, str):
        return html.escape(value)
    if isinstance(value, Mapping):
        return {key: _escaped(each) for key, each in value.items()}
    return [_escaped(each) for each in value] if isinstance(value, (list, tuple)) else value


LONGER, SHORTER = (
    "{} is better; the axis is logarithmic, the lines are quartiles.".format(each) for each in ("Longer", "Shorter")
)


def plots(data: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Title, words and SVG of each plot for which there are figures."""
    yield from plots_of_copies(data["copies"])
    if entries := [*ratio_bars(data), *unjudged(data)]:
        words = (
            "Ours divided by the peer's: the median with its quartiles, run in pairs. The tick is what it must come to."
        )
        yield plot("Against peers", words, ratios(entries))
    yield from plots_of_small_files(data.get("small", []))
    yield from plots_of_many(data["many"])
    yield from plots_of_growth(data["growth"])
    if feedback := data["feedback"]:
        words = f"After an edit of one line of stage {feedback['stage']:02}, measured once."
        found = [
            Row("built", feedback["build"]), Row(f"{feedback['checks']} checks have a verdict", feedback["verdict"]),
        ]
        yield from chart("Time to feedback", words, found, seconds)
    yield from plots_of_classics(data.get("classics", []), data.get("hanging", []))


def plots_of_copies(copies: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    moved = f"{size_words(copies[0]['size'])}, saved on tmpfs" if copies else ""
    yield from chart("Throughput, bytes a second", f"{moved}. {LONGER}", rows(copies, "bytes_per_second"), rate)
    for who in ("server", "client"):
        yield from chart(
            f"CPU seconds for each GiB, {who}", f"{moved}. {SHORTER}", rows(copies, f"{who}_cpu_per_gib"), seconds
        )
    for who in ("server", "client"):
        words = f"Of all kinds, in a run of its own under strace{counted_words(copies)}."
        yield from chart(f"System calls for each MiB, {who}", words, rows(copies, f"{who}_calls"), plain)
    words = f"{moved}. A mapped target is faulted in page by page: 256 pages are a MiB."
    yield from chart("Page faults for each MiB, client", words, rows(copies, "client_faults_per_mib"), plain)
    for who in ("server", "client"):
        words = f"{moved}. What it had in memory at the most, libraries and mapped files included."
        yield from chart(f"Peak memory, {who}", words, rows(copies, f"{who}_peak"), memory)


def plots_of_small_files(small: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    yield from chart("Files of 1 KiB, so many at once: connections a second", LONGER, rows(small, "rate"), plain)
    yield from chart(
        "Files of 1 KiB: CPU of the server for a connection", SHORTER, rows(small, "server_cpu"), microseconds
    )
    words = "TCP segments of both sides: three to open it, and each acknowledgement, count too."
    yield from chart("Files of 1 KiB: packets for a connection", words, rows(small, "packets"), plain)
    words = "From connect to the end of the stream: the median, the 99th percentile, the worst."
    times = [row for key in ("p50", "p99", "worst") for row in rows(small, key, f": {key}")]
    yield from chart("Files of 1 KiB: time of a connection", words, times, milliseconds)


def plots_of_many(many: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    yield from chart(
        "Many downloads of 10 MiB at once: all together, bytes a second", LONGER, rows(many, "bytes_per_second"), rate
    )
    yield from chart("Many at once: time of the median client", SHORTER, rows(many, "p50"), seconds)
    yield from chart("Many at once: time of the worst client", SHORTER, rows(many, "worst"), seconds)
    yield from chart(
        "Many at once: time of the worst client by the median one's", "1 is fair.", rows(many, "worst_by_median"), plain
    )
    yield from chart(
        "Many at once: memory of the server", "The peaks of its processes, added up.", rows(many, "memory"), memory
    )


def plots_of_classics(
    classics: Sequence[Mapping[str, Any]], hanging: Sequence[Mapping[str, Any]]
) -> Iterator[dict[str, str]]:
    words = "From ./lab test --submission DIR --stage N, the build included, in seconds. Shorter is better."
    yield from chart("Classic mistakes: until the first story", words, rows(classics, "first"), seconds)
    yield from chart("Classic mistakes: until the end", words, rows(classics, "end"), seconds)
    yield from chart("Programs that hang everywhere: until the end", words, rows(hanging, "end"), seconds)


def plots_of_growth(growth: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    if times_by_size := spots(growth, "seconds"):
        words = "Both axes are logarithmic: a straight line is in proportion. The strokes are quartiles."
        yield plot("Time by file size", words, lines({"": times_by_size}, seconds))
        words = f"The same, for each GiB. {linear_words(growth)} Small files pay for the start of the client."
        yield plot("Seconds for each GiB by file size", words, lines({"": spots(growth, "seconds_per_gib")}, plain))
    peaks = {"worker": spots(growth, "server_peak"), "client": spots(growth, "client_peak")}
    if any(peaks.values()):
        words = "What a worker and the client had in memory at the most, in any run of that size."
        yield plot("Peak memory by file size", words, lines(peaks, memory))


def chart(title: str, words: str, found: Sequence["Row"], unit: Callable[[float], str]) -> Iterator[dict[str, str]]:
    """A plot of bars, if there are any."""
    if found:
        yield plot(title, words, bar_chart(found, unit))


def rows(figures: Sequence[Mapping[str, Any]], key: str, ending: str = "") -> list["Row"]:
    """A bar for each that has this figure, with its quartiles where there are some."""
    return [Row(label(each) + ending, each[key], *quartiles(each, key)) for each in figures if each.get(key)]


def spots(growth: Sequence[Mapping[str, Any]], key: str) -> list["Spot"]:
    """A point for each size that has this figure, with its quartiles where there are some."""
    return [Spot(each["size"], each[key], *quartiles(each, key)) for each in growth if each.get(key)]


def label(figures: Mapping[str, Any]) -> str:
    return str(figures["name"]) if "name" in figures else f"{figures['server']}, {figures['at_once']}"


def quartiles(figures: Mapping[str, Any], key: str) -> Sequence[float]:
    found: Sequence[float] = figures.get("spread", {}).get(key, ())
    return found


def ratio_bars(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The bars that are ratios."""
    return [{**bar, "kind": "met" if bar["met"] else "missed"} for bar in data["bars"] if not bar["what"]]


def unjudged(data: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Throughput and CPU of the comparisons that have no bar."""
    known = {bar["comparison"] for bar in data["bars"]}
    for comparison in data["comparisons"]:
        for measure in ("throughput", "cpu"):
            if comparison["id"] not in known and measure in comparison["ratios"]:
                low, median, high = comparison["ratios"][measure]
                found = {"comparison": comparison["id"], "measure": measure, "amount": comparison["amount"]}
                yield {**found, "low": low, "median": median, "high": high, "kind": "plain"}


def plot(title: str, words: str, drawing: str) -> dict[str, str]:
    return {"title": title, "words": html.escape(words), "svg": drawing}


# Units


def rate(value: float) -> str:
    return f"{value / 1e9:.2f} GB/s" if value >= 1e9 else f"{value / 1e6:.0f} MB/s"


def seconds(value: float) -> str:
    return f"{value:.3g} s"


def plain(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def memory(value: float) -> str:
    return f"{value / 1e6:.3g} MB"


def milliseconds(value: float) -> str:
    return f"{value * 1e3:.3g} ms"


def microseconds(value: float) -> str:
    return f"{value * 1e6:.3g} µs"


# Plots


class Log:
    """A logarithmic axis from `start` to `start + length` pixels, over whole decades."""

    def __init__(self, values: Sequence[float], start: float, length: float) -> None:
        self.low = math.floor(math.log10(min(values)) - 1e-9)
        self.high = max(self.low + 1, math.ceil(math.log10(max(values)) + 1e-9))
        self.start, self.length = start, length

    def at(self, value: float) -> float:
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.start + self.length * share

    @property
    def decades(self) -> list[float]:
        return [10.0**power for power in range(self.low, self.high + 1)]


def svg(height: float, parts: Sequence[str]) -> str:
    width = _LEFT + _WIDTH + 110
    return f'<svg viewBox="0 0 {width} {height:.0f}" role="img" width="100%">{"".join(parts)}</svg>'


def text(x: float, y: float, words: str, anchor: str = "start", kind: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{html.escape(words)}</text>'


class Row(NamedTuple):
    """A bar, and the ends of the line on it."""

    name: str
    value: float
    low: Optional[float] = None
    high: Optional[float] = None


def bar_chart(rows: Sequence[Row], words: Callable[[float], str]) -> str:
    """A bar each, on a logarithmic axis: what is compared here spans decades."""
    axis = Log([value for row in rows for value in row[1:] if value], _LEFT, _WIDTH)
    height = ROW * len(rows) + 26
    parts = [
        f'<line class="grid" x1="{axis.at(each):.1f}" x2="{axis.at(each):.1f}" y1="0" y2="{height - 22}"/>'
        for each in axis.decades
    ]
    parts += [text(axis.at(each), height - 6, words(each), "middle", "axis") for each in axis.decades]
    for number, row in enumerate(rows):
        y = ROW * number
        end = axis.at(row.value)
        parts.append(text(_LEFT - 8, y + 17, row.name, "end"))
        parts.append(
            f'<rect class="bar" x="{_LEFT}" y="{y + 4}" width="{max(1.0, end - _LEFT):.1f}" height="{ROW - 8}"/>'
        )
        if row.low and row.high:
            low, high = axis.at(row.low), axis.at(row.high)
            parts.append(f'<line class="mark" x1="{low:.1f}" x2="{high:.1f}" y1="{y + 13}" y2="{y + 13}"/>')
            end = max(end, high)
        parts.append(text(end + 6, y + 17, words(row.value), "start", "value"))
    return svg(height, parts)


def ratios(entries: Sequence[Mapping[str, Any]]) -> str:
    """A row for each comparison: quartiles, median, and the mark, if it has one."""
    values = [entry[key] for entry in entries for key in ("low", "median", "high", "must") if key in entry]
    axis = Log([value for value in values if value > 0], _LEFT + 60, _WIDTH - 120)
    height = ROW * len(entries) + 26
    parts = [
        f'<line class="grid" x1="{axis.at(each):.1f}" x2="{axis.at(each):.1f}" y1="0" y2="{height - 22}"/>'
        for each in axis.decades
    ]
    parts += [text(axis.at(each), height - 6, f"{each:g}", "middle", "axis") for each in axis.decades]
    for row, entry in enumerate(entries):
        y = ROW * row + ROW / 2
        kind = entry["kind"]
        low, middle, high = (axis.at(entry[key]) for key in ("low", "median", "high"))
        end = high
        parts.append(text(_LEFT + 52, y + 4, f"{entry['comparison']}: {entry['measure']}", "end"))
        parts.append(f'<line class="{kind}" x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}"/>')
        parts.append(f'<circle class="{kind}" cx="{middle:.1f}" cy="{y}" r="5"/>')
        if "must" in entry:
            must = axis.at(entry["must"])
            end = max(high, must)
            parts.append(f'<line class="mark" x1="{must:.1f}" x2="{must:.1f}" y1="{y - 9}" y2="{y + 9}"/>')
        parts.append(text(end + 10, y + 4, f"{entry['median']:.2f} ({entry['amount']})", "start", "value"))
    return svg(height, parts)


class Spot(NamedTuple):
    """A point of a line: something over a file's size, and the ends of the stroke through it."""

    size: float
    value: float
    low: Optional[float] = None
    high: Optional[float] = None


def lines(named: Mapping[str, Sequence[Spot]], words: Callable[[float], str]) -> str:
    """Lines over file sizes, each with its name at its end; both axes are logarithmic."""
    tall = 300
    every = [spot for spots in named.values() for spot in spots]
    across, up = Log([spot.size for spot in every], _LEFT, _WIDTH), Log(
        [value for spot in every for value in spot[1:] if value], 0, tall
    )

    def height(value: float) -> float:
        return tall - up.at(value) + 10

    parts = [
        f'<line class="grid" x1="{_LEFT}" x2="{_LEFT + _WIDTH}" y1="{height(each):.1f}" y2="{height(each):.1f}"/>'
        for each in up.decades
    ]
    parts += [text(_LEFT - 8, height(each) + 4, words(each), "end", "axis") for each in up.decades]
    parts += [
        text(across.at(each), tall + 32, size_words(each), "middle", "axis")
        for each in sorted({spot.size for spot in every})
    ]
    for name, spots in named.items():
        at = [(across.at(spot.size), height(spot.value)) for spot in spots]
        parts.append(f'<polyline class="line" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in at)}"/>')
        for (x, y), spot in zip(at, spots):
            parts.append(f'<circle class="plain" cx="{x:.1f}" cy="{y:.1f}" r="4"/>')
            if spot.low and spot.high:
                parts.append(
                    f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{height(spot.low):.1f}" '
                    f'y2="{height(spot.high):.1f}"/>'
                )
        parts += [text(x + 10, y + 4, name) for x, y in at[-1:]]
    return svg(tall + 40, parts)
