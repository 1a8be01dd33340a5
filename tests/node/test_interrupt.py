"""The end of a whole node, and how long it takes: nothing may run beside this."""

import asyncio
import signal
import threading

from fakes.origin import origin_server, plain, waits_for
from fakes.served_node import ServedNode
from support.wire import HEALTH


async def test_ctrl_c_ends_it_within_five_seconds(node: ServedNode) -> None:
    """Even with a client that keeps its connection open and one that waits for an answer, which it gets."""
    await node.start(workers=2)
    host, port = node.base.removeprefix("http://").split(":")
    loop, answers = asyncio.get_running_loop(), threading.Event()
    with origin_server() as origin:
        origin.arrange(waits_for(answers), plain())
        await node.run("upstreams", "add", "slow", "--base-url", origin.url, "--models", "slow-model")
        answered, idle = await asyncio.open_connection(host, int(port))
        idle.write(HEALTH)
        await answered.readuntil(b'"ok"}')
        waiting = loop.create_task(chat_slowly(node))
        await asyncio.to_thread(origin.has_received, 1)

        asked_at = loop.time()
        node.send(signal.SIGINT)
        answers.set()
        status = await node.ended()
        took = loop.time() - asked_at

        idle.close()
        assert await waiting == 200
    assert status == 0
    assert took < 5.5
    assert "background task failed" not in node.errors()


async def chat_slowly(node: ServedNode) -> int:
    """Ask the model that takes its time; return the status."""
    body = {"model": "slow-model", "messages": [{"role": "user", "content": "Hello!"}]}
    headers = {"authorization": f"Bearer {node.key}"}
    async with node.client() as client:
        return (await client.post("/v1/chat/completions", json=body, headers=headers)).status_code
