"""The bench: what it makes of figures. (What the figures are, it finds out on each machine anew.)"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bytetrain.bench import classics, comparisons, contestants, copies, growth, many, meters, page
from bytetrain.bench.__main__ import compare, judge_bars
from bytetrain.bench.comparisons import Bar, Comparison, Measurements, Measures
from bytetrain.course import paths
from bytetrain.course.catalogue import rubric
from bytetrain.kernel import trace
from bytetrain.programs.build import build
from bytetrain.programs.tools import build_tools
from bytetrain.wire.files import FileStore

HARNESS = paths.REPO / "harness"


def of(ours: list[float], peer: list[float]) -> Measurements:
    nothing = Comparison("server", "ours and its", dict, dict)
    return Measurements(
        nothing, [{"throughput": each} for each in ours], [{"throughput": each, "cpu": 1.0} for each in peer]
    )


def test_ratios_are_of_pairs_and_not_of_medians() -> None:
    outcome = of([1, 2, 30], [1, 4, 10])
    assert outcome.ratios("throughput") == [1, 0.5, 3] and outcome.spread("throughput") == (0.75, 1, 2)
    assert outcome.measures == ["throughput"]


def test_two_pairs_have_no_quartiles_but_ends() -> None:
    assert of([1, 3], [1, 1]).spread("throughput") == (1, 2, 3)


@pytest.mark.parametrize(
    ("better", "ratio", "met", "missed_in_ci"),
    [("more", 1.0, True, False), ("more", 0.9, False, False), ("more", 0.7, False, True),
     ("less", 1.0, True, False), ("less", 1.1, False, False), ("less", 1.3, False, True)],
)
def test_a_bar_leaves_room_for_noise(better: str, ratio: float, met: bool, missed_in_ci: bool) -> None:
    bar = Bar("server", "throughput", better, 1.0, 0.75 if better == "more" else 1.2)
    assert (bar.met(ratio), bar.missed_in_ci(ratio, ratio)) == (met, missed_in_ci)
    assert not bar.missed_in_ci(min(ratio, 1.0), max(ratio, 1.0))  # who knows


def test_every_bar_is_on_the_right_side_of_its_line_in_ci() -> None:
    for bar in comparisons.bars():
        assert bar.better in ("more", "less") and not bar.missed_in_ci(bar.must, bar.must)


def test_who_begins_changes_and_the_first_pair_is_thrown_away() -> None:
    order: list[str] = []

    def subject(name: str) -> comparisons.Subject:
        def run() -> comparisons.Measures:
            order.append(name)
            return {"throughput": float(len(order))}

        return run

    outcome = comparisons.in_turns(Comparison("x", "x", subject("ours"), subject("peer")), 2)
    assert order == ["peer", "ours", "ours", "peer", "peer", "ours"]
    assert len(outcome.ours) == len(outcome.peer) == 2


def test_the_middle_of_some_runs_comes_with_its_quartiles() -> None:
    found = comparisons.summed_up([{"p50": 1, "worst": 7}, {"p50": 5, "worst": 7}, {"p50": 3, "worst": 7}])
    assert found == {"p50": 3, "worst": 7, "spread": {"p50": [2, 4], "worst": [7, 7]}}


@pytest.mark.parametrize("folder, count", [(classics.CLASSICS, 12), (classics.HANGING, 2)])
def test_every_classic_applies_and_names_a_check_of_its_stage(folder: Path, count: int, tmp_path: Path) -> None:
    found = classics.load_classics(folder)
    assert len(found) == count
    for each in found:
        assert each.first in {check.id for check in rubric().of_stage(each.stage)}, each.name
        each.make(tmp_path / each.name)


def test_what_is_recorded_is_when_and_where_and_the_check_that_was_told_first() -> None:
    told = {"name": "01-forgets", "stage": 1, "first": 2.5, "end": 9.0, "wanted": "pool.size", "told": ["a.b", "c.d"]}
    data = {"date": "2026-11-30", "commit": "b44e3a2", "machine": {}, "classics": [told], "hanging": [], "copies": []}
    assert classics.recorded(data) == {
        "date": "2026-11-30", "commit": "b44e3a2", "machine": {}, "hanging": [],
        "classics": [{"name": "01-forgets", "stage": 1, "first": 2.5, "end": 9.0, "told": "a.b"}],
    }


@pytest.mark.parametrize("line, check", [
    ("✗ server.ready_line: Standard output has the one line", "server.ready_line"),
    ("  ✗ server.ready_line  fail   1 of 2 cases", ""),  # of the summary
    ("    ►  3    0.012 s ✗ the server says that it listens", ""),
    ("! pool.size: an error of the harness", ""),
])
def test_a_story_is_known_by_its_first_line(line: str, check: str) -> None:
    assert classics.check_told_in(line) == check


def test_the_times_to_the_first_story_are_summed_up() -> None:
    told = [{"first": 9.04}, {"first": 1.0}, {"first": 2.0}]
    assert classics.in_sum(told) == "first story: median 2.0 s, worst 9.0 s"


def loaded(rate: float) -> Measures:
    return {"rate": rate, "server_cpu": 5e-5, "p50": 1e-4, "p99": 3e-4, "worst": 0.02, "packets": 7}


@pytest.mark.parametrize(("peer", "servers"), [("sh", ["stage 06", "sh"]), ("no-such-peer", ["stage 06"])])
def test_small_files_are_told_in_figures_of_their_own_and_without_the_peer_too(
    peer: str, servers: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    small = Comparison(
        "small_16", "small", lambda: loaded(9000), lambda: loaded(6000), (peer,), "4000 of 1 KiB", at_once=16
    )
    large = Comparison("server", "large", dict, dict, (peer, "no-such-peer"))
    data: dict[str, Any] = {"comparisons": [], "small": [], "left_out": []}
    outcomes = compare(data, [small, large], 3)
    assert [(each["server"], each["at_once"]) for each in data["small"]] == [(server, 16) for server in servers]
    assert data["small"][0]["rate"] == 9000 and data["small"][0]["spread"]["worst"] == [0.02, 0.02]
    assert len(outcomes) == len(servers) - 1 and [each["id"] for each in data["comparisons"]] == ["small_16"]
    assert [line.split() for line in capsys.readouterr().out.splitlines()[-len(servers) :]] == [
        ["16", *server.split(), rate, "50.0", "7.0", "0.10", "0.30", "20.00"]
        for server, rate in zip(servers, ("9000", "6000"))
    ]


def test_a_crowd_is_told_by_the_middle_of_its_rounds() -> None:
    runs = [{"p50": middle, "worst": 2.0, "worst_by_median": 2 / middle} for middle in (1.0, 0.5, 2.0)]
    found = many.Crowd("nginx", contestants.nginx(), 64, runs).figures()
    assert (found["server"], found["at_once"], found["p50"], found["worst_by_median"]) == ("nginx", 64, 1.0, 2.0)
    assert found["spread"]["p50"] == [0.75, 1.5]


def test_a_size_is_told_by_the_middle_of_its_runs_and_its_highest_peaks() -> None:
    found = growth.Point(512 << 20, [3.0, 1.0, 2.0], 5, 6).figures()
    assert found == {"size": 512 << 20, "seconds": 2.0, "seconds_per_gib": 4.0, "server_peak": 5, "client_peak": 6,
                     "spread": {"seconds": [1.5, 2.5], "seconds_per_gib": [3.0, 5.0]}}


def test_whether_the_time_is_in_proportion_is_said() -> None:
    points = [
        growth.Point(size << 20, [seconds], 0, 0).figures()
        for size, seconds in ((1, 1.0), (64, 1.0), (256, 2.0), (512, 10.0))
    ]
    assert page.linear_words(points).startswith("A byte of 512 MiB takes 1.25 times as long as one of 64 MiB")


def test_all_calls_are_counted_and_the_peaks_are_of_the_file_that_is_moved(tmp_path: Path) -> None:
    stage = build(paths.STAGES, 6)
    place = comparisons.Place(*(tmp_path / name for name in ("scratch", "disk", "memory")))
    for folder in (place.scratch, place.disk, place.memory):
        folder.mkdir()
    store = FileStore(tmp_path / "files")
    way = copies.Way("06", stage, stage)
    copies.measure_ways([way], store.seeded(2 << 20), place, 1)
    assert len(way.runs) == 1 and way.seen["size"] == 2 << 20
    assert way.seen["server_peak"] > 256 << 10  # of a worker, with the pages of its libraries that it has touched
    assert not list(place.memory.iterdir())
    if why_not := trace.why_not_running():
        assert copies.count([way], store, place) == why_not and "counted" not in way.seen
        pytest.skip(why_not)
    found = copies.calls(way, store.seeded(2 << 20), place)
    # 3 and 5.5 move bytes or descriptors; the rest counts too.
    assert found["server_calls"] > 3.5 and found["client_calls"] > 8


def test_of_how_much_calls_were_counted_is_said() -> None:
    ways = [{"name": name, "counted": size << 20} for name, size in (("02", 4), ("03", 4), ("05", 100), ("06", 100))]
    assert page.counted_words(ways) == "; calls counted on 4 MiB (02 to 03), 100 MiB (05 to 06)"
    assert page.counted_words([{"name": "02"}]) == ""  # where strace can't be had


def test_cpu_time_is_that_of_the_process() -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass\nprint('done', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", burn], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdin is not None
        process.stdout.readline()
        assert 0.25 < meters.used([process.pid]).cpu < 3 and meters.peak_memory(process.pid) > 1 << 20
        process.communicate(b"\n")
    with pytest.raises(meters.BenchError, match=f"process {process.pid} has ended"):
        meters.used([process.pid])


def test_a_program_that_fails_is_no_result(tmp_path: Path) -> None:
    assert meters.timed(["sh", "-c", "echo well"], tmp_path).stdout == "well\n"
    with pytest.raises(meters.BenchError, match="ended with status 3: badly"):
        meters.timed(["sh", "-c", "echo badly >&2; exit 3"], tmp_path)


def test_peers_that_are_missing_are_named() -> None:
    assert (
        contestants.missing("sh") == "" and contestants.missing("sh", "no-such-peer") == "no-such-peer: not installed"
    )


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A bench of two comparisons without peers, as small as can be, in the network that this machine has."""
    file = tmp_path_factory.mktemp("bench") / "bench.json"
    command = [
        sys.executable, "-m", "bytetrain.bench", "--quick", "--pairs", "1", "--only=against_trains,against_fork",
        f"--json={file}",
    ]
    done = subprocess.run(
        command, cwd=HARNESS, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="surrogateescape"
    )
    assert done.returncode in (0, 1), done.stdout
    assert "<svg" in file.with_suffix(".html").read_text()
    data: dict[str, Any] = json.loads(file.read_text())
    return {**data, "said": done.stdout.splitlines()}


def test_a_bench_tells_what_the_machine_was(figures: dict[str, Any]) -> None:
    assert figures["schema"] == "bytetrain/bench/v1" and figures["machine"]["cores"] >= 1
    assert figures["network"]["congestion_control"] == "reno" or figures["network"]["why_not"]
    said = next(line for line in figures["said"] if line.startswith("machine: "))
    assert f"Linux {figures['machine']['kernel']}" in said and f"{figures['machine']['cores']} cores" in said


def test_a_bench_compares_what_was_asked_for(figures: dict[str, Any]) -> None:
    assert [each["id"] for each in figures["comparisons"]] == ["against_trains", "against_fork"]
    assert [(each["comparison"], each["measure"]) for each in figures["bars"]] == [
        ("against_trains", "throughput"), ("against_trains", "cpu"), ("against_fork", "rate"),
    ]
    assert all(each["median"] > 0 for each in figures["bars"])
    assert [each["amount"] for each in figures["bars"]] == ["128 MiB", "128 MiB", "4000 of 1 KiB"]


def test_figures_without_a_peer_are_judged_too() -> None:
    found = list(comparisons.judged([], {("copies", "server_calls"): 2.4}))
    assert [(bar.measure, middle, bar.met(middle)) for bar, (_, middle, _) in found] == [("server_calls", 2.4, False)]


def growing() -> list[dict[str, Any]]:
    return [
        growth.Point(1024, [0.001, 0.002, 0.001], 2 << 20, 0).figures(),
        growth.Point(8 << 30, [4.0], 2 << 20, 3 << 20).figures(),
    ]


def test_a_page_needs_nothing_but_the_figures(figures: dict[str, Any]) -> None:
    way = {
        "name": "05 <b>", "bytes_per_second": 2e9, "server_cpu_per_gib": 0.1, "client_cpu_per_gib": 0.5,
        "server_faults_per_mib": 0.0, "client_faults_per_mib": 256.0, "server_calls": 1.8, "client_calls": 3100.0,
        "server_peak": 1.5e6, "client_peak": 3e6, "size": 1 << 30, "counted": 100 << 20,
        "spread": {"bytes_per_second": [1e9, 3e9]},
    }
    runs: list[Measures] = [
        {"bytes_per_second": 7e9, "p50": p50, "worst": 1.2, "worst_by_median": 1.2 / p50, "memory": 2e7}
        for p50 in (0.4, 0.6, 0.8)
    ]
    crowd = many.Crowd("nginx", contestants.nginx(), 1000, runs).figures()
    small = {
        "server": "stage 06", "at_once": 64, **comparisons.summed_up([loaded(rate) for rate in (8000, 9000, 9900)]),
    }
    feedback = {"stage": 3, "build": 2.0, "verdict": 11.0, "checks": 40}
    told = {"name": "01-forgets", "first": 2.5, "end": 40.0}
    text = page.page({
        **figures, "copies": [way, {**way, "name": "06"}], "small": [small], "many": [crowd], "growth": growing(),
        "feedback": feedback, "classics": [told], "hanging": [told], "left_out": ["nginx"],
    })
    assert text.count("<svg") == 25 and "05 &lt;b&gt;" in text and "8 GiB" in text and "Left out: nginx" in text
    for expected in ("nginx, 1000", "stage 06, 64: p99", "9,000", "50 µs", "20 ms", "40 checks have a verdict", "11 s",
                     "1 GiB, saved on tmpfs", "calls counted on 100 MiB (05 &lt;b&gt; to 06)"):
        assert expected in text, expected
    assert "http" not in text.replace("http-equiv", "")  # nothing is loaded from anywhere


def drawn(data: dict[str, Any], title: str) -> str:
    return next(plot["svg"] for plot in page.plots(data) if plot["title"] == title)


EMPTY: dict[str, Any] = {
    "copies": [], "comparisons": [], "small": [], "bars": [], "many": [], "growth": [], "feedback": None
}


def test_a_page_of_one_section_shows_that_alone(figures: dict[str, Any]) -> None:
    without_peer = [{"comparison": "growth", "measure": "client_peak", "what": "MiB"}]
    text = page.page({**figures, **EMPTY, "bars": without_peer, "growth": growing()})
    assert text.count("<svg") == 3 and "Time by file size" in text and "Peak memory by file size" in text
    assert page.page({**figures, **EMPTY}).count("<svg") == 0


def test_a_figure_that_was_measured_again_and_again_has_error_bars() -> None:
    assert drawn({**EMPTY, "growth": growing()}, "Time by file size").count('class="mark"') == 2
    runs: list[Measures] = [{"bytes_per_second": each, "memory": 2e7} for each in (6e9, 7e9, 8e9)]
    crowd = many.Crowd("nginx", contestants.nginx(), 1000, runs).figures()
    plots = list(page.plots({**EMPTY, "many": [crowd]}))
    assert len(plots) == 2 and all('class="mark"' in plot["svg"] for plot in plots)


def test_a_peak_that_nobody_has_seen_is_no_point_of_the_plot() -> None:
    svg = drawn({**EMPTY, "growth": growing()}, "Peak memory by file size")
    assert svg.count("<circle") == 3 and "worker" in svg and "client" in svg


def test_a_comparison_without_a_bar_is_among_the_peers_too() -> None:
    ratios = {"throughput": (0.7, 0.8, 0.9), "packets": (1, 1, 1)}
    comparison = {"id": "against_iperf3", "amount": "1 GiB", "ratios": ratios}
    bar = {
        "comparison": "server", "measure": "cpu", "what": "", "amount": "128 MiB", "low": 0.9, "median": 1.0,
        "high": 1.1, "must": 1.0, "met": True,
    }
    svg = drawn({**EMPTY, "comparisons": [comparison], "bars": [bar]}, "Against peers")
    assert "against_iperf3: throughput" in svg and "0.80 (1 GiB)" in svg and "packets" not in svg
    assert "1.00 (128 MiB)" in svg and svg.count('class="mark"') == 1  # of the one that has a bar


@pytest.mark.parametrize(("client_peak", "judged"), [(0, ["server_peak"]), (3 << 20, ["server_peak", "client_peak"])])
def test_a_peak_that_nobody_has_seen_meets_no_bar(client_peak: int, judged: list[str]) -> None:
    point = {"size": 8 << 30, "server_peak": 2 << 20, "client_peak": client_peak}
    data: dict[str, Any] = {
        "copies": [], "growth": [point], "network": {"congestion_control": "reno"}, "bars": [], "left_out": [],
    }
    judge_bars(data, [])
    assert [bar["measure"] for bar in data["bars"]] == judged


def test_a_bar_says_what_it_was_judged_with(capsys: pytest.CaptureFixture[str]) -> None:
    point = {"size": 256 << 20, "server_peak": 9 << 20, "client_peak": 3 << 20}
    crowd = Comparison("many", "60 downloads", dict, dict, amount="60 of 10 MiB")
    runs = [{"throughput": 1.0, "p50": 1.0, "worst": 1.0}]
    data: dict[str, Any] = {
        "copies": [{"server_calls": 0.1}], "growth": [point], "network": {"congestion_control": "reno"}, "bars": [],
        "left_out": [],
    }
    judge_bars(data, [Measurements(crowd, runs, runs)])
    assert [(bar["comparison"], bar["amount"]) for bar in data["bars"]] == [
        *[("many", "60 of 10 MiB")] * 3, ("copies", "100 MiB"), *[("growth", "256 MiB")] * 2
    ]
    out, err = capsys.readouterr()
    told = [line for line in out.splitlines() if "must be" in line]
    assert [bar["amount"] in line for bar, line in zip(data["bars"], told)] == [True] * 6
    assert "growth server_peak (256 MiB): 9.00 is beyond 8" in err


def test_the_load_generator_counts_what_it_reads(figures: dict[str, Any], tmp_path: Path) -> None:
    build_tools(contestants.SOURCES, contestants.BUILT_TOOLS)
    done = subprocess.run(
        [contestants.BUILT_TOOLS / "load", "127.0.0.1"], capture_output=True, errors="surrogateescape"
    )
    assert done.returncode == 2 and "usage: load" in done.stderr


def test_a_comparison_that_does_not_exist_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bytetrain.bench", "--only", "speed"], cwd=HARNESS, capture_output=True,
        errors="surrogateescape"
    )
    assert done.returncode == 3 and "--only speed: there are against_cp," in done.stderr
