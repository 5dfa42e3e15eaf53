"""./lab bench: see the package's docstring; the options are in `main`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Optional

from ..course.paths import BUILD, FEEDBACK, STAGES
from ..programs.build import Programs, build
from ..programs.sessions import prepare
from ..telling.ending import end_with
from ..telling.sizes import MiB, size_words
from ..programs.tools import ToolsDontBuild, build_tools
from ..telling.text import as_json, without_bytes
from ..upkeep.flake import commit, machine
from ..wire.files import FileStore
from . import classics, comparisons, contestants, copies, feedback, growth, many, network
from .comparisons import Place
from .contestants import BUILT_TOOLS, SOURCES
from .meters import BenchError
from .page import counted_words, linear_words, machine_words, page

FIGURES = BUILD.parent / "bench.json"
SECTIONS = ("copies", "peers", "many", "growth", "feedback")


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Understands the command line. The status is 0, 1 if a bar was missed by more than the noise, 3 if it broke
    off."""
    parser = argparse.ArgumentParser(
        prog="./lab bench", description="What each copy costs here, and how far the peers are."
    )
    parser.add_argument("--quick", action="store_true", help="small files, few pairs: a first look in under a minute")
    parser.add_argument("--pairs", type=int, metavar="N", help="pairs of each comparison (default: 15; with --quick 3)")
    parser.add_argument(
        "--only", default="", metavar="NAME,NAME", help=f"only these: {', '.join(SECTIONS)}, or single comparisons"
    )
    parser.add_argument(
        "--json", type=Path, default=FIGURES, metavar="FILE", help="where the figures go; the page goes beside it"
    )
    parser.add_argument(
        "--record", action="store_true", help="keep the times of the classic mistakes in harness/feedback.json as well"
    )
    options = parser.parse_args(arguments)
    why_not = network.enter(sys.argv[1:] if arguments is None else arguments)
    prepare()
    try:
        build_tools(SOURCES, BUILT_TOOLS)
        data = all_figures(options, why_not)
    except (BenchError, ToolsDontBuild) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 3
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(as_json(data), encoding="utf-8")
    options.json.with_suffix(".html").write_text(without_bytes(page(data)), encoding="utf-8")
    if options.record and data["classics"]:
        FEEDBACK.write_text(as_json(classics.recorded(data)), encoding="utf-8")
    print(f"\nfigures: {options.json}\npage:    {options.json.with_suffix('.html')}")
    return 1 if any(bar["missed_in_ci"] for bar in data["bars"]) else 0


@contextmanager
def workplace() -> Iterator[tuple[Place, FileStore]]:
    """Folders to work in, gone afterwards: on the disk of the build, and on tmpfs."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        memory = stack.enter_context(tempfile.TemporaryDirectory(prefix="bytetrain-", dir="/dev/shm"))
        disk = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir=BUILD)))
        place = Place(disk / "scratch", disk / "saved", Path(memory))
        place.scratch.mkdir()
        place.disk.mkdir()
        yield place, FileStore(disk / "files")


def all_figures(options: argparse.Namespace, why_not: str) -> dict[str, Any]:
    """Everything that was asked for, told as it is known, fit for JSON."""
    def stages(number: int) -> Programs:
        return build(STAGES, number)

    data: dict[str, Any] = {
        "schema": "bytetrain/bench/v1", "date": time.strftime("%Y-%m-%d", time.gmtime()), "commit": commit(),
        "machine": machine(), "quick": options.quick,
        "network": {"congestion_control": network.congestion_control(), "own": not why_not, "why_not": why_not},
        "copies": [], "comparisons": [], "small": [], "bars": [], "many": [], "growth": [], "feedback": None,
        "classics": [], "hanging": [], "left_out": [],
    }
    with workplace() as (place, store):
        every = comparisons.all_of(stages, store, place, options.quick)
        wanted = set(options.only.split(",")) if options.only else {*SECTIONS}
        known = {each.id for each in every} | {*SECTIONS}
        if not wanted <= known:
            raise BenchError(f"--only {options.only}: there are {', '.join(sorted(known))}")
        said = f"the machine as it is: {why_not}" if why_not else "a namespace of its own"
        print(f"machine: {machine_words(data['machine'])}")
        print(f"network: {network.congestion_control()}, {said}")
        if "copies" in wanted:
            measure_copies(data, stages, store, place, options.quick)
        chosen = every if "peers" in wanted else [each for each in every if each.id in wanted]
        outcomes = compare(data, chosen, options.pairs or (3 if options.quick else 15))
        if "many" in wanted:
            measure_many(data, stages(6), store, place, options.quick)
        if "growth" in wanted:
            measure_growth(data, stages(6), store, place, options.quick)
        if "feedback" in wanted:
            measure_feedback(data, place)
            if not options.quick:
                measure_classics(data, place)
    judge_bars(data, outcomes)
    return data


def measure_copies(
    data: dict[str, Any], stages: Callable[[int], Programs], store: FileStore, place: Place, quick: bool
) -> None:
    file = store.seeded((32 if quick else 1024) * MiB)
    chosen = copies.ways(stages)
    copies.measure_ways(chosen, file, place, 1 if quick else 5)
    if why_not := copies.count(chosen, store, place):
        data["left_out"].append(f"system calls ({why_not})")
    data["copies"] = [{"name": way.name, **way.figures()} for way in chosen]
    print(
        f"\nWhat a copy costs ({size_words(file.stat().st_size)}, saved on tmpfs): server, and "
        f"client{counted_words(data['copies'])}"
    )
    print(f"{'':20}{'MB/s':>6}{'CPU s/GiB':>16}{'calls/MiB':>20}{'faults/MiB':>16}{'peak MiB':>16}")
    for way in data["copies"]:
        pairs = [
            (f"{way['server_cpu_per_gib']:.2f}", f"{way['client_cpu_per_gib']:.2f}"),
            tuple(f"{way[f'{who}_calls']:.1f}" if f"{who}_calls" in way else "-" for who in ("server", "client")),
            (f"{way['server_faults_per_mib']:.1f}", f"{way['client_faults_per_mib']:.1f}"),
            (f"{way['server_peak'] / MiB:.1f}", f"{way['client_peak'] / MiB:.1f}"),
        ]
        columns = "".join(f"{pair[0]:>{width}}{pair[1]:>8}" for pair, width in zip(pairs, (8, 12, 8, 8)))
        print(f"{way['name']:20}{way['bytes_per_second'] / 1e6:6.0f}{columns}")


def compare(
    data: dict[str, Any], chosen: Sequence[comparisons.Comparison], pairs: int
) -> list[comparisons.Measurements]:
    outcomes: list[comparisons.Measurements] = []
    for comparison in chosen:
        absent = contestants.missing(*comparison.needs)
        if absent:
            data["left_out"].append(f"{comparison.title} ({absent})")
            if not comparison.at_once:
                continue
        outcome = comparisons.in_turns(comparison, pairs, alone=bool(absent))
        data["small"] += outcome.small()
        data["comparisons"].append(
            {
                "id": comparison.id, "title": comparison.title, "amount": comparison.amount, "ours": outcome.ours,
                "peer": outcome.peer, "ratios": {measure: outcome.spread(measure) for measure in outcome.measures},
            }
        )
        if absent:
            continue
        if not outcomes:
            print("\nOurs against the peer's: median of the ratios (quartiles)")
        outcomes.append(outcome)
        told = [
            f"{measure} {'{1:.2f} ({0:.2f} to {2:.2f})'.format(*outcome.spread(measure))}"
            for measure in outcome.measures
        ]
        print(f"{comparison.title}:\n  {', '.join(told)}", flush=True)
    tell_small(data["small"])
    return outcomes


def tell_small(figures: Sequence[Mapping[str, Any]]) -> None:
    if figures:
        print("\nFiles of 1 KiB, so many at once, a new connection for each: medians")
        print(f"{'':17}{'a second':>10}{'CPU us':>9}{'packets':>9}{'p50 ms':>9}{'p99 ms':>9}{'worst ms':>10}")
    for each in figures:
        times = f"{each['p50'] * 1e3:9.2f}{each['p99'] * 1e3:9.2f}{each['worst'] * 1e3:10.2f}"
        print(
            f"  {each['at_once']:5} "
            f"{each['server']:9}{each['rate']:10.0f}{each['server_cpu'] * 1e6:9.1f}{each['packets']:9.1f}{times}"
        )


def judge_bars(data: dict[str, Any], outcomes: Sequence[comparisons.Measurements]) -> None:
    """What came of the bars, and what could not be measured."""
    last = data["copies"][-1] if data["copies"] else {}
    figures = {("copies", name): last[name] for name in ("server_calls", "client_calls") if name in last}
    amounts = {outcome.comparison.id: outcome.comparison.amount for outcome in outcomes} | {
        "copies": size_words(copies.COUNTED)
    }
    if data["growth"]:
        amounts["growth"] = size_words(data["growth"][-1]["size"])
        for name in ("server_peak", "client_peak"):
            highest = max(point[name] for point in data["growth"])
            if highest:  # what nobody has seen meets no bar
                figures["growth", name] = highest / MiB
    found = list(comparisons.judged(outcomes, figures))
    paced = data["network"]["congestion_control"] == "bbr"  # then no figure of a loopback tells anything about programs
    for bar, (low, middle, high) in found:
        data["bars"].append(
            {
                **asdict(bar), "amount": amounts[bar.comparison], "low": low, "median": middle, "high": high,
                "met": bar.met(middle), "missed_in_ci": not paced and bar.missed_in_ci(low, high),
            }
        )
    if found:
        print("\nBars")
    for bar, (_, middle, _) in found:
        outcome = "met" if bar.met(middle) else "missed"
        print(
            f"  {bar.comparison:16}{bar.measure:13}{amounts[bar.comparison]:15}{middle:7.2f}   must be {bar.words}: "
            f"{outcome}"
        )
    if found and paced:
        print("bbr paces the loopback here, and no network of our own could be had: no bar counts")
    for entry in data["bars"]:
        if entry["missed_in_ci"]:
            where = f"{entry['comparison']} {entry['measure']} ({entry['amount']})"
            print(
                f"bench: {where}: {entry['median']:.2f} is beyond {entry['ci']}, and so are both quartiles",
                file=sys.stderr,
            )
    for each in data["left_out"]:
        print(f"left out: {each}")


def measure_many(data: dict[str, Any], stage: Programs, store: FileStore, place: Place, quick: bool) -> None:
    crowds = many.measure_crowds(stage, store.seeded(10 * MiB), place, many.AT_ONCE[:4] if quick else many.AT_ONCE)
    data["many"] = [each.figures() for each in crowds]
    print(
        "\nMany downloads of 10 MiB at once: all together, the median client, the worst, and memory of the whole server"
    )
    for each in data["many"]:
        times = f"{each['p50']:8.3f} s {each['worst']:8.3f} s ({each['worst_by_median']:.1f} times)"
        print(
            f"  {each['at_once']:5} {each['server']:9}{each['bytes_per_second'] / 1e6:7.0f} MB/s {times} "
            f"{each['memory'] / MiB:7.1f} MiB"
        )


def measure_feedback(data: dict[str, Any], place: Place) -> None:
    found = feedback.time_feedback(place.scratch)
    data["feedback"] = asdict(found)
    print(
        f"\nAfter an edit of one line of stage {found.stage:02}: built in {found.build:.1f} s, {found.checks} checks "
        f"have their verdict in {found.verdict:.1f} s"
    )


def measure_classics(data: dict[str, Any], place: Place) -> None:
    print("\n./lab test --submission DIR --stage N on a classic mistake, the build included: first story, and end")
    for told in classics.time_all(place.scratch):
        data["classics"].append(told.as_data())
        tell_classic(told)
    print(f"  {classics.in_sum(data['classics'])}")
    print("\nThe same on programs that hang everywhere")
    for told in classics.time_all(place.scratch, classics.HANGING):
        data["hanging"].append(told.as_data())
        tell_classic(told)


def tell_classic(told: classics.Told) -> None:
    first, wanted = told.checks[0], told.classic.first
    named = first if first == wanted else f"{first}, not {wanted}"
    print(f"  {told.classic.name:34} {told.first:6.1f} s {told.end:7.1f} s  {named}", flush=True)


def measure_growth(data: dict[str, Any], stage: Programs, store: FileStore, place: Place, quick: bool) -> None:
    points = growth.measure_points(stage, store, place, growth.QUICK if quick else growth.SIZES)
    data["growth"] = [point.figures() for point in points]
    print(
        "\nBy size, saved on the disk's file system: time, for each GiB too, and peak memory of a worker and of the "
        "client"
    )
    for point in data["growth"]:
        peaks = [f"{peak / MiB:.1f} MiB" if peak else "-" for peak in (point["server_peak"], point["client_peak"])]
        print(
            f"  {point['size']:>12} bytes {point['seconds']:9.4f} s {point['seconds_per_gib']:9.2f} s/GiB  "
            f"{peaks[0]:>9}  {peaks[1]:>9}"
        )
    print(f"  {linear_words(data['growth'])}")


if __name__ == "__main__":
    end_with(main)
