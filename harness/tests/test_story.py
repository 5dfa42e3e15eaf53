"""The story of a check: what is heard at which moment, what is kept, and which step is the failing one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from bytetrain import Failure, NotApplicable
from bytetrain.programs.program import Program
from bytetrain.telling import story
from bytetrain.telling.story import (
    MOST_STEPS, Problem, Step, did, doing, expect, expecting, heading, judge, quietly, told,
)
from bytetrain.telling.waiting import NeverHappened, wait_until

WRONG = [Problem("it ended with status 1", "status 0", "status 1"), Problem("it said nothing", "one line")]


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """A story is begun; what is heard of it, each step with its mark at that moment, indented by its depth."""
    said: list[str] = []
    marks = {"met": "✓", "failed": "✗"}
    story.begin(listen=lambda step: said.append(f"{'  ' * step.depth}{marks.get(step.outcome, '.')} {step.words}"))
    yield said
    story.begin()


def kept() -> list[str]:
    """The data of the story: each step with its outcome; ► is the failing one."""
    steps = story.current().as_data()
    return [f"{'►' if each['failing'] else ''}{each['outcome']} {each['words']}".strip() for each in steps]


def fails(error: type[Failure] = Failure) -> Failure:
    """A failure that is not yet told anywhere."""
    return error("the worker died", expected="a worker", actual="a corpse")


def blamed(failure: Failure) -> list[str]:
    story.current().blame(failure)
    return kept()


# What is heard, and when


def test_an_expectation_is_heard_as_it_begins_and_as_it_is_met(heard: list[str]) -> None:
    with expecting("the client ends"):
        assert heard == [". the client ends"]
    assert heard[1:] == ["✓ the client ends"]


def test_what_is_judged_later_has_no_mark(heard: list[str]) -> None:
    wait_until(lambda: True, "it ends, or says that it listens", judges=False)
    with Program(["false"]) as program:
        program.wait()
    with pytest.raises(NeverHappened):
        wait_until(lambda: False, "neither of the two", limit=0, judges=False)
    assert [each for each in heard if each[0] != "."] == ["✗ neither of the two"]
    assert kept() == ["it ends, or says that it listens", "$ false    (process %d)" % program.pid, "the program ends",
                      "failed neither of the two"]


def test_a_result_is_heard_at_its_end(heard: list[str]) -> None:
    results: list[str] = []
    story.begin(listen=lambda step: results.append(step.result))
    with doing("our server sends 3 bytes") as step:
        step.result = "the other side is gone"
    assert results == ["", "the other side is gone"]


def test_a_verdict_is_heard_once_with_its_mark(heard: list[str]) -> None:
    judge("the client reports a failure", [])
    with pytest.raises(Failure):
        judge("the client has saved it", WRONG)
    assert heard == ["✓ the client reports a failure", "✗ the client has saved it"]


def test_a_fact_is_heard_with_its_mark_and_kept_only_if_it_fails(heard: list[str]) -> None:
    expect(True, "the client has sent something", expected="not one byte")
    with pytest.raises(Failure) as caught:
        expect(False, "the client has sent b'x'", expected="not one byte", actual="b'x'")
    assert heard == ["✓ as expected: not one byte", "✗ the client has sent b'x'"]
    assert blamed(caught.value) == ["►failed the client has sent b'x'"]
    assert str(caught.value) == "the client has sent b'x'"
    assert (caught.value.expected, caught.value.actual) == ("not one byte", "b'x'")


def test_a_failure_is_heard_inside_first(heard: list[str]) -> None:
    with pytest.raises(Failure), expecting("outer"), expecting("inner"):
        raise fails()
    assert heard == [". outer", "  . inner", "  ✗ inner", "✗ outer"]


# What is kept, and which step has failed


def test_what_is_part_of_a_step_is_kept_only_if_it_fails(heard: list[str]) -> None:
    with doing("outer"):
        did("inner")
        with expecting("also inner"):
            pass
    heading("then")
    assert kept() == ["outer", "then"] and len(heard) == 5


def test_a_verdict_that_fails_inside_another_step_is_kept_and_is_the_failing_one(heard: list[str]) -> None:
    for fact in (False, None):
        story.begin()
        with pytest.raises(Failure) as caught, expecting("outer"):
            did("before")
            judge("inner", WRONG) if fact is None else expect(fact, "inner", expected="x")
        assert blamed(caught.value) == ["failed outer", "►failed inner"]


def test_steps_stand_in_the_order_in_which_they_began(heard: list[str]) -> None:
    with pytest.raises(Failure) as caught, expecting("a"):
        with suppress(Failure), expecting("b"), expecting("c"):
            raise fails()
        with expecting("d"):
            raise fails()
    assert blamed(caught.value) == ["failed a", "failed b", "failed c", "►failed d"]


def test_a_failure_that_was_caught_is_not_what_has_failed(heard: list[str]) -> None:
    with expecting("outer"), suppress(Failure), expecting("caught"):
        raise fails()
    with pytest.raises(Failure) as caught, expecting("the client ends"):
        raise fails()
    assert blamed(caught.value) == ["met outer", "failed caught", "►failed the client ends"]


def test_a_failure_outside_of_all_steps_is_a_step_itself(heard: list[str]) -> None:
    with suppress(Failure), expecting("caught"):
        raise fails()
    assert blamed(Failure("the worker died\nof signal 13")) == ["failed caught", "►failed the worker died"]
    assert heard[-1] == "✗ the worker died"


def test_an_error_of_ours_is_none(heard: list[str]) -> None:
    did("something")
    story.current().blame(OSError("no room"))
    assert kept() == ["something"]


@pytest.mark.parametrize("inside", [True, False], ids=["inside the step around it", "outside"])
def test_a_failure_in_other_words_is_that_of_the_step_where_it_came_up(inside: bool, heard: list[str]) -> None:
    with pytest.raises(Failure) as caught, expecting("outer") if inside else told("outer"):
        try:
            wait_until(lambda: False, "the client ends", limit=0)
        except NeverHappened:
            raise fails() from None
    assert blamed(caught.value)[-1] == "►failed the client ends"


def test_what_is_no_failure_ends_no_step(heard: list[str]) -> None:
    with pytest.raises(NotApplicable) as caught, expecting("outer"):
        raise NotApplicable("not here")
    story.current().blame(caught.value)
    assert kept() == ["outer"] and heard == [". outer"]
    did("the next step is not part of it")
    assert kept() == ["outer", "the next step is not part of it"]


def test_a_long_story_keeps_its_beginning_and_what_has_failed(heard: list[str]) -> None:
    for number in range(MOST_STEPS + 5):
        did(f"step {number}")
    with pytest.raises(Failure) as caught:
        judge("the end", WRONG)
    assert len(heard) == MOST_STEPS + 6
    assert blamed(caught.value)[MOST_STEPS - 1 :] == [f"step {MOST_STEPS - 1}", "►failed the end"]


def test_a_new_story_has_no_step_of_the_last_one(heard: list[str]) -> None:
    with pytest.raises(Failure) as caught, expecting("of the last one"):
        raise fails()
    story.begin()
    did("of this one")
    assert blamed(caught.value) == ["of this one", "►failed the worker died"]


# Who is not heard


def test_what_is_done_quietly_is_not_told(heard: list[str]) -> None:
    with quietly(), suppress(Failure), expecting("caught"):
        judge("inner", WRONG)
    did("after it")
    assert heard == [". after it"] and kept() == ["after it"]


def test_what_fails_quietly_is_the_step_around_it(heard: list[str]) -> None:
    with pytest.raises(Failure) as caught, expecting("the server says that it listens"), quietly(), expecting("inner"):
        raise fails()
    assert heard[1:] == ["✗ the server says that it listens"]
    assert blamed(caught.value) == ["►failed the server says that it listens"]


def test_what_fails_quietly_and_is_put_in_other_words_is_the_step_around_it_too(heard: list[str]) -> None:
    with pytest.raises(Failure) as caught, expecting("outer"), quietly():
        try:
            wait_until(lambda: False, "unseen", limit=0)
        except NeverHappened:
            raise fails() from None
    assert blamed(caught.value) == ["►failed outer"]


def test_what_fails_quietly_with_nothing_around_it_is_told(heard: list[str]) -> None:
    with pytest.raises(Failure) as caught, quietly(), quietly(), expecting("our client is taken in"), quietly():
        raise fails()
    assert heard == ["✗ our client is taken in"]
    assert blamed(caught.value) == ["►failed our client is taken in"]


def test_another_thread_tells_nothing_and_silences_nobody(heard: list[str]) -> None:
    quiet, go_on = threading.Event(), threading.Event()

    def elsewhere() -> None:
        with doing("in the proxy"), quietly(), suppress(Failure), expecting("inner"):
            quiet.set()
            go_on.wait()
            raise fails()

    thread = threading.Thread(target=elsewhere)
    thread.start()
    quiet.wait()
    did("meanwhile")
    go_on.set()
    thread.join()
    assert heard == [". meanwhile"] and kept() == ["meanwhile"]


def test_a_story_that_begins_while_it_is_quiet_is_heard(heard: list[str]) -> None:
    with quietly():
        said: list[Step] = []
        story.begin(listen=said.append)
    did("something")
    assert [step.words for step in said] == ["something"] and kept() == ["something"]


# The words of a failure


def test_a_failure_has_headings_and_details() -> None:
    failure = fails()
    failure.adds("it had 3 descriptors")
    failure.under("two clients came")
    failure.under("stage 03")
    failure.adds("and no child")
    assert str(failure) == "stage 03\n\ntwo clients came\n\nthe worker died\nit had 3 descriptors\nand no child"
    assert (failure.expected, failure.actual) == ("a worker", "a corpse")


def test_what_was_done_stands_above_a_failure(heard: list[str]) -> None:
    with pytest.raises(Failure, match="^three clients came\n\nthe second left\n\nthe worker died$"):
        with told("three clients came"), told("the second left"):
            raise fails()
    assert kept() == ["three clients came", "the second left"]


def test_all_problems_are_one_failure() -> None:
    with pytest.raises(Failure) as caught:
        judge("the client has saved it", WRONG)
    assert str(caught.value) == "- it ended with status 1\n- it said nothing"
    assert (caught.value.expected, caught.value.actual) == ("status 0; one line", "status 1; it said nothing")
