"""``keyturn users reset-link`` and ``verify-link``: links to hand to somebody whom no e-mail reaches."""

import sys
from typing import Annotated

import msgspec
import typer

from keyturn.cli import owners, screen
from keyturn.cli.connection import Node, on_node
from keyturn.cli.key_options import AsJson
from keyturn.cli.owners import USERS

Named = Annotated[
    str, typer.Argument(metavar="USER", help="The id (user_…), or the e-mail address when only one has it.")
]


class Link(msgspec.Struct, frozen=True):
    """A link that works once."""

    user_id: str
    email: str
    url: str
    expires_at: str


@on_node
def reset_link(node: Node, user: Named, *, as_json: AsJson = False) -> None:
    """Print a link with which somebody sets a new password. It works once, for an hour; hand it to nobody else.

    Example: `keyturn users reset-link kim@example.com`
    """
    _make(node, user, "reset-link", "Sets a new password", as_json=as_json)


@on_node
def verify_link(node: Node, user: Named, *, as_json: AsJson = False) -> None:
    """Print a link with which somebody who signed up shows that the address is theirs. It works once, for three days.

    Example: `keyturn users verify-link kim@example.com`
    """
    _make(node, user, "verify-link", "Confirms the address", as_json=as_json)


def _make(node: Node, user: str, what: str, does: str, *, as_json: bool) -> None:
    answer = node.call("POST", f"{owners.path_of(node, USERS, user)}/{what}")
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    link = answer.read(Link)
    screen.err().print(screen.clean(f"{does} of {link.email}, once, until {link.expires_at}:"))
    sys.stdout.write(f"{link.url}\n")
