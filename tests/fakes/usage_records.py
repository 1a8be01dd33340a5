"""Usage records for tests, and a worker's journal that takes them."""

import itertools
from pathlib import Path
from typing import Any

import msgspec

from keyturn import system
from keyturn.domain import ids
from keyturn.domain.journal import ADMITTED, SERVED, Admitted, Record, Refused, Served
from keyturn.gateway.journal import Journal

START_MS = system.now_ms() // 86_400_000 * 86_400_000
"""This morning: what is older than a month is not kept."""
KEY = "key_00000000000000000001"
_numbers = itertools.count(1)


def request_id(at_ms: int = START_MS) -> str:
    """Return an identifier never returned before."""
    return ids.mint(ids.REQUEST, now_ms=at_ms, entropy=next(_numbers))


def admitted(**changes: Any) -> Admitted:
    """Return a request that was let in a moment ago."""
    record = Admitted(
        request_id=request_id(),
        key_id=KEY,
        model="demo-chat",
        upstream="demo",
        operation="chat",
        started_us=START_MS * 1000,
        input_tokens=10,
        output_tokens=100,
        cost_nano_usd=7_000,
        address="127.0.0.1",
    )
    return msgspec.structs.replace(record, **changes)


def served(of: Admitted | None = None, **changes: Any) -> Served:
    """Return the end of a request."""
    begun = of or admitted()
    record = Served(
        request_id=begun.request_id,
        key_id=begun.key_id,
        model=begun.model,
        upstream=begun.upstream,
        upstream_model=begun.model,
        operation=begun.operation,
        status=200,
        started_us=begun.started_us,
        auth_us=20,
        sent_us=50,
        first_byte_us=400,
        total_us=900,
        input_tokens=9,
        output_tokens=21,
        cached_tokens=3,
        reasoning_tokens=0,
        cost_nano_usd=5_000,
        priced=True,
        source="reported",
        streamed=False,
        outcome="ok",
        location="authorization",
        address=begun.address,
    )
    return msgspec.structs.replace(record, **changes)


def refused(**changes: Any) -> Refused:
    """Return a request that was refused a moment ago."""
    record = Refused(
        request_id=request_id(),
        key_id=KEY,
        reason="disabled_api_key",
        status=401,
        at_us=START_MS * 1000,
        operation="chat",
        path="/v1/chat/completions",
        model="",
        location="authorization",
        address="127.0.0.1",
        detail="This API key is disabled",
    )
    return msgspec.structs.replace(record, **changes)


def payload(record: Record) -> bytes:
    """Return a record as it stands in a journal."""
    return msgspec.msgpack.encode(record)


class WorkerJournal:
    """A real worker's journal. It is locked until ``close``, as if the worker had died there."""

    def __init__(self, folder: Path, worker: str = "1-aaaa", segment_bytes: int = 1 << 20) -> None:
        self.folder = folder
        self.worker = worker
        self._journal = Journal(folder, worker, segment_bytes)
        self._closed = False

    def write(self, *records: Record) -> None:
        """Append records."""
        for record in records:
            if isinstance(record, Admitted):
                self._journal.admitted((ADMITTED, *msgspec.structs.astuple(record)))
            elif isinstance(record, Refused):
                assert self._journal.note(record)
            else:
                self._journal.served((SERVED, *msgspec.structs.astuple(record)))

    def files(self) -> list[str]:
        """Return the names of the worker's files that are there."""
        return sorted(path.name for path in self.folder.glob(f"{self.worker}.*"))

    def close(self) -> None:
        """End the worker; again is nothing."""
        if not self._closed:
            self._closed = True
            self._journal.close()
