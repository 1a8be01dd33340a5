"""Calls of clients of one dialect at providers of another that misbehave.

Each is made with a key that has room for one at a time, at an upstream that has room for one at a time: whoever is
answered well after a fault shows that nothing of it is left.
"""

import itertools
from typing import Any

from fakes.origin import Origin, Step, plain
from gateway.pieces import CHUNKED, SSE, chunk
from gateway.providers import MODEL, UPSTREAM_SECRET
from gateway.translated import PROVIDERS, Client, Provider, Said
from support.node import Node, until
from support.wire import Answer, Wire

JSON_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
LAST = chunk(b"")
CLOSED, MALFORMED, TIMEOUT = "upstream_closed", "upstream_malformed", "upstream_timeout"


class Call:
    """Calls of one client at one provider."""

    def __init__(self, node: Node, ill: Origin, key: str, pair: tuple[Client, Provider]) -> None:
        self.node, self.ill, self.key = node, ill, key
        self.client, self.provider = pair
        self.model = f"narrow-{self.provider.id}-model"

    def asks(self, *steps: Step, stream: bool) -> Answer:
        """Ask, be answered like this, and return what the client gets."""
        self.ill.otherwise = steps
        with Wire(self.node.port) as wire:
            answer = wire.ask(self.client.ask(self.model, self.key, stream=stream))
            assert wire.is_silent(), "the client has got something behind the end"
        return answer

    def noted(self, answer: Answer) -> dict[str, Any]:
        """Return what was noted of a call."""
        return story(self.node, answer.headers["x-request-id"])

    def is_well(self) -> None:
        """See that nothing of the last call is left."""
        answer = self.asks(plain(self.provider.whole), stream=False)
        assert answer.status == 200, answer
        assert b"Good day" in answer.body

    def error(self, answer: Answer) -> Said:
        """Return the error that an answer is."""
        assert answer.headers["content-type"] == "application/json"
        return self.client.read(answer.json())


def connect_ill(node: Node, origin: Origin) -> None:
    """Make a server known to a node as a provider of every dialect, each with and without room for one call only."""
    for provider, narrow in itertools.product(PROVIDERS, (True, False)):
        name = f"{'narrow' if narrow else 'wide'}-{provider.id}"
        body = {"name": name, "provider": provider.id, "base_url": origin.url, "api_key": UPSTREAM_SECRET}
        node.manage("POST", "/api/v1/upstreams", body=body)
        node.manage("PATCH", f"/api/v1/upstreams/{name}", body={"max_concurrency": int(narrow)})
        body = {"name": f"{name}-model", "upstream": name, "upstream_model": MODEL}
        node.manage("POST", "/api/v1/models", body=body)


def story(node: Node, request_id: str) -> dict[str, Any]:
    """Return what was noted of a call."""
    found: dict[str, Any] = node.manage("GET", f"/api/v1/requests/{request_id}")["data"]
    return found


def ended_story(node: Node, request_id: str) -> dict[str, Any]:
    """Return what was noted of a call that its provider has heard the end of, once it is noted."""

    def ended() -> dict[str, Any] | None:
        found = story(node, request_id)
        return None if found["outcome"] == "under_way" else found

    found: dict[str, Any] = until(ended, what="the end of the call in the log")
    return found


def named(pair: tuple[Client, Provider]) -> str:
    """Return the name of a case."""
    return f"{pair[0].name} to {pair[1].id}"


def begun(provider: Provider) -> bytes:
    """Return the head and the beginning of a stream in chunks."""
    return SSE + CHUNKED + chunk(provider.begin)


def sized(stream: bytes, more: int) -> bytes:
    """Return a stream that says how long it is, and says too much."""
    return SSE + b"content-length: %d\r\n\r\n" % (len(stream) + more) + stream
