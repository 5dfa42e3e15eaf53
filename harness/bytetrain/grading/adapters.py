"""results.json in the words of others: Gradescope, Autolab, Classroom 50. (JUnit XML is pytest's own: --junitxml.)

    python3 -m bytetrain.grading.adapters gradescope build/results.json > results.json

Each is a function from our data to theirs; nothing is judged here. A run with a harness error is never a low score that
looks like a verdict: it is said first, in each format's own words for a human.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable, Optional

from .results import load

Results = dict[str, Any]
TEXT_LIMIT = 4000  # characters of one test's output


def headline(results: Results) -> str:
    """The run in a line."""
    trouble = " (the harness itself had an error: grade again)" if results["outcome"] == "harness error" else ""
    part = "" if results["complete"] else " (only some checks were run)"
    return f"{_number(results['points'])} of {results['of']} points{part}{trouble}"


def output_of(check: dict[str, Any]) -> str:
    """What a student reads about one check, as plain text."""
    if check["verdict"] == "pass":
        return ""
    if check["story"] is None:
        return str(check["why"] or check["verdict"])
    story = check["story"]
    lines = [f"{'►' if step['failing'] else ' '} {step['at']:.3f} s  {step['words']}" for step in story["steps"][-12:]]
    lines += [f"expected: {story['expected']}", f"but was: {story['actual']}"] if story["expected"] else []
    lines += ["", story["message"], "", *(f"  {call}" for call in story["calls"])]
    lines += [f"hint: {check['hints'][0]}"] if check["hints"] and check["verdict"] == "fail" else []
    lines += [f"again: {story['again']}"]
    return "\n".join(lines)[:TEXT_LIMIT]


def gradescope(results: Results) -> str:
    """results.json of Gradescope's autograders: tests with score, max_score, status, name, output, visibility."""
    tests = [
        {
            "name": f"stage {check['stage']:02d}: {check['title']}",
            "number": f"{check['stage']}.{check['id']}",
            "score": check["points"],
            "max_score": check["of"],
            "status": "passed" if check["verdict"] in ("pass", "not applicable") else "failed",
            "output": output_of(check),
            "output_format": "text",
            "visibility": "visible",
        }
        for check in results["checks"]
        if check["of"]
    ]
    whole = {"score": results["points"], "output": headline(results), "output_format": "text",
             "execution_time": round(results["seconds"]), "visibility": "visible", "stdout_visibility": "hidden",
             "tests": tests}  # fmt: skip
    return json.dumps(whole, indent=1, ensure_ascii=False)


def autolab(results: Results) -> str:
    """The last two lines of an Autolab driver's output: hints as semantic feedback, then the scores."""
    stages = {f"stage {each['stage']:02d}": each for each in results["stages"]}
    feedback: dict[str, Any] = {"_presentation": "semantic", "stages": list(stages)}
    for name, stage in stages.items():
        feedback[name] = {
            check["title"]: {
                "passed": check["verdict"] in ("pass", "not applicable"),
                **({"hint": check["hints"][0]} if check["verdict"] == "fail" and check["hints"] else {}),
            }
            for check in results["checks"]
            if check["stage"] == stage["stage"] and check["of"]
        }
    scores = {"scores": {name: stage["points"] for name, stage in stages.items()}}
    return json.dumps(feedback, ensure_ascii=False) + "\n" + json.dumps(scores)


def classroom50(results: Results) -> str:
    """result.json of Classroom 50, schema classroom50/result/v1."""
    tests = [
        {"name": f"{check['id']} (stage {check['stage']:02d})", "passed": check["verdict"] in ("pass", "not applicable"),
         "score": check["points"], "max_score": check["of"], "message": output_of(check)}
        for check in results["checks"]
        if check["of"]
    ]  # fmt: skip
    whole = {"schema": "classroom50/result/v1", "score": results["points"], "max_score": results["of"],
             "summary": headline(results), "tests": tests}  # fmt: skip
    return json.dumps(whole, indent=1, ensure_ascii=False)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


FORMATS: dict[str, Callable[[Results], str]] = {"gradescope": gradescope, "autolab": autolab, "classroom50": classroom50}


def main(arguments: Optional[Sequence[str]] = None) -> None:
    """Prints results in another format."""
    parser = argparse.ArgumentParser(prog="./lab export", description=__doc__.partition("\n")[0])
    parser.add_argument("format", choices=FORMATS)
    parser.add_argument("results", type=Path, metavar="results.json")
    options = parser.parse_args(arguments)
    try:
        print(FORMATS[options.format](load(options.results)))
    except ValueError as error:
        sys.exit(f"export: {error}")


if __name__ == "__main__":
    main()
