"""How long a verification takes inside the control process."""

import http.client
import socket
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from fakes.control_process import ControlProcess, control_process

KEYS, ROUNDS = 200, 50
SOUGHT_MS = 1.0


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket, with a client that costs next to nothing."""

    def __init__(self, path: Path) -> None:
        super().__init__("keyturn")
        self._path = path

    def connect(self) -> None:
        """Connect."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


@pytest.fixture
def untraced(tmp_path: Path) -> Iterator[ControlProcess]:
    """A control process as users run it: what coverage takes is not what is measured."""
    with control_process(tmp_path / "data", traced=False) as found:
        yield found


def ask(connection: UnixConnection, key: str, body: bytes) -> float:
    """Verify a key; return how many milliseconds it took."""
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    began = time.perf_counter()
    connection.request("POST", "/api/v1/keys/verify", body=body, headers=headers)
    answer = connection.getresponse().read()
    taken = (time.perf_counter() - began) * 1000
    assert b'"valid":true' in answer
    return taken


def test_a_verification_takes_less_than_a_millisecond(untraced: ControlProcess) -> None:
    """It comes before every request of somebody's API. The caller is a key, as in life, not the operator."""
    created = [
        untraced.operator.post("/api/v1/keys", json={"name": f"v{n}"}).json()["key"] for n in range(KEYS)
    ]
    bodies = [
        msgspec.json.encode({"key": key, "permissions": ["read"], "ip": "192.0.2.1"}) for key in created
    ]
    connection = UnixConnection(untraced.data.relay_socket)

    # The best of some rounds: whatever else runs on the machine is not what is measured.
    medians: list[float] = []
    while min(medians, default=SOUGHT_MS) >= SOUGHT_MS and len(medians) < ROUNDS:
        medians.append(statistics.median(ask(connection, created[0], body) for body in bodies))
    connection.close()

    assert min(medians) < SOUGHT_MS, medians
