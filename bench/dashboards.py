"""What open dashboards cost: the same requests with no page open and with 50, in turns, on one node.

Half of the pages show requests as they come in, half only figures.
"""

import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench import load, processes
from bench.results import Dashboards
from bench.subjects import Failure, Subject
from bench.visits import sign_in
from keyturn.control.dashboard.live import MOST_OF_ONE_SESSION

OPEN = 50
PER_SESSION = MOST_OF_ONE_SESSION // 2
"""So that pages find room while the node is still to notice that those before them were closed."""
WARM_S = 1
AT_REST_S = 5.0
OPEN_WITHIN_S = 10.0
_READ = 1 << 16


class Pages:
    """Open pages that read what they are told."""

    def __init__(self, port: int, cookies: list[str]) -> None:
        self._selector = selectors.DefaultSelector()
        self._sockets: list[socket.socket] = []
        self._done = False
        self.events = 0
        """Events that came, of all pages."""
        self.told: set[int] = set()
        """The pages that have got figures."""
        self.ended = 0
        """Streams that the node has ended."""
        for number in range(OPEN):
            page = socket.create_connection(("127.0.0.1", port))
            query = "?rows=1" if number % 2 else ""
            page.sendall(
                f"GET /dashboard/live{query} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"
                f"cookie: {cookies[number // PER_SESSION]}\r\n\r\n".encode()
            )
            self._sockets.append(page)
            self._selector.register(page, selectors.EVENT_READ, number)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Close them all."""
        self._done = True
        self._thread.join()
        for page in self._sockets:
            page.close()
        self._selector.close()

    def _read(self) -> None:
        while not self._done:
            for key, _ in self._selector.select(timeout=0.1):
                data = self._sockets[key.data].recv(_READ)
                if not data:
                    self._selector.unregister(key.fileobj)
                if not data or b"event: end" in data:
                    self.ended += 1
                if b"event: counters" in data:
                    self.told.add(key.data)
                self.events += data.count(b"event: ")


def measure(subject: Subject, *, rounds: int, seconds: float, note: Callable[[str], None]) -> Dashboards:
    """Measure a running node whose dashboard nobody has set up.

    Args:
        subject: The node.
        rounds: How often both have their turn.
        seconds: How long a turn lasts.
        note: Told what is being done.
    """
    cookies = sign_in(subject, -(-OPEN // PER_SESSION))
    load.wrk(subject, headers="sdk", seconds=WARM_S)
    taken: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    events = 0
    for number in range(rounds):
        for watched in (False, True) if number % 2 == 0 else (True, False):
            note(f"dashboards, round {number + 1} of {rounds}: {OPEN if watched else 0} open")
            if watched:
                with _watching(subject, cookies) as pages:
                    taken[True].append(_cpu_us(subject, seconds))
                    events += pages.events
            else:
                taken[False].append(_cpu_us(subject, seconds))
    note("dashboards, at rest")
    with _watching(subject, cookies):
        before = processes.settled_cpu_s(subject.process)
        time.sleep(AT_REST_S)
        at_rest = (processes.cpu_s(subject.process) - before) / AT_REST_S
    return Dashboards(
        pages=OPEN,
        alone_us=[both for both, _ in taken[False]],
        watched_us=[both for both, _ in taken[True]],
        workers_alone_us=[own for _, own in taken[False]],
        workers_watched_us=[own for _, own in taken[True]],
        events=events,
        at_rest_share=at_rest,
    )


def _cpu_us(subject: Subject, seconds: float) -> tuple[float, float]:
    """Return the CPU time of a request, in all processes and in the workers."""
    before, workers = processes.settled_cpu_s(subject.process), subject.workers()
    workers_before = processes.own_cpu_s(workers)
    outcome = load.wrk(subject, headers="sdk", seconds=seconds)
    all_of_it = processes.settled_cpu_s(subject.process) - before
    return all_of_it * 1e6 / outcome.requests, (
        processes.own_cpu_s(workers) - workers_before
    ) * 1e6 / outcome.requests


@contextmanager
def _watching(subject: Subject, cookies: list[str]) -> Iterator[Pages]:
    pages = Pages(subject.port, cookies)
    try:
        deadline = time.monotonic() + OPEN_WITHIN_S
        while len(pages.told) < OPEN:
            if time.monotonic() > deadline:
                raise Failure(f"only {len(pages.told)} of {OPEN} dashboards were told anything")
            time.sleep(0.05)
        yield pages
        if pages.ended:
            raise Failure(f"{pages.ended} of {OPEN} dashboards were ended meanwhile")
    finally:
        pages.close()
