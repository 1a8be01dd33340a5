"""`keyturn serve` with its real processes, as an operator meets it."""

import asyncio
import contextlib
import os
import signal
import stat
import sys
from pathlib import Path

import msgspec

from fakes.served_node import ServedNode


async def chat(node: ServedNode, key: str) -> int:
    """Ask the demo something; return the status."""
    body = {"model": "demo-chat", "messages": [{"role": "user", "content": "Hello!"}]}
    async with node.client() as client:
        response = await client.post(
            "/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"}
        )
    return response.status_code


async def test_the_key_of_the_first_start_works_and_is_shown_once(node: ServedNode) -> None:
    """Start, paste, answer: the promise of the README. And no later log holds the key."""
    await node.start()
    first_key = node.key
    first_answer = await chat(node, first_key)
    node.send(signal.SIGINT)
    await node.ended()

    await node.start()
    second_answer = await chat(node, first_key)

    assert first_key
    assert (first_answer, second_answer) == (200, 200)
    assert "sk-" not in node.out
    assert "keyturn keys create" in node.out
    assert first_key not in node.errors()


async def test_nobody_else_can_read_what_a_node_keeps(node: ServedNode) -> None:
    """Database, journals and secrets are the operator's alone, whatever the umask."""
    old = os.umask(0o022)
    await node.start()
    os.umask(old)

    data = node.folder / ".keyturn"
    modes: dict[Path, int] = {}
    for path in (data, *data.rglob("*")):
        with contextlib.suppress(FileNotFoundError):  # some files have another name until they are whole
            modes[path] = stat.S_IMODE(path.lstat().st_mode)
    open_to_others = [path for path, mode in modes.items() if mode & 0o077]
    sheltered = [path for path in open_to_others if modes[path.parent] & 0o077 == 0]

    assert modes[data] == 0o700
    assert open_to_others == sheltered
    assert not [path for path in open_to_others if path.parent.name == "secrets" or path.suffix == ".sock"]


async def test_a_reload_keeps_serving_with_new_settings(node: ServedNode) -> None:
    """SIGHUP after an edit of keyturn.toml is all an operator does."""
    await node.start()
    (node.folder / "keyturn.toml").write_text('auth.locations = ["header"]\n')

    node.send(signal.SIGHUP)
    statuses = set()
    async with asyncio.timeout(30), node.client() as client:
        while "reloaded" not in node.errors():
            statuses.add(await chat(node, node.key))
        # The workers hear of it from the new control process, moments after that is ready.
        while (await client.post(f"/v1/chat/completions?api_key={node.key}", json={})).status_code != 401:
            statuses.add(await chat(node, node.key))

    assert statuses == {200}


async def test_the_life_of_a_key_from_the_command_line(node: ServedNode) -> None:
    """Create, use, disable, enable, delete: each takes effect when the command returns."""
    await node.start(workers=2)

    created = await node.run("keys", "create", "my app", "--expires", "90d")
    key = created.out.strip()
    used = await chat(node, key)
    disabled = await node.run("keys", "disable", "my app")
    refused = [await chat(node, key) for _ in range(8)]
    enabled = await node.run("keys", "enable", "my app")
    again = await chat(node, key)
    kept = await node.run("keys", "delete", "my app", typed="my ap\n")
    listed = await node.run("keys", "list", "--json")
    deleted = await node.run("keys", "delete", "my app", typed="my app\n")
    gone = [await chat(node, key) for _ in range(8)]

    assert [created.status, disabled.status, enabled.status, kept.status, deleted.status] == [0, 0, 0, 1, 0]
    assert (used, refused, again, gone) == (200, [401] * 8, 200, [401] * 8)
    shown = {one["name"]: one["usage"]["requests"] for one in msgspec.json.decode(listed.out)}
    assert shown == {"default": 0, "my app": 2}


async def test_every_report_works_on_a_real_node(node: ServedNode) -> None:
    """The commands and the node speak the same language, member by member."""
    await node.start()
    async with node.client() as client:
        body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello!"}]}
        served = await client.post("/v1/chat/completions", json=body, headers={"x-api-key": node.key})
        refused = await client.post("/v1/chat/completions", json=body, headers={"x-api-key": "sk-typo"})
    ids = [answer.headers["x-request-id"] for answer in (served, refused)]

    usage = {by: await node.run("usage", "--by", by) for by in ("key", "model", "day")}
    stories = [await node.run("explain", request_id) for request_id in ids]
    doctor = await node.run("doctor")
    lists = [await node.run(noun, "list") for noun in ("keys", "upstreams", "models")]
    probe = await node.run("upstreams", "test", "demo")

    assert all(report.status == 0 and "total" in report.out for report in usage.values())
    assert "demo: demo-chat" in stories[0].out
    assert "✗ well formed" in stories[1].out
    assert doctor.status == 0, doctor.out
    assert [one.status for one in lists] == [0, 0, 0]
    assert "demo-embed" in probe.out


async def test_providers_and_models_are_managed_from_the_command_line(node: ServedNode) -> None:
    """A local server and an alias for it, in two commands."""
    await node.start()

    added = await node.run(
        "upstreams", "add", "local", "--base-url", "http://127.0.0.1:9/v1", "--models", "llama"
    )
    target = ("--upstream", "demo", "--upstream-model", "echo", "--input", "1", "--output", "2")
    alias = await node.run("models", "add", "fast", *target)
    price = await node.run("models", "price", "fast", "--output", "2.5")
    async with node.client() as client:
        body = {"model": "fast", "messages": [{"role": "user", "content": "Hello!"}]}
        answer = await client.post("/v1/chat/completions", json=body, headers={"x-api-key": node.key})
    removed = [await node.run("models", "remove", "fast"), await node.run("upstreams", "remove", "local")]

    assert [one.status for one in (added, alias, price, *removed)] == [0, 0, 0, 0, 0]
    assert "$1.00 in" in price.out
    assert "$2.50 out" in price.out
    assert answer.json()["choices"][0]["message"]["content"] == "Hello!"


async def test_a_second_serve_says_that_the_node_runs(node: ServedNode) -> None:
    """The most natural mistake gets a plain answer and harms nothing."""
    await node.start()

    second = await node.run("serve", "--port", "0")

    assert second.status == 1
    assert "a node already runs on" in second.err
    assert await chat(node, node.key) == 200


async def test_a_damaged_database_ends_the_start_with_a_reason(node: ServedNode) -> None:
    """The operator reads why, and no worker is left behind waiting."""
    data = node.folder / ".keyturn"
    data.mkdir(mode=0o700)
    (data / "keyturn.db").write_bytes(b"this is not a database" * 100)

    ran = await node.run("serve", "--port", "0")

    assert ran.status == 1
    assert "keyturn: control could not start: exit status 1" in ran.err


async def test_a_closed_terminal_ends_the_node(node: ServedNode) -> None:
    """A node that nobody can reach any more must not hold the port in secret."""
    master, slave = os.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "keyturn", "serve", "--port", "0", "--workers", "1", "--demo"),
        cwd=node.folder,
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    shown = b""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(60):
        while b"curl" not in shown:
            shown += await loop.run_in_executor(None, os.read, master, 4096)

        os.close(master)
        process.send_signal(signal.SIGHUP)
        status = await process.wait()

    assert status in {0, 1}
    assert b"\x1b[?25h" in shown
