"""The demo upstream's own account of what it served, for tests that compare it with the gateway's usage."""

import os
from pathlib import Path

import msgspec

from keyturn.demo.replies import Served


class ServedLog:
    """One JSON object a line, each appended with one write, so that several processes can share the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def open(self) -> None:
        """Open the file, made if there is none."""
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def add(self, request_id: bytes, served: Served) -> None:
        """Append one answer.

        Args:
            request_id: ``x-request-id`` of the request as received; empty when there was none.
            served: What was answered.
        """
        line = {"request_id": request_id.decode("latin-1"), **msgspec.to_builtins(served)}
        os.write(self._descriptor, msgspec.json.encode(line) + b"\n")

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)
