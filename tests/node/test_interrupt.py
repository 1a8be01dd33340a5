"""The end of a whole node, and how long it takes: nothing may run beside this."""

import asyncio
import signal

import httpx

from fakes.served_node import ServedNode


async def test_ctrl_c_ends_it_within_five_seconds(node: ServedNode) -> None:
    """Even with a client that keeps its connection open and one that waits for an answer."""
    await node.start(workers=2)
    host, port = node.base.removeprefix("http://").split(":")
    _, idle = await asyncio.open_connection(host, int(port))
    waiting = asyncio.get_running_loop().create_task(chat_slowly(node))
    loop = asyncio.get_running_loop()

    asked_at = loop.time()
    node.send(signal.SIGINT)
    status = await node.ended()
    took = loop.time() - asked_at

    idle.close()
    waiting.cancel()
    assert status == 0
    assert took < 5.5
    assert "background task failed" not in node.errors()


async def chat_slowly(node: ServedNode) -> None:
    """Ask the model that takes its time."""
    body = {"model": "demo-slow", "messages": [{"role": "user", "content": "Hello!"}]}
    async with httpx.AsyncClient(base_url=node.base, trust_env=False) as client:
        await client.post("/v1/chat/completions", json=body, headers={"authorization": f"Bearer {node.key}"})
