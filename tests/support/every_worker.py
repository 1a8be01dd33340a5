"""A question to each worker of a node: the kernel chooses who gets a connection, so it is asked until all have had one."""

import socket
import struct
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx

from support.node import NO_TLS, Node, until


def statuses_of_every_worker(node: Node, path: str, headers: dict[str, str] | None = None) -> set[int]:
    """Ask on one new connection after the other until each worker has answered; return the statuses."""
    workers = set(node.worker_pids())
    seen: dict[int, set[int]] = {}
    with ExitStack() as connections:

        def ask() -> bool:
            client = connections.enter_context(httpx.Client(verify=NO_TLS, timeout=20))
            answer = client.get(f"{node.url}{path}", headers=headers)
            seen.setdefault(_at_the_other_end(answer, workers), set()).add(answer.status_code)
            return set(seen) == workers

        until(ask, what="an answer of each worker")
    return set().union(*seen.values())


def _at_the_other_end(answer: httpx.Response, pids: set[int]) -> int:
    """Return which of some processes holds the connection of an answer; it must be open still."""
    stream = answer.extensions["network_stream"]
    ends = [_written(stream.get_extra_info(name)) for name in ("server_addr", "client_addr")]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        members = line.split()
        if members[1:3] == ends:
            mark = f"socket:[{members[9]}]"
            [found] = [pid for pid in pids if mark in _open_files(pid)]
            return found
    raise AssertionError(f"no connection between {ends}")


def _written(address: tuple[str, int]) -> str:
    """Write an address as the kernel does."""
    [number] = struct.unpack("=I", socket.inet_aton(address[0]))
    return f"{number:08X}:{address[1]:04X}"


def _open_files(pid: int) -> set[str]:
    found = set()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.add(str(path.readlink()))
    return found
