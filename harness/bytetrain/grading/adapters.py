"""results.json in the words of others: Gradescope, Autolab, Classroom 50. (JUnit XML is pytest's own: --junitxml.)

    python3 -m bytetrain.grading.adapters gradescope build/results.json > results.json

Each is a function from our data to theirs; nothing is judged here. A harness error is never shown as a program's
failure, nor a score that it spoils as a verdict. Each format has its own way to say so: Gradescope a test with no score
and no status, Autolab a stage without a score, Classroom 50 no result at all, and an exit status other than 0.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Callable, Optional

from ..telling.sizes import MiB
from ..telling.text import all_visible, end_with_the_reader, print_whatever_comes, visible, without_bytes
from .schema import OUR_FAULT, SCHEMA

Data = dict[str, Any]
TEXT_LIMIT = 4000  # characters of one test's output
AGAIN = f"{OUR_FAULT} Grade again."
_SAID = {**{said: said for said in ("not graded", "not applicable", "not run")},
         "harness error": "harness error, not your program's"}

_MOST = 64 * MiB  # characters of a results.json that are read

def headline(results: Data) -> str:
    """The run in a line."""
    trouble = f"{AGAIN} Until then: " if results["outcome"] == "harness error" else ""
    part = "" if results["complete"] else " (only some checks were run)"
    return f"{trouble}{_number(results['points'])} of {results['of']} points{part}"


def title_of(check: dict[str, Any]) -> str:
    """Its title, and what kept it from being judged, if anything did."""
    said = _SAID.get(check["verdict"])
    return f"{check['title']} ({said})" if said else str(check["title"])


def output_of(check: dict[str, Any]) -> str:
    """What a student reads about one check, as plain text."""
    if check["verdict"] == "pass":
        return ""
    if check["story"] is None:
        return f"{_SAID[check['verdict']]}: {check['why']}" if check["why"] else _SAID[check["verdict"]]
    story = check["story"]
    lines = [AGAIN, ""] if check["verdict"] == "harness error" else []
    lines += [f"{'►' if step['failing'] else ' '} {step['at']:.3f} s  {step['words']}" for step in story["steps"][-12:]]
    lines += [f"expected: {story['expected']}", f"but was: {story['actual']}"] if story["expected"] else []
    lines += ["", story["message"], "", *(f"  {call}" for call in story["calls"])]
    lines += [f"hint: {check['hints'][0]}"] if check["hints"] and check["verdict"] == "fail" else []
    lines += [f"again: {story['again']}"]
    return "\n".join(lines)[:TEXT_LIMIT]


def _passed(check: dict[str, Any]) -> bool:
    """Whether it has earned its points; what is not applicable has."""
    return bool(check["points"])


def _hint(check: dict[str, Any]) -> dict[str, str]:
    """What is read beside a check that has not passed."""
    told = check["hints"][0] if check["verdict"] == "fail" and check["hints"] else check["why"]
    return {"hint": told} if told and not _passed(check) else {}


def _counting(results: Data) -> list[dict[str, Any]]:
    return [check for check in results["checks"] if check["of"]]


def gradescope(results: Data) -> str:
    """results.json of Gradescope's autograders: tests with score, max_score, status, name, output, visibility."""

    def judged(check: dict[str, Any]) -> dict[str, Any]:
        if check["verdict"] == "harness error":  # a score below max_score would be shown as a failure
            return {}
        return {"score": check["points"], "max_score": check["of"], "status": "passed" if _passed(check) else "failed"}

    tests = [
        {
            "name": f"stage {check['stage']:02d}: {title_of(check)}",
            "number": f"{check['stage']}.{check['id']}",
            **judged(check),
            "output": output_of(check),
            "output_format": "text",
            "visibility": "visible",
        }
        for check in _counting(results)
    ]
    whole = {"score": results["points"], "output": headline(results), "output_format": "text",
             "execution_time": round(results["seconds"]), "visibility": "visible", "stdout_visibility": "hidden",
             "tests": tests}
    return json.dumps(whole, indent=1, ensure_ascii=False)


def autolab(results: Data) -> str:
    """The last two lines of an Autolab driver's output: hints as semantic feedback, then the scores.

    A problem without a score is one that was not graded: that is what a harness error makes of its stage, and one
    outside of any check of all stages.
    """
    stages = {
        stage["stage"]: f"stage {stage['stage']:02d}"
        for stage in results["stages"]
        if stage["state"] != "not asked for"
    }
    checks, strays = _counting(results), results["harness_errors"]
    ours = [check for check in checks if check["verdict"] == "harness error"]
    errors = {f"{stages[check['stage']]}: {check['title']}": output_of(check) for check in ours}
    errors.update({stray["check"]: stray["message"] for stray in strays})
    tables: dict[str, dict[str, Any]] = {AGAIN: {**errors}} if errors else {}
    for number, name in stages.items():
        tables[name] = {
            title_of(check): {"passed": _passed(check), **_hint(check)}
            for check in checks
            if check["stage"] == number and check not in ours
        }
    spoilt = set(stages) if strays else {check["stage"] for check in ours}
    scores = {
        stages[each["stage"]]: each["points"] for each in results["stages"] if each["stage"] in set(stages) - spoilt
    }
    feedback: dict[str, Any] = {"_presentation": "semantic", "stages": list(tables), **tables}
    return json.dumps(feedback, ensure_ascii=False) + "\n" + json.dumps({"scores": scores})


def classroom50(results: Data) -> str:
    """result.json of Classroom 50, schema classroom50/result/v1; ValueError where there can be none.

    Its scores are integers: hundredths of a point here, rounded so that the checks of a stage sum up to the stage.
    Whose result it is, its runner tells in variables.
    """
    if results["outcome"] == "harness error":
        raise ValueError(f"no result for Classroom 50: {AGAIN}")
    wanted = {"classroom": "CLASSROOM", "assignment": "ASSIGNMENT", "submission": "SUBMISSION_TAG",
              "commit": "COMMIT_URL", "release": "RELEASE_URL"}
    missing = [name for name in wanted.values() if not os.environ.get(name)]
    if missing:
        raise ValueError(f"{', '.join(missing)} not set: Classroom 50's runner sets what its result.json needs")
    checks = _counting(results)
    tests = [
        {"test-name": f"stage {check['stage']:02d}: {title_of(check)}", "passed": _passed(check),
         "score": worth if _passed(check) else 0, "max-score": worth,
         "check": check["id"], "verdict": check["verdict"], "output": output_of(check)}
        for check, worth in zip(checks, _hundredths(results))
    ]
    whole = {
        "schema": "classroom50/result/v1",
        **{key: os.environ[name] for key, name in wanted.items()},
        "review": os.environ.get("REVIEW_URL") or os.environ["COMMIT_URL"],
        # The runner puts the commit's there.
        "datetime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(results["began"])),
        "score": sum(test["score"] for test in tests),
        "max-score": sum(test["max-score"] for test in tests),
        "tests": tests,
    }
    return json.dumps(whole, indent=1, ensure_ascii=False)


def _hundredths(results: Data) -> Iterator[int]:
    """What each check that counts is worth, in whole hundredths of a point: those of a stage sum up to the stage."""
    for stage in results["stages"]:
        parts = [check["of"] for check in _counting(results) if check["stage"] == stage["stage"]]
        ends = [*(round(100 * end) for end in accumulate(parts[:-1])), round(100 * stage["of"])]
        yield from (end - start for start, end in zip([0, *ends], ends[: len(parts)]))


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def load_results(path: Path) -> dict[str, Any]:
    """Reads results, to be shown; ValueError, in one line, if that is none, or of another version."""
    try:
        if path.exists() and not path.is_file():
            raise ValueError("it is no regular file")
        with path.open(encoding="utf-8") as file:
            text = file.read(_MOST)
        if len(text) == _MOST:
            raise ValueError("it is far too large")
        data = json.loads(text)
    except RecursionError:
        raise ValueError(f"{path}: this is no results.json: too much in it lies in something else") from None
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}: grade something first (./lab test)") from None
    except ValueError as error:
        raise ValueError(f"{path}: this is no results.json: {error}") from None
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema != SCHEMA:
        raise ValueError(f"{path}: its schema is {schema!r}, and {SCHEMA!r} is understood here")
    return dict(all_visible(data))


FORMATS: dict[str, Callable[[Data], str]] = {
    "gradescope": gradescope, "autolab": autolab, "classroom50": classroom50,
}


def main(arguments: Optional[Sequence[str]] = None) -> None:
    """Prints results in another format."""
    parser = argparse.ArgumentParser(prog="./lab export", description=__doc__.partition("\n")[0])
    parser.add_argument("format", choices=FORMATS)
    parser.add_argument("results", type=Path, metavar="results.json")
    options = parser.parse_args(arguments)
    print_whatever_comes()
    try:
        print(without_bytes(FORMATS[options.format](load_results(options.results))))
    except ValueError as error:
        sys.exit(visible(f"export: {error}"))
    except (AttributeError, LookupError, RecursionError, TypeError) as error:  # whoever has made it, it wasn't us
        sys.exit(visible(f"export: {options.results}: this is no results.json as the grader writes them: {error!r}"))


if __name__ == "__main__":
    end_with_the_reader()
    main()
