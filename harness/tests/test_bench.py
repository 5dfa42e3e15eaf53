"""The bench: what it makes of figures. (What the figures are, it finds out on each machine anew.)"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bytetrain import paths
from bytetrain.bench import comparisons, contestants, meters, page, tools
from bytetrain.bench.__main__ import judge
from bytetrain.bench.comparisons import Bar, Comparison, Outcome

HARNESS = paths.REPO / "harness"


def of(ours: list[float], peer: list[float]) -> Outcome:
    nothing = Comparison("server", "ours and its", dict, dict)
    return Outcome(nothing, [{"throughput": each} for each in ours], [{"throughput": each, "cpu": 1.0} for each in peer])


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
)  # fmt: skip
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
    assert contestants.missing("sh") == "" and contestants.missing("sh", "no-such-peer") == "no-such-peer: not installed"


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A bench of two comparisons without peers, as small as can be, in the network that this machine has."""
    file = tmp_path_factory.mktemp("bench") / "bench.json"
    command = [sys.executable, "-m", "bytetrain.bench", "--quick", "--pairs", "1", "--only=against_trains,against_fork", f"--json={file}"]
    done = subprocess.run(command, cwd=HARNESS, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode in (0, 1), done.stdout
    assert "<svg" in file.with_suffix(".html").read_text()
    data: dict[str, Any] = json.loads(file.read_text())
    return data


def test_a_bench_tells_what_the_machine_was(figures: dict[str, Any]) -> None:
    assert figures["schema"] == "bytetrain/bench/v1" and figures["machine"]["cores"] >= 1
    assert figures["network"]["congestion_control"] == "reno" or figures["network"]["why_not"]


def test_a_bench_compares_what_was_asked_for(figures: dict[str, Any]) -> None:
    assert [each["id"] for each in figures["comparisons"]] == ["against_trains", "against_fork"]
    assert [(each["comparison"], each["measure"]) for each in figures["bars"]] == [
        ("against_trains", "throughput"), ("against_trains", "cpu"), ("against_fork", "rate"),
    ]  # fmt: skip
    assert all(each["median"] > 0 for each in figures["bars"])


def test_figures_without_a_peer_are_judged_too() -> None:
    found = list(comparisons.judged([], {("copies", "server_calls"): 2.4}))
    assert [(bar.measure, middle, bar.met(middle)) for bar, (_, middle, _) in found] == [("server_calls", 2.4, False)]


def test_a_page_needs_nothing_but_the_figures(figures: dict[str, Any]) -> None:
    way = {"name": "05 <b>", "bytes_per_second": 2e9, "server_cpu_per_gib": 0.1, "client_cpu_per_gib": 0.5,
           "server_faults_per_mib": 0.0, "client_faults_per_mib": 256.0, "server_calls": 1.8, "client_calls": 3100.0,
           "server_peak": 1.5e6, "client_peak": 3e6, "spread": {"bytes_per_second": [1e9, 3e9]}}  # fmt: skip
    crowd = {"server": "nginx", "at_once": 1000, "bytes_per_second": 7e9, "p50": 0.6, "worst": 1.2, "memory": 2e7}
    growth = [{"size": 1024, "seconds": 0.001}, {"size": 8 << 30, "seconds": 4.0}]
    text = page.page({**figures, "copies": [way, {**way, "name": "06"}], "many": [crowd], "growth": growth, "left_out": ["nginx"]})
    assert text.count("<svg") == 13 and "nginx, 1000" in text and "05 &lt;b&gt;" in text and "8 GiB" in text and "Left out: nginx" in text
    assert "http" not in text.replace("http-equiv", "")  # nothing is loaded from anywhere


def test_a_page_of_one_section_shows_that_alone(figures: dict[str, Any]) -> None:
    growth = [{"size": 1024, "seconds": 0.001}, {"size": 8 << 30, "seconds": 4.0}]
    without_peer = [{"comparison": "growth", "measure": "client_peak", "what": "MiB"}]
    text = page.page({**figures, "bars": without_peer, "growth": growth})
    assert text.count("<svg") == 1 and "Time by file size" in text


@pytest.mark.parametrize(("client_peak", "judged"), [(0, ["server_peak"]), (3 << 20, ["server_peak", "client_peak"])])
def test_a_peak_that_nobody_has_seen_meets_no_bar(client_peak: int, judged: list[str]) -> None:
    point = {"server_peak": 2 << 20, "client_peak": client_peak}
    data: dict[str, Any] = {"copies": [], "growth": [point], "network": {"congestion_control": "reno"}, "bars": [], "left_out": []}
    judge(data, [])
    assert [bar["measure"] for bar in data["bars"]] == judged


def test_the_load_generator_counts_what_it_reads(figures: dict[str, Any], tmp_path: Path) -> None:
    tools.build_tools()
    done = subprocess.run([contestants.TOOLS / "load", "127.0.0.1"], capture_output=True, text=True)
    assert done.returncode == 2 and "usage: load" in done.stderr


def test_a_comparison_that_does_not_exist_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bytetrain.bench", "--only", "speed"], cwd=HARNESS, capture_output=True, text=True
    )
    assert done.returncode == 3 and "--only speed: there are against_cp," in done.stderr
