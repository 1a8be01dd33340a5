"""Nodes with providers behind them, for tests that are hard on both."""

from collections.abc import Iterator
from contextlib import contextmanager

from fakes.origin import Origin
from support.node import Node, running

UPSTREAM_SECRET = "upstream-secret-7f3a"
"""The provider's credential, which only the operator knows."""
MODEL = "origin-model"
ALIAS = "alias"
"""Another name for ``MODEL``."""
LARGEST_BODY, LARGEST_HEAD, MOST_HEADERS = 200_000, 16_384, 50
"""As ``node`` is set up."""


def connect(node: Node, name: str, origin: Origin, *models: str) -> None:
    """Make a provider known to a node."""
    body = {"name": name, "base_url": origin.url, "api_key": UPSTREAM_SECRET, "models": models}
    node.manage("POST", "/api/v1/upstreams", body=body)


def rename(node: Node, name: str) -> None:
    """Give a provider's model its other name."""
    body = {"name": ALIAS, "upstream": name, "upstream_model": MODEL}
    node.manage("POST", "/api/v1/models", body=body)


@contextmanager
def unharmed(node: Node) -> Iterator[Node]:
    """Run a node, and see at the end that nothing that was done to it has made it stumble."""
    with running(node):
        yield node
        assert "Traceback" not in node.errors.read_text(), node.errors.read_text()
