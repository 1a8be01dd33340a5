"""Several runs of pytest told of as one: what CI goes by."""

from collections import Counter
from collections.abc import Sequence

import pytest

from support.all_tests import NOTHING, RUNS, TESTS, counts, summed_up

PASSED = (0, "====== 6947 passed, 2 skipped in 266.59s (0:04:26) ======")
FAILED = (1, "===== 1 failed, 12 passed, 1 warning, 10 errors in 7.32s =====")
EMPTY = (NOTHING, "========= 12870 deselected in 3.10s =========")


def test_the_last_line_adds_up_what_the_runs_said() -> None:
    """Nobody looks for the last line of an earlier run in thousands."""
    status, line = summed_up([PASSED, FAILED], took_s=3_725.5)

    words = "1 failed, 6959 passed, 2 skipped, 1 warnings, 10 errors in 3725.50s (1:02:05)"
    assert (status, line.strip("= ")) == (1, words)


@pytest.mark.parametrize("runs", [(PASSED, FAILED), (FAILED, PASSED), (FAILED, EMPTY), (EMPTY, FAILED)])
def test_a_failure_in_one_run_is_the_failure_of_all(runs: list[tuple[int, str]]) -> None:
    """Wherever it is."""
    status, line = summed_up(runs, took_s=1)

    assert status == 1
    assert "1 failed" in line


def test_a_run_that_finds_nothing_is_no_failure_beside_one_that_does() -> None:
    """``ARGS="-k name"`` picks from one of them only, as a rule."""
    assert summed_up([EMPTY, PASSED], took_s=1)[0] == 0
    assert summed_up([PASSED, EMPTY], took_s=1)[0] == 0


def test_nothing_found_anywhere_is_a_failure() -> None:
    """Pytest says so of a single run: a name was mistyped."""
    status, line = summed_up([(NOTHING, "==== no tests ran in 0.11s ===="), EMPTY], took_s=1)

    assert status == NOTHING
    assert "12870 deselected in" in line


@pytest.mark.parametrize(
    "broken",
    [
        (4, "ERROR: file or directory not found: tests/nowhere"),
        (3, "INTERNALERROR> RuntimeError"),
        (-9, "tests/unit/test_bus.py ....."),
        (0, ""),
        (2, "====== 12 passed in 1.00s ======"),
    ],
)
def test_a_run_that_broke_off_is_said_and_fails(broken: tuple[int, str]) -> None:
    """The sum of the others must not look like success."""
    status, line = summed_up([PASSED, broken], took_s=1)

    assert status != 0
    assert f"a run ended with status {broken[0]}" in line


def test_other_lines_are_no_summary() -> None:
    """They may hold numbers too."""
    assert counts("12 passed the exam") is None
    assert counts("") is None
    assert counts("=== no tests ran in 0.01s ===") == {}


def test_every_test_is_in_one_run_and_no_more() -> None:
    """What no run names would never be missed."""
    files = [str(path.relative_to(TESTS.parent)) for path in TESTS.rglob("test_*.py")]

    runs = Counter({file: sum(_picks(run, file) for run in RUNS) for file in files})

    assert len(runs) > 400
    assert {file: count for file, count in runs.items() if count != 1} == {}


def _picks(run: Sequence[str], file: str) -> bool:
    paths = {word for word in run if word.startswith("tests/")}
    ignored = {word.removeprefix("--ignore=") for word in run if word.startswith("--ignore=")}
    assert not paths & ignored, "pytest does not ignore what it is told to take"
    return _within(file, paths) and not _within(file, ignored)


def _within(file: str, places: set[str]) -> bool:
    return any(file == place or file.startswith(f"{place}/") for place in places)
