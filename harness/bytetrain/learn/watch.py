"""./lab watch [N]: checks a stage on every save, and shows on one screen how it stands.

What failed last is checked first; when that passes, the stage is checked from its start. A save while a check runs
begins it again: what counts is whether the sources are others than those that are being checked.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import queue
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import Callable, Optional

from ..course.catalogue import mistakes, rubric
from ..course.languages import Bilingual, Language
from ..programs.sessions import end_orderly_on_signals
from ..telling.ending import end_with
from ..telling.text import print_whatever_comes
from .begin import Refused
from .board import Board, Page
from .grader import GraderEvent, grading_of
from .keys import Keys
from .now import compared, hints_up_to, lay_out_next, to_do
from .standing import BAD, first_look
from .runs import Grade, GraderThread
from .saves import Saves
from .talk import at_work, grading_options_of, in_language, of_root, stage_named
from .views import View, view
from .work import STATE_FILE, State, Work, fingerprint

_NO_HINT = Bilingual("There is no hint: nothing has failed.", "没有提示：没有检查失败。")
_HINT_LATER = Bilingual(
    "Nothing has failed so far: the check is under way. A hint comes with a failure.",
    "到现在没有检查失败：还在检查。有检查失败时才有提示。",
)
_FAR = 1_000_000  # lines: to the end of whatever is read
_GONE = Bilingual("the folder of this stage has gone", "这个阶段的文件夹不见了")
_POLLS = Bilingual("polling: {}", "轮询：{}")


class WatchLoop:
    """The loop: whatever happens, in whichever thread, is put into it as something to be done, and done here."""

    def __init__(
        self, work: Work, stage: int, screen: View, language: Language, grade: Grade, *, poll: bool, trust: bool
    ) -> None:
        self._work = work
        self._language = language
        self._screen = screen
        self._grade = grade
        self._trust = ["--trust"] if trust else []
        self._todo: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._over = False
        self._sources = ""  # the fingerprint of what is being checked, or was last
        self._running: Optional[GraderThread] = None
        self._next: list[list[str]] = []  # the options of the runs that are to come in this round
        self._will_look = False
        self._saves = Saves(self._changed, poll)
        self._keys = Keys(0, lambda key: self.post(lambda: self._press(key)), lambda: self.post(self._quit))
        self._open(stage)

    def post(self, act: Callable[[], None]) -> None:
        self._todo.put(act)

    def _open(self, stage: int) -> None:
        self.board = Board(stage, self._language, self._work.state.verdicts(stage))
        self._sources = ""
        self._remember(lambda state: state.at(stage))

    def run(self) -> None:
        """Until a key, a signal or the end of the terminal ends it."""
        with contextlib.ExitStack() as stack:  # from its last line to its first
            stack.callback(self._end)
            stack.enter_context(self._signals())
            stack.enter_context(self._keys)
            stack.callback(self._say_goodbye)
            stack.callback(self._screen.leave)
            stack.callback(_let_nobody_disturb)
            self._screen.enter()
            self._look()
            while not self._over:
                self._screen.show(self.board)
                self._todo.get()()
                while not self._over and not self._todo.empty():
                    self._todo.get()()

    def _say_goodbye(self) -> None:
        with contextlib.suppress(OSError):  # who reads has gone
            self._screen.say(f"{self.board.title}: {self.board.says}")

    def _end(self) -> None:
        """Nothing is left behind."""
        if self._running is not None:
            self._running.end()
            self._running.join()
        self._saves.close()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """A terminal that changes its size, and Ctrl-Z."""
        acts = {signal.SIGWINCH: lambda: None, signal.SIGTSTP: self._stop}
        if signal.getsignal(signal.SIGTSTP) == signal.SIG_IGN:  # nobody could let us go on
            del acts[signal.SIGTSTP]
        before = {number: signal.signal(number, lambda *_, act=act: self.post(act)) for number, act in acts.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self) -> None:
        """The terminal is the shell's until it lets us go on."""
        self._screen.leave()
        self._keys.release()
        signal.raise_signal(signal.SIGSTOP)
        self._keys.take()
        self._screen.enter()

    # Files

    def _changed(self) -> None:
        """Several events may come from one save: they are looked at together."""
        if not self._will_look:
            self._will_look = True
            self.post(self._look)

    def _look(self) -> None:
        """Whether the sources are others than those that are being checked."""
        self._will_look = False
        folder = self._work.stage_dir(self.board.stage)
        if folder is None:
            self.board.note = _GONE[self.board.language]
            return
        try:
            self._saves.watch(folder)
        except OSError as error:  # it goes just now
            self.board.note = f"not watching: {error.strerror}"
            return
        language, polls = self.board.language, self._saves.polls_for
        self.board.note = _POLLS[language].format(polls[language]) if polls else ""
        self.board.advice = of_root(language)
        now = fingerprint(folder)
        if now != self._sources:
            self._sources = now
            self._begin_round()

    # Runs

    def _begin_round(self) -> None:
        look = first_look(self.board.stage, self.board.verdicts)
        self.board.begin_round()
        whole = [] if self.board.every else ["--first"]
        self._next = [whole] if self.board.every or not look else [look, whole]
        if self._running is not None:
            self._running.end()  # the next one begins when that is over
        else:
            self._begin_run()

    def _begin_run(self) -> None:
        options = self._next.pop(0)
        self.board.begin_run(whole="--check" not in options)
        work, stage = self._work.folder, self.board.stage
        words = [*options, *self._trust, *in_language(self.board.language)]
        self._running = GraderThread(
            lambda begun: self._grade(work, stage, *words, begun=begun), self.post, self._told, self._ended
        )

    def _told(self, event: GraderEvent) -> None:
        board = self.board
        board.take(event)
        if event["event"] in ("story", "end"):
            decided = {each: board.verdicts[each] for each in board.decided}
            self._remember(lambda state: state.record(board.stage, decided))
        if event["event"] in ("story", "calls") and board.story is not None and len(board.stories) == 1:
            story = board.story
            self._remember(lambda state: state.failed(board.stage, story.check, story.hints))
        if event.get("hinted"):  # the first is on the screen
            self._remember(lambda state: state.remember_hint(str(event["hints"]), 1))
        if event["event"] == "end" and board.whole and event["outcome"] == "pass":
            self._remember(lambda state: state.mark_passed(board.stage, self._sources))

    def _remember(self, change: Callable[[State], None]) -> None:
        try:
            change(self._work.state)
        except OSError as error:
            self.board.note = f"{STATE_FILE}: {error.strerror}"

    def _ended(self) -> None:
        assert self._running is not None
        begun_anew, self._running = self._running.was_ended, None
        self.board.end_run()
        if self._next and (begun_anew or not self._stays()):
            self._begin_run()
        else:
            self._next.clear()
            self._look()  # in case that nobody has told of a change

    def _stays(self) -> bool:
        """Whether nothing more can be found out in this round: what failed before still does, or nothing could run."""
        board = self.board
        return bool(board.trouble) or any(board.verdicts[each] in BAD for each in board.decided)

    # Keys

    def _press(self, key: str) -> None:
        board = self.board
        if key in ("q", "Q"):
            self._quit()
        elif key in ("up", "down", "page up", "page down", "home", "end"):
            page = max(1, board.seen - 1)
            steps = {"up": -1, "down": 1, "page up": -page, "page down": page, "home": -_FAR, "end": _FAR}
            board.offset = board.seen_from + steps[key]
        elif key in ("left", "right") and board.stories:
            board.shown = (board.shown + (1 if key == "right" else -1)) % len(board.stories)
            board.hint, board.offset = [], None
        elif key == "esc":
            board.page, board.offset = None, None
        elif key in _KEYS:
            _KEYS[key](self)

    def _quit(self) -> None:
        self._over = True

    def _hint(self) -> None:
        """One more; those before it stay."""
        board = self.board
        name = board.story.hints if board.story else self._work.state.failure(board.stage)[1]
        helps = rubric().checks.get(name) or mistakes().get(name)
        if helps is None or not helps.hints:
            self._show(Page((_HINT_LATER if board.running else _NO_HINT)[board.language]))
            return
        number = min(self._work.state.hint_level(name) + 1, len(helps.hints))
        hints = hints_up_to(number, helps, board.language)
        if board.story is None:  # none is told yet: what failed last is known all the same
            self._show(Page(f"{helps.id}: {helps.title[board.language]}", hints))
        else:
            board.page, board.offset, board.hint = None, None, hints
        self._remember(lambda state: state.remember_hint(name, number))

    def _check_all(self) -> None:
        """Or no more than up to the first mistake, as before."""
        self.board.every = not self.board.every
        self._begin_round()

    def _go_on(self) -> None:
        """What to do now; and when that is a stage to be laid out, it is done when the key is pressed again."""
        if self.board.page is None or not self.board.page.offers:
            self._show(to_do(self._work, self.board))
            return
        try:
            page = lay_out_next(self._work, self.board)
        except (Refused, OSError, shutil.Error) as error:
            self._show(Page(str(error)))
            return
        self._open(self.board.stage + 1)
        self._look()
        if page.title:
            self._show(page)

    def _compare(self) -> None:
        """How the reference did it."""
        self._show(compared(self._work, self.board, self._screen.width))

    def _show(self, page: Page) -> None:
        self.board.page, self.board.offset = page, None


def _let_nobody_disturb() -> None:
    """What is cleared up now."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


_KEYS = {"h": WatchLoop._hint, "a": WatchLoop._check_all, "n": WatchLoop._go_on, "c": WatchLoop._compare}


def main(arguments: Optional[Sequence[str]] = None, grade: Grade = grading_of) -> int:
    """Watches; the status is 0, or 1 if there is nothing to watch."""
    parser = argparse.ArgumentParser(prog="./lab watch", description=__doc__.partition("\n")[0].partition(": ")[2])
    parser.add_argument("--poll", action="store_true", help="look again and again: nobody tells of changes here")
    grading_options_of(parser)
    options = parser.parse_args(arguments)
    print_whatever_comes()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # who has started us may have ignored it
    end_orderly_on_signals()
    work, language, _ = at_work(parser, options)
    stage = stage_named(parser, work, options.stage)
    try:
        WatchLoop(work, stage, view(), language, grade, poll=options.poll, trust=options.trust).run()
    except BrokenPipeError:  # who reads has gone; Python would write the rest at its end, and complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


if __name__ == "__main__":
    end_with(main)
