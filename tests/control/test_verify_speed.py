"""How long a verification takes inside the control process."""

import http.client
import socket
import statistics
import time
from pathlib import Path

import msgspec

from fakes.control_process import ControlProcess

KEYS, ROUNDS = 200, 6
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


def ask(connection: UnixConnection, key: str, body: bytes) -> float:
    """Verify a key; return how many milliseconds it took."""
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    began = time.perf_counter()
    connection.request("POST", "/api/v1/keys/verify", body=body, headers=headers)
    answer = connection.getresponse().read()
    taken = (time.perf_counter() - began) * 1000
    assert b'"valid":true' in answer
    return taken


def test_a_verification_takes_less_than_a_millisecond(control: ControlProcess) -> None:
    """It comes before every request of somebody's API. The caller is a key, as in life, not the operator."""
    created = [
        control.operator.post("/api/v1/keys", json={"name": f"v{n}"}).json()["key"] for n in range(KEYS)
    ]
    bodies = [
        msgspec.json.encode({"key": key, "permissions": ["read"], "ip": "192.0.2.1"}) for key in created
    ]
    connection = UnixConnection(control.data.relay_socket)

    rounds = [[ask(connection, created[0], body) for body in bodies] for _ in range(ROUNDS)]
    connection.close()

    # The best of some rounds: whatever else runs on the machine is not what is measured.
    assert min(statistics.median(one) for one in rounds) < SOUGHT_MS
