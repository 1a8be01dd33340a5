"""The worker's end of the bus, where the other end is in no hurry."""

import asyncio
from pathlib import Path

from keyturn import bus, system
from keyturn.config.sections import Settings
from keyturn.domain.bodies import LONGEST_BODY, Body, Exchanged
from keyturn.gateway.bus_client import MOST_WAITING, BusClient
from keyturn.gateway.journal import Journal
from keyturn.gateway.plane import Plane

BODY = Body(b"x" * LONGEST_BODY, False)
BODIES = bus.Bodies(Exchanged("req_1", "key_1", BODY, BODY))


async def test_bodies_are_lost_before_they_pile_up_and_what_matters_is_sent(tmp_path: Path) -> None:
    """A control process that hangs must cost a worker neither its memory nor a confirmation."""
    connected = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(4)
        connected.set()
        await ended.wait()
        writer.close()

    ended = asyncio.Event()
    server = await asyncio.start_unix_server(hang, tmp_path / "bus.sock")
    client, tasks = BusClient(str(tmp_path / "bus.sock"), "1-abc", cached_keys=9), system.Tasks()
    journal = Journal(tmp_path, "1-abc", 1 << 16)
    plane = Plane(
        Settings(),
        journal,
        client.keys,
        control_socket=tmp_path / "none.sock",
        tasks=tasks,
        send=client.send,
        later=lambda _s, _call: None,
    )
    unconnected = client.send(BODIES)
    tasks.spawn(client.run(plane), name="bus")
    await connected.wait()

    sent = [client.send(BODIES) for _ in range(2 * MOST_WAITING // len(bus.encode(BODIES)))]
    confirmed = client.send(bus.Confirmed(1))
    ended.set()
    await tasks.cancel()
    plane.close()
    journal.close()
    server.close()

    assert not unconnected
    assert sent[0]
    assert not sent[-1]
    assert sum(sent) * 2 * LONGEST_BODY <= MOST_WAITING + (1 << 20)  # some are in the sockets
    assert confirmed
