"""Describing the machine."""

import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path

from bench.results import Machine

PACKAGES = ("keyturn", "uvloop", "httptools", "msgspec")


def describe() -> Machine:
    """Return what matters for the numbers."""
    versions = {
        "nginx": _first(["nginx", "-v"], r"nginx/(\S+)"),
        "wrk": _first(["wrk", "-v"], r"wrk (?:debian/)?(\S+)"),
    }
    versions |= {"Python": platform.python_version()} | {name: metadata.version(name) for name in PACKAGES}
    return Machine(
        cpu=_match(Path("/proc/cpuinfo").read_text(), r"model name\s*: (.+)"),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30,
        kernel=platform.release(),
        load=os.getloadavg()[0],
        versions=versions,
    )


def _first(command: list[str], pattern: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except FileNotFoundError:
        return "not installed"
    return _match(done.stdout + done.stderr, pattern)


def _match(text: str, pattern: str) -> str:
    found = re.search(pattern, text)
    return found[1].strip() if found else "unknown"
