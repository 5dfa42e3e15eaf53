"""The first mistake first: steps and needs as data, what is left out, and in which order stories are told."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Optional

import pytest

from bytetrain import Failure
from bytetrain.course.catalogue import rubric
from bytetrain.course.languages import Language
from bytetrain.course.paths import STAGES
from bytetrain.course.steps import steps, steps_of
from bytetrain.course.traits import stage_numbers
from bytetrain.grading.order import Order, key_of, node_id
from bytetrain.grading.records import Record, Verdict
from bytetrain.grading.results import Results
from bytetrain.judging import pools
from bytetrain.judging.pools import IDLE
from bytetrain.kernel.cpu import CpuUse
from bytetrain.programs.program import Server

from .trial import Trial

_ITEM = re.compile(r"^### (?:Step \d+: |第 \d+ 步：)", re.MULTILINE)


def test_each_check_with_points_is_in_one_step_of_the_stage_that_brings_it() -> None:
    homes = Counter(check for step in steps() for check in step.checks)
    assert homes == Counter(check.id for check in rubric().checks.values() if check.weight)
    wrong = [check for step in steps() for check in step.checks if rubric().checks[check].first != step.stage]
    assert wrong == []


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("stage", stage_numbers())
def test_each_item_of_a_page_is_a_step(stage: int, language: Language) -> None:
    head = {Language.EN: r"^## Build it.*$", Language.ZH: r"^## (?:自己)?动手写$"}[language]
    page = (language.docs / f"stage-{stage:02d}.md").read_text(encoding="utf-8")
    items = _ITEM.findall(re.split(head, page, maxsplit=1, flags=re.MULTILINE)[1].partition("\n## ")[0])
    assert len(items) == len(steps_of(stage, steps())) > 0


def test_what_a_check_needs_is_there_and_leads_nowhere_back() -> None:
    checks = rubric().checks
    assert {need for check in checks.values() for need in check.needs} <= set(checks)
    for stage in stage_numbers():
        order = [check.id for check in rubric().of_stage(stage)]
        assert sorted(order) == sorted(check.id for check in checks.values() if stage in check.stages)
        for check in rubric().of_stage(stage):
            behind = [need.id for need in rubric().needs(check, stage) if order.index(need.id) > order.index(check.id)]
            assert behind == [], f"{check.id} in stage {stage:02d}"


def test_own_lessons_come_before_those_of_earlier_pages() -> None:
    order = [check.id for check in rubric().of_stage(3)]
    assert order[:3] == ["stage.builds", "client.first_file", "client.received_line"]
    assert order.index("client.head_split") < order.index("client.sizes") < order.index("client.command_line")


def test_what_only_later_steps_rest_on_is_told_there() -> None:
    """Up to step 2 of stage 06 SIGTERM may still be read and nothing more; a server without a client is a step."""
    order = [check.id for check in rubric().of_stage(6)]
    assert order.index("exit.ordered") < order.index("server.restart")
    order = [check.id for check in rubric().of_stage(2)]
    assert order.index("server.restart_beside_transfer") < order.index("client.first_file")


def test_a_node_id_names_check_and_stage() -> None:
    item = node_id("client.sizes", "checks/test_transfers.py::test_client_saves[two - words-stage03]")
    assert item == "checks/client.sizes::test_client_saves[two - words-stage03]"
    assert key_of(item) == ("client.sizes", 3)
    assert key_of("tests/test_order.py::test_a[stage03]") is None


def case(check: str, verdict: Verdict, name: str = "") -> Record:
    return Record(check, 1, name, verdict)


def items(*checks: str) -> list[str]:
    return [f"checks/{check}::test_it[stage01]" for check in checks]


@pytest.mark.parametrize("use, check", [
    (CpuUse(0.0, 0.1, 0, 0.0, 0.1), None), (CpuUse(0.0, 0.1, 50, 0.0, 1.0), IDLE), (CpuUse(0.1, 0.1, 0, 1.0, 0.1), ""),
], ids=["sleeps", "polls", "spins"])
def test_a_parent_that_polls_is_told_by_the_check_for_that(
    use: CpuUse, check: Optional[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "cpu_use", lambda pids, yardstick: dict.fromkeys(pids, use))
    monkeypatch.setattr(pools, "dead", lambda pid: False)
    server = Server(Path("server"), Path("file"))
    if check is None:
        pools.parent_uses_no_cpu(server)
        return
    with pytest.raises(Failure) as caught:
        pools.parent_uses_no_cpu(server)
    assert caught.value.check == check


def test_what_another_check_has_found_is_told_once() -> None:
    """In its turn, if that comes; or at once."""
    order = Order(Results(rubric(), STAGES, "release", [1]))
    order.begin(items("server.ready_line", "client.first_file"))
    assert order.comes_to(("server.ready_line", 1)) and not order.comes_to(("pool.idle_cpu", 1))
    order.ended(items("server.ready_line")[0])
    assert list(order.decided()) == [("server.ready_line", 1)]
    assert not order.comes_to(("server.ready_line", 1)) and order.comes_to(("client.first_file", 1))


def test_a_check_is_told_when_all_before_it_are_decided() -> None:
    results = Results(rubric(), STAGES, "release", [1])
    order = Order(results)
    first, second, third = ("server.ready_line", 1), ("client.first_file", 1), ("client.received_line", 1)
    ready, file, line = items("server.ready_line", "client.first_file", "client.received_line")
    order.begin([ready, file, file, line])
    results.add(case("client.first_file", Verdict.FAIL))
    order.ended(file)
    assert list(order.decided()) == []
    order.ended(ready)
    assert list(order.decided()) == [first, second, third]  # the last one rests on the second, which fails
    assert not order.is_wanted(file) and not order.is_wanted(line) and order.is_wanted(ready)
    assert list(order.rest()) == []


def test_what_rests_on_a_failure_earns_nothing_whatever_it_found() -> None:
    results = Results(rubric(), STAGES, "release", [1])
    results.add(case("server.sizes", Verdict.PASS))
    results.add(case("server.port_zero", Verdict.HARNESS_ERROR))
    assert results.verdict("server.sizes", 1) is Verdict.PASS
    results.add(case("server.ready_line", Verdict.FAIL))
    assert results.missing_need("server.sizes", 1) == "server.ready_line"
    assert results.verdict("server.sizes", 1) is Verdict.NOT_REACHED
    assert results.verdict("server.port_zero", 1) is Verdict.HARNESS_ERROR  # ours stays ours
    assert results.verdict("server.file_missing", 1) is None
    results.all_checks = True
    assert results.verdict("server.sizes", 1) is Verdict.PASS


def test_a_worker_is_not_asked_where_it_is() -> None:
    """Or its checks may run in another thread than the main one."""
    pytest.importorskip("xdist")
    import execnet
    from bytetrain.grading.schedule import keep_main_thread_free

    group = execnet.Group()
    gateway = group.makegateway("popen")
    try:
        asked = [gateway._rinfo(update=True), gateway._rinfo()]
        keep_main_thread_free(gateway)
        gateway.remote_exec = None  # whoever asks fails
        told = gateway._rinfo()
    finally:
        group.terminate(timeout=10)
    assert all((told.platform, told.version_info) == (each.platform, each.version_info) for each in asked)


class Worker:
    """What a scheduler knows of one."""

    shutting_down = False

    def __init__(self) -> None:
        self.items: list[int] = []

    def send_runtest_some(self, items: list[int]) -> None:
        self.items += items


def test_each_has_an_item_before_anybody_has_two_and_nothing_is_begun_in_vain(tmp_path: Path) -> None:
    pytest.importorskip("xdist")
    from bytetrain.grading.schedule import InOrder

    items = [f"checks/{each.id}::test[stage06]" for each in rubric().of_stage(6)]
    order = Order(Results(rubric(), tmp_path, "release", [6]))
    scheduler = InOrder.__new__(InOrder)
    workers = [Worker() for _ in range(4)]
    scheduler.node2pending = {each: [] for each in workers}
    scheduler.node2collection = {each: items for each in workers}
    scheduler.collection, scheduler.pending = None, []
    scheduler._order, scheduler._check_nodes_have_same_collection = order, lambda: True
    scheduler.schedule()
    begun = {item for each in workers for item in each.items}
    assert len(begun) == 8 and begun >= {0, 1, 2, 3}
    assert {each.items[0] for each in workers} >= {0, 1} and all(len(each.items) == 2 for each in workers)
    for item in begun:
        order.ended(items[item])
    for worker, takes_long_ones in zip(workers, (False, True, False, True)):
        scheduler.node2pending[worker] = []
        scheduler.check_schedule(worker)
        taken = [items[each] for each in worker.items[2:]]
        assert len(taken) == 2 and order.is_ready(taken[0])
        assert order.is_long(taken[0]) is takes_long_ones


CHECKS = """
import pytest
from bytetrain import Failure
from bytetrain.telling.waiting import wait_until
from pathlib import Path

@pytest.mark.check("server.slow")
def test_slow(stage, submission):
    wait_until(lambda: Path("/dev/shm/" + submission.parent.name).exists(), "the other one has failed")
    raise Failure("the cause")

@pytest.mark.check("server.quick")
def test_quick(stage, submission):
    Path("/dev/shm/" + submission.parent.name).touch()
    raise Failure("a symptom")

@pytest.mark.check("server.resting")
@pytest.mark.parametrize("number", range(5))
def test_resting(stage, number):
    raise Failure("it rests on what fails")
"""
RANGES = {"server.resting": (1, 1), "server.quick": (1, 1), "server.slow": (1, 1)}
STEPS = """
[[step]]
stage = 1
title = "One"
title_zh = "一"
checks = ["server.slow", "server.quick"]

[[step]]
stage = 1
title = "Two"
title_zh = "二"
checks = ["server.resting"]
"""


@pytest.fixture
def trial(standins: Path, tmp_path: Path) -> Trial:
    found = Trial.of(tmp_path, standins, CHECKS, RANGES)
    catalogue = found.folder / "harness" / "checks.toml"
    entry = 'id = "server.resting"\n'
    catalogue.write_text(catalogue.read_text().replace(entry, f'{entry}needs = ["server.quick"]\n'))
    (catalogue.parent / "steps.toml").write_text(STEPS)
    return found


def test_stories_come_in_the_order_of_the_steps(trial: Trial) -> None:
    pytest.importorskip("xdist")
    graded = trial.grade("-n3", "--containment=limits")
    Path("/dev/shm", trial.submission.parent.name).unlink()
    assert graded.verdicts() == {"server.slow 1": "fail", "server.quick 1": "fail", "server.resting 1": "not reached"}
    assert 0 < graded.output.index("✗ server.slow") < graded.output.index("✗ server.quick")
    assert "it rests on what fails" not in graded.output
    assert "server.quick (01) fails, and 1 check rests on it" in graded.output
    assert [check["why"] for check in graded.data["checks"]] == ["", "", "server.quick fails"]


def test_a_step_is_graded_by_itself(trial: Trial) -> None:
    graded = trial.grade("-n0", "--containment=limits", "--stage=1", "--step=2")
    assert graded.verdicts() == {"server.resting 1": "fail"} and not graded.data["complete"]
    for options, words in (
        (["--step=1"], "name that with --stage"), (["--stage=1", "--step=3"], "has the steps 1 to 2"),
    ):
        refused = trial.grade(*options)
        assert refused.status == 4 and words in refused.output
