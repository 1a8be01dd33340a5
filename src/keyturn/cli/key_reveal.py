"""``keyturn keys reveal``: the secret of a recoverable key, once more."""

import sys
from typing import Annotated

import msgspec
import typer

from keyturn.cli import screen
from keyturn.cli.connection import Node, on_node, segment
from keyturn.cli.failure import CommandFailed
from keyturn.cli.key_view import PATH, path_of


class Whose(msgspec.Struct, frozen=True):
    """Whose secret it is."""

    id: str
    name: str
    display: str
    recoverable: bool = False


@on_node
def reveal(
    node: Node,
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="Its id (key_…), or its name when only one has it.")
    ],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask; for scripts.")] = False,
) -> None:
    """Print the secret of a key that was created recoverable, after you have typed its name. Each time is audited.

    Example: `keyturn keys reveal my-app`
    """
    sys.stdout.write(f"{text_of(node, key, yes=yes)}\n")


def text_of(node: Node, key: str, *, yes: bool) -> str:
    """Return the secret of a recoverable key; unless ``yes``, its name has to be typed first.

    Raises:
        CommandFailed: The name is another, or the node does not show the secret.
    """
    found = node.get(path_of(node, key)).read(Whose)
    if not found.recoverable:
        raise CommandFailed(
            "this key is not recoverable: nobody can show its secret; `keyturn keys rotate` makes another"
        )
    if not yes:
        console = screen.err()
        console.print(screen.clean(f"{found.name} ({found.id}), {found.display}"))
        console.print("Its secret will be shown, and that is audited. Type the key's name: ", end="")
        if screen.typed() != found.name:
            raise CommandFailed("that is not its name, so nothing was shown; --yes shows without asking")
    # The operator of this machine has no key to send again, and names the key instead.
    proof = {"confirm": found.name} if node.credential is None else {"credential": node.credential}
    answer = node.call("POST", f"{PATH}/{segment(found.id)}/reveal", body=proof)
    if answer.key is None:
        raise CommandFailed("the node's answer is not understood; is it another version?")
    return answer.key
