"""The figures as a page: one HTML file with its plots inside, in light and dark, made from the JSON alone."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Optional

import jinja2

TEMPLATE = Path(__file__).with_name("page.html.j2")
LEFT, WIDTH, ROW = 190, 700, 26  # pixels: the names, the plot, a line of it


def page(data: Mapping[str, Any]) -> str:
    """The whole page."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(data=_escaped(data), plots=list(plots(data)))


def _escaped(value: Any) -> Any:
    """The same, with every text fit for HTML. (The plots are that already.)"""
    if isinstance(value, str):
        return html.escape(value)
    if isinstance(value, Mapping):
        return {key: _escaped(each) for key, each in value.items()}
    return [_escaped(each) for each in value] if isinstance(value, (list, tuple)) else value


def plots(data: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Title, words and SVG of each plot for which there are figures."""
    copies = data["copies"]
    if copies:
        def per(key: str) -> list[Row]:
            ends = [way.get("spread", {}).get(key, (way.get(key, 0),) * 2) for way in copies]
            return [Row(way["name"], way[key], *end) for way, end in zip(copies, ends) if way.get(key)]

        yield plot("Throughput, bytes a second", "Longer is better; the axis is logarithmic, the lines are quartiles.", bars(per("bytes_per_second"), rate))
        yield plot("CPU seconds for each GiB, server", "Shorter is better.", bars(per("server_cpu_per_gib"), seconds))
        yield plot("CPU seconds for each GiB, client", "Shorter is better.", bars(per("client_cpu_per_gib"), seconds))
        for who in ("server", "client"):
            if per(f"{who}_calls"):
                words = "Calls that move bytes, counted by strace in a run of its own."
                yield plot(f"System calls for each MiB, {who}", words, bars(per(f"{who}_calls"), plain))
        yield plot("Page faults for each MiB, client", "A mapped target is faulted in page by page: 256 pages are a MiB.",
                   bars(per("client_faults_per_mib"), plain))  # fmt: skip
        for who in ("server", "client"):
            words = "What it had in memory at the most, libraries and mapped files included."
            yield plot(f"Peak memory, {who}", words, bars(per(f"{who}_peak"), memory))
    against_peers = [entry for entry in data["bars"] if not entry["what"]]
    if against_peers:
        words = "Ours by the peer's: the median with its quartiles, run in pairs. The tick is what it must come to."
        yield plot("Against peers", words, ratios(against_peers))
    if data["many"]:
        words = "Many downloads of 10 MiB at once: the bar is the median client, the line ends at the worst."
        rows = [Row(f"{each['server']}, {each['at_once']}", each["p50"], each["p50"], each["worst"]) for each in data["many"]]
        yield plot("Seconds of a client among many", words, bars(rows, seconds))
        rows = [Row(f"{each['server']}, {each['at_once']}", each["bytes_per_second"]) for each in data["many"]]
        yield plot("Many at once: all together, bytes a second", "Longer is better.", bars(rows, rate))
        rows = [Row(f"{each['server']}, {each['at_once']}", each["memory"]) for each in data["many"]]
        yield plot("Many at once: memory of the server", "The peaks of its processes, added up.", bars(rows, memory))
    if data["growth"]:
        points = [(point["size"], point["seconds"]) for point in data["growth"]]
        yield plot("Time by file size", "Both axes are logarithmic: a straight line is in proportion.", line(points))


def plot(title: str, words: str, drawing: str) -> dict[str, str]:
    return {"title": title, "words": words, "svg": drawing}


# Units


def rate(value: float) -> str:
    return f"{value / 1e9:.2f} GB/s" if value >= 1e9 else f"{value / 1e6:.0f} MB/s"


def seconds(value: float) -> str:
    return f"{value:.3g} s"


def plain(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def memory(value: float) -> str:
    return f"{value / 1e6:.3g} MB"


def size(value: float) -> str:
    for unit, factor in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if value >= factor:
            return f"{value / factor:g} {unit}"
    return f"{value:g} B"


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
    width = LEFT + WIDTH + 110
    return f'<svg viewBox="0 0 {width} {height:.0f}" role="img" width="100%">{"".join(parts)}</svg>'


def text(x: float, y: float, words: str, anchor: str = "start", kind: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{html.escape(words)}</text>'


class Row(NamedTuple):
    """A bar, and the ends of the line on it."""

    name: str
    value: float
    low: Optional[float] = None
    high: Optional[float] = None


def bars(rows: Sequence[Row], words: Callable[[float], str]) -> str:
    """A bar each, on a logarithmic axis: what is compared here spans decades."""
    axis = Log([value for row in rows for value in row[1:] if value], LEFT, WIDTH)
    height = ROW * len(rows) + 26
    parts = [f'<line class="grid" x1="{axis.at(each):.1f}" x2="{axis.at(each):.1f}" y1="0" y2="{height - 22}"/>' for each in axis.decades]
    parts += [text(axis.at(each), height - 6, words(each), "middle", "axis") for each in axis.decades]
    for number, row in enumerate(rows):
        y = ROW * number
        end = axis.at(row.value)
        parts.append(text(LEFT - 8, y + 17, row.name, "end"))
        parts.append(f'<rect class="bar" x="{LEFT}" y="{y + 4}" width="{max(1.0, end - LEFT):.1f}" height="{ROW - 8}"/>')
        if row.low and row.high:
            low, high = axis.at(row.low), axis.at(row.high)
            parts.append(f'<line class="mark" x1="{low:.1f}" x2="{high:.1f}" y1="{y + 13}" y2="{y + 13}"/>')
            end = max(end, high)
        parts.append(text(end + 6, y + 17, words(row.value), "start", "value"))
    return svg(height, parts)


def ratios(entries: Sequence[Mapping[str, Any]]) -> str:
    """A row for each bar: quartiles, median, and the mark."""
    values = [entry[key] for entry in entries for key in ("low", "median", "high", "must")]
    axis = Log([value for value in values if value > 0], LEFT + 60, WIDTH - 60)
    height = ROW * len(entries) + 26
    parts = [f'<line class="grid" x1="{axis.at(each):.1f}" x2="{axis.at(each):.1f}" y1="0" y2="{height - 22}"/>' for each in axis.decades]
    parts += [text(axis.at(each), height - 6, f"{each:g}", "middle", "axis") for each in axis.decades]
    for row, entry in enumerate(entries):
        y = ROW * row + ROW / 2
        kind = "met" if entry["met"] else "missed"
        low, middle, high, must = (axis.at(entry[key]) for key in ("low", "median", "high", "must"))
        parts.append(text(LEFT + 52, y + 4, f"{entry['comparison']}: {entry['measure']}", "end"))
        parts.append(f'<line class="{kind}" x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}"/>')
        parts.append(f'<circle class="{kind}" cx="{middle:.1f}" cy="{y}" r="5"/>')
        parts.append(f'<line class="mark" x1="{must:.1f}" x2="{must:.1f}" y1="{y - 9}" y2="{y + 9}"/>')
        parts.append(text(max(high, must) + 10, y + 4, f"{entry['median']:.2f}", "start", "value"))
    return svg(height, parts)


def line(points: Sequence[tuple[float, float]]) -> str:
    """Seconds over bytes."""
    tall = 300
    across, up = Log([x for x, _ in points], LEFT, WIDTH), Log([y for _, y in points], 0, tall)
    at = [(across.at(x), tall - up.at(y) + 10) for x, y in points]
    parts = [f'<line class="grid" x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{tall - up.at(each) + 10:.1f}" y2="{tall - up.at(each) + 10:.1f}"/>' for each in up.decades]
    parts += [text(LEFT - 8, tall - up.at(each) + 14, seconds(each), "end", "axis") for each in up.decades]
    parts += [f'<polyline class="line" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in at)}"/>']
    for (x, y), (bytes_, _) in zip(at, points):
        parts.append(f'<circle class="met" cx="{x:.1f}" cy="{y:.1f}" r="4"/>')
        parts.append(text(x, tall + 32, size(bytes_), "middle", "axis"))
    return svg(tall + 40, parts)
