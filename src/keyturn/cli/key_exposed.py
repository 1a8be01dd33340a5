"""``keyturn keys revoke-exposed``: end keys of which the secret is at hand."""

import sys
from typing import Annotated

import typer

from keyturn.cli import screen
from keyturn.cli.connection import Node, on_node
from keyturn.cli.failure import CommandFailed

MOST = 1_000
"""Keys in one call."""


@on_node
def revoke_exposed(
    node: Node,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask; for scripts.")] = False,
) -> None:
    """Revoke every key whose text stands on standard input, one a line. This can't be undone.

    It does not say which of them were keys of this node; `keyturn events` does.

    Example: `keyturn keys revoke-exposed --yes < found-keys.txt`
    """
    texts = list(dict.fromkeys(line.strip() for line in sys.stdin if line.strip()))
    if not texts:
        raise CommandFailed("there is no key on standard input")
    if not yes:
        raise CommandFailed(f"{_count(texts)} would be revoked for good; say --yes to do it")
    for start in range(0, len(texts), MOST):
        node.call("POST", "/api/v1/keys/revoke-exposed", body={"keys": texts[start : start + MOST]})
    screen.err().print(f"{_count(texts)} sent; those that are keys of this node are revoked.")


def _count(texts: list[str]) -> str:
    return "1 text" if len(texts) == 1 else f"{len(texts):,} texts"
