"""A full disk stops what can't be counted, and nothing else; room brings it back."""

import itertools
import subprocess
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

import pytest

from fakes.demo_upstream import demo_upstream
from fakes.load import Load, plain
from faults import books
from support.node import Node, running, until

DISK_MIB = 24
SEGMENT_BYTES = 262_144
UNAVAILABLE = "Usage can't be recorded at the moment, so nothing is served"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder for a node whose data directory is a file system of its own."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m,mode=0700", "tmpfs", str(data)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("only who may mount a file system can fill one without harm")
    yield tmp_path
    subprocess.run(["umount", str(data)], check=True)


def write_on(file: FileIO, piece: bytes) -> None:
    """Write until that fails."""
    while True:
        file.write(piece)


def fill(path: Path) -> None:
    """Leave no room."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 4_096, 1):
            with pytest.raises(OSError, match="No space left"):
                write_on(file, bytes(size))


def test_nothing_is_served_that_can_not_be_counted(small_disk: Path) -> None:
    """Free use of the operator's account is the one thing that a full disk must not mean."""
    node = Node(small_disk, workers=2, demo=False, journal__segment_bytes=str(SEGMENT_BYTES))
    with demo_upstream(log=small_disk / "served.log") as upstream, running(node):
        node.manage("POST", "/api/v1/upstreams", body={"name": "provider", "base_url": upstream.url})
        ballast = node.data / "ballast"
        with Load(node.port, node.key, itertools.repeat(plain()), clients=8) as load:
            until(lambda: len(load.outcomes) > 100)

            fill(ballast)
            # What is stored makes room for a little more now and then, so that refusals need not be in a row.
            until(lambda: load.tally()["503"] > 1_000, within_s=30, what="refusals")

            ballast.unlink()
            until(lambda: {one.said for one in load.outcomes[-50:]} == {"200"}, within_s=30, what="recovery")

        assert {one.said for one in load.outcomes} == {"200", UNAVAILABLE}
        assert {one.status for one in load.outcomes} == {200, 503}
        accepted = {one.request_id for one in load.outcomes if one.served}
        assert {entry["request_id"] for entry in upstream.served()} == accepted
        until(lambda: books.total(node) == len(accepted), what="ingest")
        found = books.read(node.data)
        found.check()
        assert found.by_id.keys() == accepted
        assert {request.source for request in found.requests} == {"reported"}
        assert node.stop() == 0
        assert not books.journals(node.data)
        errors = node.errors.read_text()
        assert "Traceback" not in errors
        assert 0 < errors.count("no room for the journal") < 20
