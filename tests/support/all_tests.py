"""Runs all tests as ``make test`` does: most of them side by side, then one after the other those that measure time.

``python tests/support/all_tests.py [ARGUMENTS OF PYTEST]``; the last line sums up all runs.
"""

import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

TESTS = Path(__file__).parents[1]
PYTEST = ("-m", "pytest")
TRACED = ("-m", "coverage", "run", *PYTEST)
PASSED, NOTHING = 0, 5
"""Exit statuses of pytest."""

ALONE = ("tests/node/test_interrupt.py", "tests/node/test_supervisor.py")
"""What has bounds on time: nothing else may run beside it."""
TIMED = (
    "tests/browser/test_every_page.py",
    "tests/control/test_many_keys.py",
    "tests/control/test_verify_speed.py",
    "tests/clients/test_limits.py",
    "tests/faults/test_full_disk.py",
    "tests/faults/test_kill.py",
    "tests/faults/test_limits.py",
    "tests/faults/test_memory.py",
    "tests/faults/test_revocation.py",
    "tests/faults/test_rotation.py",
    "tests/faults/test_slow_worker.py",
    "tests/faults/test_totals.py",
    "tests/gateway/test_routing_wait.py",
)
"""What has bounds on time too, or loads a node as far as the machine goes.

It runs as users run it, without coverage, which takes half of the machine: the bounds are to judge the program and not
the tracer. Nearly every line that it runs is run by other tests as well.
"""
WHOLE = (
    "tests/faults",
    "tests/browser",
    "tests/clients",
    "tests/control/test_isolation.py",
    "tests/control/test_page_roles.py",
    "tests/control/test_process.py",
    "tests/control/test_reach_of_pages.py",
    "tests/control/test_reach_of_people.py",
    "tests/control/test_roles.py",
    "tests/gateway/test_behind_nginx.py",
    "tests/gateway/test_budgets.py",
    "tests/gateway/test_forms.py",
    "tests/gateway/test_tls.py",
    "tests/gateway/test_trusted_proxies.py",
    "tests/node",
    "tests/architecture",
    "tests/property",
)
"""What starts nodes again and again, drives a browser, tries every route with everybody, or computes for long: side by side,
and without coverage for the same reason."""
SHORT = "tests/unit"
"""Comes last: where many short files are left at the end, no process has one that takes minutes to itself."""
SIDE_BY_SIDE = ("--dist", "loadfile", "--no-loadscope-reorder")
"""In the order in which they are named: xdist would begin with the files of most tests, which are the quickest."""
MORE_THAN_CORES = str((os.cpu_count() or 1) + 1)
"""Who starts nodes waits for them: until a process is ready, has drained, has run out of patience."""
FOLDERS = tuple(
    sorted(
        {f"tests/{path.relative_to(TESTS).parts[0]}" for path in TESTS.glob("*/**/test_*.py")}
        - {SHORT, *WHOLE}
    )
)
"""All others, but for those that are listed whole; pytest does not ignore what it is also told to take."""
TOGETHER = ("-n", "auto", *SIDE_BY_SIDE, *FOLDERS, SHORT, *(f"--ignore={path}" for path in (*WHOLE, *TIMED)))
UNTRACED = ("-n", MORE_THAN_CORES, *SIDE_BY_SIDE, *WHOLE, *(f"--ignore={path}" for path in (*ALONE, *TIMED)))
RUNS = ((*TRACED, *TOGETHER), (*TRACED, *ALONE), (*PYTEST, *UNTRACED), (*PYTEST, *TIMED))

_SUMMARY = re.compile(r"=* ?((?:\d+ [a-z]+(?:, )?)+|no tests ran) in [\d.]+s\b")
_ONE = {"error": "errors", "warning": "warnings"}
_ORDER = ("failed", "passed", "skipped", "deselected", "xfailed", "xpassed", "warnings", "errors")
_WIDTH = 80


def run(arguments: Sequence[str]) -> tuple[int, str]:
    """Run Python once with pytest and show what it says; return its exit status and its last line that is not empty."""
    last = ""
    with subprocess.Popen(
        (sys.executable, *arguments), stdout=subprocess.PIPE, encoding="utf-8", errors="replace"
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                sys.stdout.write(line)
                sys.stdout.flush()
                last = line.strip() or last
        except KeyboardInterrupt:
            # It came to pytest too, which now says what it knows.
            sys.stdout.write(process.stdout.read())
    return process.returncode, last


def counts(line: str) -> Counter[str] | None:
    """Return what pytest's last line says by outcome, or ``None`` if it is not one: pytest did not get so far."""
    found = _SUMMARY.match(line)
    if found is None:
        return None
    words = re.findall(r"(\d+) ([a-z]+)", found[1])
    return Counter({_ONE.get(outcome, outcome): int(number) for number, outcome in words})


def summed_up(ended: Sequence[tuple[int, str]], *, took_s: float) -> tuple[int, str]:
    """Return the exit status and the last line for several runs.

    Args:
        ended: Status and last line of each.
        took_s: How long they took.
    """
    total: Counter[str] = Counter()
    broken = []
    for status, line in ended:
        found = counts(line)
        total.update(found or {})
        if found is None or (status not in (PASSED, NOTHING) and not found["failed"] + found["errors"]):
            broken.append(f"a run ended with status {status}")
    said = [f"{total[outcome]} {outcome}" for outcome in _ORDER if total[outcome]]
    words = ", ".join(said + broken) or "no tests ran"
    worst = max((status for status, _ in ended if status != NOTHING), default=NOTHING)
    minutes, seconds = divmod(int(took_s), 60)
    line = f" {words} in {took_s:.2f}s ({minutes // 60}:{minutes % 60:02}:{seconds:02}) "
    return worst or int(bool(broken)), line.center(_WIDTH, "=")


def main(arguments: Sequence[str]) -> int:
    """Run everything; return the exit status."""
    began, ended = time.monotonic(), []
    for one in RUNS:
        ended.append(run((*one, *arguments)))
        if ended[-1][0] not in (PASSED, NOTHING) and "-x" in arguments:
            break
    status, line = summed_up(ended, took_s=time.monotonic() - began)
    sys.stdout.write(line + "\n")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
