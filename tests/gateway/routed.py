"""Two providers behind one name, for tests of what happens when they fail."""

import itertools
from typing import Any

import httpx

from fakes.origin import Origin, plain
from gateway.providers import connect
from support.node import Node

BUSY = plain(b'{"error":{"message":"slow down"}}', status=b"429 Too Many Requests")
DOWN = plain(b'{"error":{"message":"down"}}', status=b"503 Service Unavailable")
REFUSED = plain(b'{"error":{"message":"who are you"}}', status=b"401 Unauthorized")
BAD = plain(b'{"error":{"message":"what"}}', status=b"400 Bad Request")
UNKNOWN = plain(b'{"error":{"message":"no such model"}}', status=b"404 Not Found")


def busy_for(seconds: str) -> bytes:
    """Return a refusal that says how long to wait."""
    return plain(
        b'{"error":{"message":"slow down"}}',
        b"retry-after: " + seconds.encode(),
        status=b"429 Too Many Requests",
    )


_numbers = itertools.count()


class Pair:
    """Two providers under names of their own, so that no test inherits another's cool-downs.

    Attributes:
        node: Which knows both.
        first: A provider.
        second: Another one.
        names: What they are called.
        model: A name that leads to the first one, then to the second.
    """

    def __init__(self, node: Node, first: Origin, second: Origin) -> None:
        self.node, self.first, self.second = node, first, second
        number = next(_numbers)
        self.names = (f"first-{number}", f"second-{number}")
        self.model = f"steady-{number}"
        connect(node, self.names[0], first, f"small-{number}")
        connect(node, self.names[1], second, f"large-{number}")
        self.targets: list[dict[str, Any]] = [
            {"upstream": self.names[0], "model": "small"},
            {"upstream": self.names[1], "model": "large", "priority": 1},
        ]
        self.route(*self.targets)

    def route(self, *targets: dict[str, Any]) -> None:
        """Send the model elsewhere."""
        body = {"targets": list(targets)}
        known = [one["name"] for one in self.node.manage("GET", "/api/v1/models")["data"]]
        if self.model in known:
            self.node.manage("PATCH", f"/api/v1/models/{self.model}", body=body)
        else:
            self.node.manage("POST", "/api/v1/models", body={"name": self.model, **body})

    def set(self, place: int, **members: Any) -> None:
        """Change one of the upstreams."""
        self.node.manage("PATCH", f"/api/v1/upstreams/{self.names[place]}", body=members)

    def chat(self, **members: Any) -> httpx.Response:
        """Ask the model."""
        return self.node.chat(model=self.model, **members)

    def tried(self, answer: httpx.Response) -> list[str]:
        """Return the attempts of a request as ``place:outcome``."""
        places = {f"{self.names[0]}/small": "first", f"{self.names[1]}/large": "second"}
        story = self.node.story(answer)
        return [f"{places[one['target']]}:{one['outcome']}" for one in story["attempts"]]

    def target(self, place: int) -> str:
        """Return what ``x-keyturn-target`` says of an answer from there."""
        return f"{self.names[place]}/{('small', 'large')[place]}"
