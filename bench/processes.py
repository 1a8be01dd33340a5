"""What the kernel says about processes: who started whom, CPU time used, memory held."""

import os
import re
import resource
import socket
import subprocess
import time
from pathlib import Path

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def raise_open_files() -> int:
    """Raise this process's limit on open files, which its children inherit, as far as allowed; return it."""
    soft_limit, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft_limit != hard_limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))
    return hard_limit


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def tree(root: int) -> list[int]:
    """Return a process and all its living descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields:
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for process in found:
        found += children.get(process, [])
    return found


def command(process: int) -> str:
    """Return a process's command line; empty when it is gone."""
    try:
        return (
            Path(f"/proc/{process}/cmdline")
            .read_bytes()
            .replace(b"\0", b" ")
            .decode(errors="replace")
            .strip()
        )
    except OSError:
        return ""


def cpu_s(root: int) -> float:
    """Return the CPU time, user and system, of a process and its descendants, those that have ended included.

    Source: proc_pid_stat(5), fields utime, stime, cutime and cstime.
    """
    return own_cpu_s(tree(root))


def own_cpu_s(processes: list[int]) -> float:
    """Return the CPU time of these processes and of their children that have ended."""
    return sum(sum(map(int, _stat(process)[11:15])) for process in processes) * TICK_S


def settled_cpu_s(root: int, *, patience_s: float = 10.0) -> float:
    """Wait until the processes have finished what is left of their work, and return their CPU time.

    Keyturn writes usage to its database after the answer is out; that work belongs to the requests.
    """
    deadline = time.monotonic() + patience_s
    before = cpu_s(root)
    while time.monotonic() < deadline:
        time.sleep(0.25)
        after = cpu_s(root)
        if after - before <= TICK_S:
            return after
        before = after
    return before


def resident_bytes(processes: list[int]) -> int:
    """Return the resident memory of processes, shared pages counted in each."""
    total = 0
    for process in processes:
        try:
            total += int(Path(f"/proc/{process}/statm").read_text().split()[1]) * PAGE_BYTES
        except OSError:
            continue
    return total


def anonymous_bytes(processes: list[int]) -> int:
    """Return the resident memory of processes that no file stands behind: what they have asked for themselves.

    Source: proc_pid_status(5), RssAnon.
    """
    total = 0
    for process in processes:
        try:
            status = Path(f"/proc/{process}/status").read_text()
        except OSError:
            continue
        found = re.search(r"^RssAnon:\s*(\d+) kB$", status, re.MULTILINE)
        total += int(found[1]) * 1024 if found else 0
    return total


def _stat(process: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the third, the state, on; empty when it is gone."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def stop(process: subprocess.Popen[str]) -> None:
    """End a process, by force when it does not listen."""
    process.terminate()
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def environment(data: Path) -> dict[str, str]:
    """Return the variables of a node with this data directory: those of now that do not change what it does."""
    kept = {name: value for name, value in os.environ.items() if not _is_foreign(name)}
    return kept | {"KEYTURN_DATA": str(data)}


def _is_foreign(name: str) -> bool:
    """Say whether a variable would change what the node does."""
    return name.startswith("KEYTURN_") or name.endswith("_API_KEY") or name.lower().endswith("_proxy")
