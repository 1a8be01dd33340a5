"""A node that asks for no key, and where it refuses to be one."""

import asyncio
import signal

import pytest

from fakes.served_node import ServedNode

OPEN = "auth.required = false\n"


async def status_without_a_key(node: ServedNode) -> int:
    """Ask for the models."""
    async with node.client() as client:
        return (await client.get("/v1/models")).status_code


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104 -- what an operator may set
async def test_an_open_node_does_not_start_on_the_network(node: ServedNode, host: str) -> None:
    """Whoever finds the port would spend the operator's money (S3: think before exposing the proxy)."""
    (node.folder / "keyturn.toml").write_text(OPEN)

    ran = await node.run("serve", "--port", "0", "--host", host)

    assert ran.status == 1
    [line] = ran.err.strip().splitlines()
    assert line.startswith(f"keyturn: auth.required is false, and {host} is open to the network")
    assert "set auth.required = true, listen on 127.0.0.1, or say --allow-anonymous-on-network" in line
    assert ran.out == ""


async def test_an_open_node_starts_on_the_network_when_told_to(node: ServedNode) -> None:
    """The flag can be given by hand only: no file that is copied along opens a node."""
    (node.folder / "keyturn.toml").write_text(OPEN)

    await node.start("--host", "0.0.0.0", "--allow-anonymous-on-network")  # noqa: S104 -- the point

    assert "Warning: no key is needed (auth.required = false)" in node.out


async def test_an_open_node_on_this_machine_says_so(node: ServedNode) -> None:
    """At the start and in the doctor's report; models are called by anybody, and management still asks who it is."""
    (node.folder / "keyturn.toml").write_text(OPEN)
    await node.start()

    async with node.client() as client:
        anybody = await client.get("/v1/models")
        mistyped = await client.get("/v1/models", headers={"authorization": "Bearer sk-mistyped"})
        managed = await client.get("/api/v1/keys")
        created = await client.post("/api/v1/keys", json={"name": "mine"})
    doctor = await node.run("doctor")

    assert "Warning: no key is needed (auth.required = false)" in node.out
    assert (anybody.status_code, mistyped.status_code) == (200, 401)
    assert [answer.status_code for answer in (managed, created)] == [401, 401]
    assert doctor.status == 0, doctor.out
    assert "! no key is needed (auth.required = false)" in doctor.out


async def test_a_reload_does_not_open_a_node_on_the_network(node: ServedNode) -> None:
    """What is refused at the start is refused on SIGHUP, and the node goes on as it was."""
    await node.start("--host", "0.0.0.0")  # noqa: S104 -- the point
    (node.folder / "keyturn.toml").write_text('server.host = "127.0.0.1"\n' + OPEN)
    before, seen = len(node.errors()), set[int]()

    node.send(signal.SIGHUP)
    async with asyncio.timeout(30):
        while "open to the network" not in node.errors()[before:]:
            seen.add(await status_without_a_key(node))
    seen.add(await status_without_a_key(node))

    assert seen == {401}
    assert "everything goes on as it was" in node.errors()[before:]


@pytest.mark.parametrize("command", ["disable ended", "revoke ended --yes", "delete ended --yes"])
async def test_a_key_that_has_ended_is_refused_where_none_is_needed(node: ServedNode, command: str) -> None:
    """Whoever presents it means to be that key's holder (S3: disabled keys are always rejected)."""
    (node.folder / "keyturn.toml").write_text(OPEN)
    await node.start()
    secret = (await node.run("keys", "create", "ended")).out.strip()

    async def status(**headers: str) -> int:
        async with node.client() as client:
            return (await client.get("/v1/models", headers=headers)).status_code

    before = await status(authorization=f"Bearer {secret}")
    ended = await node.run("keys", *command.split())

    assert ended.status == 0, ended.err
    assert (before, await status()) == (200, 200)
    assert await status(authorization=f"Bearer {secret}") == 401
    assert await status(**{"x-api-key": secret}) == 401


async def test_a_node_without_keys_lets_nobody_in(node: ServedNode) -> None:
    """Deleting the last key closes the door: it is not the same as asking for none."""
    await node.start()
    await node.run("keys", "delete", "default", "--yes")

    async with node.client() as client:
        anybody = await client.get("/v1/models")
        former = await client.get("/v1/models", headers={"authorization": f"Bearer {node.key}"})
    left = await node.run("keys", "list", "--json")

    assert left.out.strip() == "[]"
    assert [anybody.status_code, former.status_code] == [401, 401]
