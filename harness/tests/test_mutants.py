"""The mutants are usable, and what `./lab mutants` makes of their verdicts can be trusted."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from bytetrain.course.catalogue import rubric
from bytetrain.course.folders import stage_dir
from bytetrain.course.paths import STAGES
from bytetrain.course.steps import steps, steps_of
from bytetrain.course.traits import stage_numbers
from bytetrain.upkeep import mutants
from bytetrain.upkeep.mutants import Mutant, Outcome, Unusable

MUTANTS = mutants.load_all()

PATCH = """\
Mistake: The client forgets something.
Stage: 3
From: 2
Killed-by: client.sizes pair.sizes

--- a/train.cpp
+++ b/train.cpp
@@ -1 +1 @@
-nothing of the stage
+something else
"""


def mutant(folder: Path, text: str = PATCH) -> Mutant:
    path = folder / "03-forgets.patch"
    path.write_text(text, encoding="utf-8")
    return Mutant.load(path)


def test_there_are_ninety_and_twelve_in_each_stage() -> None:
    assert len(MUTANTS) >= 90
    for stage in stage_numbers():
        new = [check for check in rubric().of_stage(stage) if check.first == stage]  # a small stage may have fewer
        assert sum(each.stage == stage for each in MUTANTS) >= min(12, len(new)), stage


@pytest.mark.parametrize("each", MUTANTS, ids=[each.name for each in MUTANTS])
def test_a_mutant_applies_and_names_checks_of_its_stage(each: Mutant, tmp_path: Path) -> None:
    assert each.name.startswith(f"{each.stage:02}-")
    of_stage = {check.id for check in rubric().of_stage(each.stage)}
    assert set(each.killers) <= of_stage and each.first <= each.stage
    reference = stage_dir(STAGES, each.stage)
    assert reference is not None
    shutil.copytree(reference, tmp_path / "stage")
    command = ["patch", "-p1", "--fuzz=0", "--no-backup-if-mismatch", "-i", str(each.path)]
    done = subprocess.run(
        command, cwd=tmp_path / "stage", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="surrogateescape"
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("each", [each for each in MUTANTS if each.step], ids=lambda each: str(each.name))
def test_a_step_asks_for_no_more_than_has_been_built_by_then(each: Mutant) -> None:
    """What stands below "Step" in a mutant is the first mistake that is told: `./lab mutants --first` sees to that."""
    order = [check.id for check in rubric().of_stage(each.stage)]
    built = [check for step in steps_of(each.stage, steps()) if step.number <= each.step
             for check in (*step.checks, *step.again)]
    assert order.index(each.killers[0]) > max(map(order.index, built)) and not set(each.killers) & set(built)


def test_a_header_without_its_lines_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="03-forgets.patch: its header has no line From, Killed-by"):
        mutant(tmp_path, PATCH.replace("From: 2\n", "").replace("Killed-by: client.sizes pair.sizes\n", ""))


def test_a_patch_that_no_longer_applies_says_how_to_mend_it(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="(?s)no longer applies to 03_waitall.*diff -u stages/03_waitall/FILE"):
        mutants.Bench(tmp_path / "bench").submission(mutant(tmp_path, PATCH.replace("client.sizes", "stage.builds")))


def test_a_mutant_is_built_and_mended_again(tmp_path: Path) -> None:
    bench = mutants.Bench(tmp_path / "bench")
    first, second = (each for each in MUTANTS if each.name in ("01-host-byte-order", "01-parent-spins"))

    def programs(folder: Path) -> list[bytes]:
        return [(folder / program).read_bytes() for program in ("server", "client")]

    built = []
    for each in (first, second, first):
        built.append(programs(bench.submission(each) / "01_small_file"))
        assert programs(tmp_path / "bench/build/01_small_file") == programs(tmp_path / "bench/build/01_small_file.kept")
    whole = programs(tmp_path / "bench/build/01_small_file")
    assert whole[0] != built[0][0] and whole[1] != built[0][1], "both programs have the mistake of the first"
    assert whole[0] != built[1][0] and whole[1] == built[1][1], "only the server has that of the second"
    assert built[2] == built[0]


def test_stages_take_turns() -> None:
    """Two mutants of one stage can't be built side by side."""
    ordered = mutants.by_turns(MUTANTS)
    numbers = sorted({each.stage for each in MUTANTS})
    assert [each.stage for each in ordered[: len(numbers)]] == numbers
    assert sorted(each.name for each in ordered) == [each.name for each in MUTANTS]


def test_only_fail_kills(tmp_path: Path) -> None:
    some = mutant(tmp_path)
    assert Outcome(some, {"client.sizes": "fail", "pair.sizes": "fail"}).survived == []
    for verdict in ("pass", "harness error", "not applicable"):
        assert Outcome(some, {"client.sizes": "fail", "pair.sizes": verdict}).survived == ["pair.sizes"]
    assert Outcome(some).survived == ["client.sizes", "pair.sizes"]


def test_a_case_that_was_not_tried_is_no_pass() -> None:
    cases = [{"case": "here", "verdict": "pass"}, {"case": "there", "verdict": "not applicable"}]
    assert mutants._verdict({"verdict": "pass", "cases": cases[:1]}) == "pass"
    assert mutants._verdict({"verdict": "pass", "cases": cases}) == "not applicable"
    assert mutants._verdict({"verdict": "fail", "cases": cases}) == "fail"


def test_who_survives_is_said_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mutants, "MATRIX", tmp_path / "matrix.json")
    survivor = Outcome(mutant(tmp_path), {"client.sizes": "fail", "pair.sizes": "pass"})
    assert mutants.conclude([survivor], whole=False) == 1
    said = capsys.readouterr().out
    assert "0 of 1 mutants killed" in said and "03-forgets survives pair.sizes: pass" in said
    assert json.loads((tmp_path / "matrix.json").read_text())["03-forgets"]["verdicts"]["pair.sizes"] == "pass"
    killed = Outcome(survivor.mutant, {"client.sizes": "fail", "pair.sizes": "fail"})
    assert mutants.conclude([killed], whole=False) == 0
    unusable = Outcome(survivor.mutant, unusable="it doesn't build")
    assert mutants.conclude([unusable], whole=False) == 1
    assert "1 can't be used: 03-forgets" in capsys.readouterr().out


def test_a_check_that_kills_nothing_is_named(tmp_path: Path) -> None:
    outcome = Outcome(mutant(tmp_path), {"client.sizes": "fail", "pair.sizes": "pass"})
    idle = mutants.idle_checks([outcome])
    assert "client.sizes" not in idle and "pair.sizes" in idle
