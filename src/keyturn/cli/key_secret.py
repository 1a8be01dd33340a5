"""``keyturn keys revoke-secret``: one secret of a key is ended, the others work on."""

from typing import Annotated

import typer
from rich.text import Text

from keyturn.cli import screen
from keyturn.cli.answers import Key
from keyturn.cli.connection import Node, on_node, segment
from keyturn.cli.failure import CommandFailed
from keyturn.cli.key_options import AsJson, Named, Yes
from keyturn.cli.key_view import path_of


@on_node
def revoke_secret(
    node: Node,
    key: Named,
    secret: Annotated[
        str, typer.Argument(metavar="SECRET", help="Its id (sec_…), or what `keys show` shows of it.")
    ],
    *,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """End one secret of an API key for good, such as a rotated one that still has days to live. The key's others work on.

    When this returns, no worker takes it any more.

    Example: `keyturn keys revoke-secret my-app sec_VbXhUyU1qGm2pTTyZ0aB`
    """
    path = path_of(node, key)
    found = node.get(path).read(Key)
    asked = secret.rstrip(".…")  # whoever types what they see leaves the dots out, or types three
    matching = [one for one in found.secrets if asked in {one.id, one.display.rstrip("…")}]
    if len(matching) != 1:
        several = ", ".join(one.id for one in matching)
        raise CommandFailed(
            f"several secrets look like that; use the id: {several}"
            if matching
            else "the key has no such secret; `keyturn keys show` lists them"
        )
    [ending] = matching
    if not yes:
        console = screen.err()
        console.print(
            screen.clean(found.name), Text("loses the secret"), screen.clean(ending.display), ending.id
        )
        console.print("Whoever still uses it is refused. Type the key's name to revoke it: ", end="")
        if screen.typed() != found.name:
            raise CommandFailed("that is not its name, so nothing was revoked; --yes revokes without asking")
    answer = node.call("DELETE", f"{path_of(node, found.id)}/secrets/{segment(ending.id)}")
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    screen.out().print(Text("Revoked the secret"), screen.clean(ending.display), Text(f"of {found.id}"))
