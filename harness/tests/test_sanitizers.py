"""Reports of sanitizers, as they write them: the head and the first stack stay; the legend goes."""

from __future__ import annotations

import pytest

from bytetrain.programs.output import quoted
from bytetrain.programs.sanitizers import sanitizer_report, without_legend

FRAMES = [f"    #{number} 0x7f in function_{number} /home/me/01_small_file/server.cpp:{number}" for number in range(12)]
LEGEND = ["Shadow bytes around the buggy address:", "  0x0c047fff7fb0: 00 00", "=>0x0c047fff8000: fa fa[04]fa",
          "Shadow byte legend (one shadow byte represents 8 application bytes):", "  Heap left redzone:       fa",
          "==9==ABORTING"]
LOCATED = "0x602000000014 is located 0 bytes to the right of 4-byte region [0x602000000010,0x602000000014)"
SUMMARY = "SUMMARY: AddressSanitizer: heap-buffer-overflow /home/me/01_small_file/server.cpp:0 in function_0"
OVERFLOW = [
    "==9==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x602000000014", "WRITE of size 1 thread T0",
    *FRAMES, "", LOCATED, "allocated by thread T0 here:", *FRAMES, "", SUMMARY, *LEGEND,
]
LEAK = ["==9==ERROR: LeakSanitizer: detected memory leaks", "",
        "Direct leak of 7 byte(s) in 1 object(s) allocated from:", FRAMES[0], "",
        "SUMMARY: AddressSanitizer: 7 byte(s) leaked in 1 allocation(s)."]
SEGV = ["AddressSanitizer:DEADLYSIGNAL", "=" * 65, "==9==ERROR: AddressSanitizer: SEGV on unknown address 0x0",
        "==9==The signal is caused by a WRITE memory access.", FRAMES[0], "",
        "AddressSanitizer can not provide additional info.", "SUMMARY: AddressSanitizer: SEGV", "==9==ABORTING"]
OF_UBSAN = ["/home/me/train.cpp:8:69: runtime error: signed integer overflow", *FRAMES[:2]]


@pytest.mark.parametrize(
    "report, brief",
    [
        (OVERFLOW, [*OVERFLOW[:10], "    [... 4 more ...]", LOCATED, SUMMARY]),
        (LEAK, [LEAK[0], LEAK[2], LEAK[3], LEAK[5]]),
        (SEGV, [*SEGV[2:5], SEGV[7]]),
        (OF_UBSAN, OF_UBSAN),
        (["AddressSanitizer:DEADLYSIGNAL"], ["AddressSanitizer:DEADLYSIGNAL"]),
    ],
    ids=["overflow", "leak", "segv", "ubsan", "cut off"],
)
def test_the_head_and_the_first_stack_are_kept(report: list[str], brief: list[str]) -> None:
    text = "\n".join(["worker 12 begins", *report, "worker 13 begins", ""])
    assert sanitizer_report(text) == "\n".join(brief)
    told = without_legend(text).splitlines()
    assert told[0] == "worker 12 begins" and told[-1] == "worker 13 begins"
    assert [line for line in told if line in brief] == brief and not set(told) & set(LEGEND)


def test_a_report_is_not_cut_in_the_middle_by_its_own_legend() -> None:
    legend = [f"  0x{number:012x}: 00 00 00 00 00 00 00 00 00 00 00 00" for number in range(60)]
    text = "\n".join([*OVERFLOW[:-6], LEGEND[0], *legend, *LEGEND[3:]])
    assert SUMMARY in quoted("", text) and "left out" not in quoted("", text)


def test_other_messages_stay_as_they_are() -> None:
    text = "client: cannot connect\n  #1 of 3 tries\n"
    assert sanitizer_report(text) is None and without_legend(text) == text
