"""The control process: starting, stopping, being killed."""

import asyncio
import signal
import stat
from pathlib import Path

import httpx
import msgspec
import pytest
from sqlalchemy import text

from fakes.bus_worker import BusWorker
from fakes.control_process import ControlProcess, control_process, launch
from fakes.provider import provider
from fakes.usage_records import WorkerJournal, admitted, served
from keyturn import bus
from keyturn.domain import verifier
from keyturn.domain.permissions import Permission
from keyturn.store.engine import open_store


def key_id(control: ControlProcess) -> str:
    """Return the identifier of the first key."""
    found: str = control.operator.get("/api/v1/keys/default").json()["data"]["id"]
    return found


async def test_a_worker_learns_who_holds_the_first_key(fresh: ControlProcess) -> None:
    """The stranger's first request, seen from inside."""
    worker = await BusWorker.connect(fresh.data.bus_socket)
    snapshot = await worker.snapshot()

    found = await worker.look(verifier.digest(fresh.first_key.encode()))

    assert snapshot.locations == {"header", "query", "body"}
    assert found.record is not None
    assert (found.record.name, found.record.permissions) == ("default", frozenset({Permission.READ}))
    await worker.close()


def test_its_files_are_for_their_owner_only(fresh: ControlProcess) -> None:
    """The mode of the control socket is the operator's check; the bus carries credentials."""
    root = fresh.data.root

    open_to_others = [path for path in (root, *root.rglob("*")) if path.stat().st_mode & 0o077]

    assert open_to_others == []
    for socket in (fresh.data.bus_socket, fresh.data.relay_socket, fresh.data.control_socket):
        assert stat.S_ISSOCK(socket.stat().st_mode)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(fresh: ControlProcess, how: signal.Signals) -> None:
    """The supervisor drains it."""
    assert fresh.end(how) == 0


def test_it_ends_when_its_supervisor_does(fresh: ControlProcess) -> None:
    """An orphan would hold the sockets of the next node."""
    assert fresh.hang_up() == 0


def test_a_second_start_after_a_kill_keeps_everything_and_shows_no_key(tmp_path: Path) -> None:
    """The sockets that a kill leaves behind are in the way of nobody."""
    data = tmp_path / "data"
    with control_process(data) as first:
        first.operator.post("/api/v1/keys", json={"name": "kept"})
        assert first.end(signal.SIGKILL) == -signal.SIGKILL

    with control_process(data) as second:
        names = [key["name"] for key in second.operator.get("/api/v1/keys").json()["data"]]

    assert second.first_key == ""
    assert sorted(names) == ["default", "kept"]


@pytest.mark.parametrize("name", ["pepper-1"])
def test_a_missing_secret_file_refuses_the_start_in_one_line(tmp_path: Path, name: str) -> None:
    """Starting anyway would answer 401 to every client."""
    data = tmp_path / "data"
    with control_process(data) as first:
        first.end()
    (data / "secrets" / name).unlink()

    process, said, log = launch(data)
    process.communicate(timeout=20)

    assert (process.returncode, said) == (1, b"")
    [line] = [one for one in log.read_text().splitlines() if "can't start" in one]
    assert f"{name} is missing" in msgspec.json.decode(line)["why"]


async def test_a_newer_database_refuses_the_start(tmp_path: Path) -> None:
    """An old program must not write into a schema that it does not know."""
    data = tmp_path / "data"
    with control_process(data) as first:
        first.end()
    store = await open_store(data / "keyturn.db")
    async with store.writing() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await store.close()

    process, said, _ = launch(data)
    process.communicate(timeout=20)

    assert (process.returncode, said) == (1, b"")


async def test_garbage_on_the_bus_harms_nobody(fresh: ControlProcess) -> None:
    """One sick worker must not take management down."""
    for garbage in (b"\xff" * 100, b"GET / HTTP/1.1\r\n\r\n", bus.encode(bus.Hello("1-x", 1))[:-1]):
        reader, writer = await asyncio.open_unix_connection(fresh.data.bus_socket)
        writer.write(garbage)
        writer.write_eof()
        await reader.read()
        writer.close()

    worker = await BusWorker.connect(fresh.data.bus_socket)

    assert (await worker.snapshot()).sequence > 0
    await worker.close()


@pytest.mark.parametrize(
    "raw", [b"\x00" * 200, b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n"]
)
async def test_garbage_on_a_web_socket_harms_nobody(fresh: ControlProcess, raw: bytes) -> None:
    """Never a hang, never an exit."""
    for path in (fresh.data.relay_socket, fresh.data.control_socket):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(raw)
        writer.write_eof()
        await reader.read()
        writer.close()

    assert fresh.operator.get("/healthz").status_code == 200


def test_usage_is_exact_through_kills_at_any_moment(tmp_path: Path) -> None:
    """Nothing served goes uncounted, nothing is counted twice: kills fall before, in and after transactions."""
    data = tmp_path / "data"
    written = 0
    with control_process(data) as first:
        owner = key_id(first)
        worker = WorkerJournal(first.data.journals, segment_bytes=1 << 19)
        first.end()

    for number in range(6):
        process, _, _ = launch(data)
        for _ in range(600):
            begun = admitted(key_id=owner)
            worker.write(begun, served(begun))
            written += 1
        if number % 2:
            with httpx.Client(
                transport=httpx.HTTPTransport(uds=str(data / "run" / "control.sock")), timeout=20
            ) as client:
                client.get("http://node/api/v1/usage")
        process.kill()
        process.communicate()
    worker.write(admitted(key_id=owner))
    worker.close()

    with control_process(data) as last:
        usage = last.operator.get("/api/v1/usage").json()["data"]
        shown = last.operator.get(f"/api/v1/keys/{owner}").json()["data"]["usage"]

    assert usage["total"]["requests"] == shown["requests"] == written + 1
    assert usage["total"]["recovered"] == 1
    assert usage["rows"][0]["key_name"] == "default"
    assert list((data / "journals").iterdir()) == []


async def test_a_call_under_way_is_answered_before_the_end(fresh: ControlProcess) -> None:
    """A drain must not cut an operator's call in two."""
    async with provider() as there:
        there.says(b'{"data":[{"id":"m"}]}')
        there.hold = asyncio.Event()
        body = {"name": "slow", "base_url": there.base_url}
        calling = asyncio.to_thread(fresh.operator.post, "/api/v1/upstreams", json=body)
        call = asyncio.get_running_loop().create_task(calling)
        await there.asked.wait()

        fresh.process.send_signal(signal.SIGTERM)
        there.hold.set()
        answer = await call

    assert (answer.status_code, answer.json()["data"]["models"]) == (201, ["m"])
    assert fresh.wait() == 0


def test_no_secret_reaches_a_file(tmp_path: Path) -> None:
    """Logs are shipped, databases are copied."""
    data = tmp_path / "data"
    with control_process(data, provider_keys={"openai": "sk-provider-0123456789"}) as control:
        created = control.operator.post("/api/v1/keys", json={"name": "a", "preset": "admin"}).json()["key"]
        added = {
            "name": "x",
            "base_url": "http://127.0.0.1:9/v1",
            "api_key": "credential-abcdef",
            "models": ["m"],
        }
        control.operator.post("/api/v1/upstreams", json=added)
        control.operator.post("/api/v1/upstreams/x/test")
        control.relayed.get("/api/v1/keys", headers={"authorization": f"Bearer {created}"})
        control.relayed.get(f"/api/v1/nothing?api_key={created}")
        control.relayed.post("/api/v1/keys", headers={"x-api-key": created}, content=f'{{"name":"{created}",')
        secrets = [control.first_key, created, "sk-provider-0123456789", "credential-abcdef"]
        shown = control.operator.get("/api/v1/upstreams").text + control.operator.get("/api/v1/node").text
        control.end()

    kept = [control.log.read_bytes(), shown.encode()]
    kept += [path.read_bytes() for path in data.rglob("*") if path.is_file()]

    found = [secret for secret in secrets for text_ in kept if secret.encode() in text_]
    assert found == []
