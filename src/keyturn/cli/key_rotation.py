"""``keyturn keys rotate`` and ``keyturn keys claim``: new secrets, and links to them that work once."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import httpx
import msgspec
import typer
from rich.text import Text

from keyturn.cli import screen
from keyturn.cli.answers import Key
from keyturn.cli.connection import TIMEOUT_S, Node, connect, on_node
from keyturn.cli.expiry import seconds_in
from keyturn.cli.failure import CommandFailed
from keyturn.cli.key_options import AsJson, Named
from keyturn.cli.key_view import path_of
from keyturn.cli.options import ConfigOption, DataOption
from keyturn.config.load import load
from keyturn.system import now

TTL_S, SHORTEST_TTL_S, LONGEST_TTL_S = 300, 10, 604_800


class Claim(msgspec.Struct, frozen=True):
    """A link that works once."""

    url: str
    expires_at: str


class Rotated(msgspec.Struct, frozen=True):
    """What a rotation delivered: one of these."""

    key: str | None = None
    sealed: str | None = None
    claim: Claim | None = None
    written_to: str | None = None


class Claimed(msgspec.Struct, frozen=True):
    """Whose secret was claimed."""

    key_id: str
    name: str


@on_node
def rotate(
    node: Node,
    key: Named,
    *,
    overlap: Annotated[
        str | None,
        typer.Option(
            metavar="SPAN",
            help="This time, the old secret lives on so long after the first use of the new one: 7d, 12h.",
        ),
    ] = None,
    now_: Annotated[
        bool, typer.Option("--now", help="End the old secrets before this returns: one has leaked.")
    ] = False,
    claim: Annotated[
        bool, typer.Option("--claim", help="Print a link that works once, instead of the secret.")
    ] = False,
    ttl: Annotated[
        str | None, typer.Option(metavar="SPAN", help="How long the link works: 5m, 1h, up to 7d.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Give an API key a new secret and print it. The old one works until the new one has been used, and 7 days more.

    What was delivered stands alone on stdout: the secret, or the link, or the sealed box of a key that has a
    sealing key. Of a key that has a file nothing stands there: the secret is in the file.

    Example: `export OPENAI_API_KEY=$(keyturn keys rotate my-app)`
    """
    if ttl is not None and not claim:
        raise CommandFailed("--ttl is how long a link works; give --claim too")
    body = {
        "overlap_hours": _hours(overlap),
        "revoke_old": now_ or None,
        "delivery": "claim" if claim else None,
    }
    given = {name: value for name, value in body.items() if value is not None}
    headers = {"x-wrap-ttl": str(_ttl_s(ttl))} if claim else None
    answer = node.call("POST", f"{path_of(node, key)}/rotate", body=given, headers=headers)
    if as_json:
        screen.print_json(answer.raw)
        return
    found, done = answer.read(Key), _read(answer.raw)
    _tell(found, done)
    delivered = done.key or done.sealed or (done.claim and done.claim.url)
    if delivered:
        sys.stdout.write(f"{delivered}\n")


def claim(
    link: Annotated[
        str, typer.Argument(metavar="LINK", help="The link, or its token: what stands behind the #.")
    ],
    *,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where the node is, if only the token is given.")
    ] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Take over the key that a link leads to, and print it. It works once, and needs no other key.

    Example: `export OPENAI_API_KEY=$(keyturn keys claim https://keys.example.com/claim#7fK2mQx9TzLw4RbN8cVd1HsYp6JgAe3u)`
    """
    page, mark, token = link.rpartition("#")
    address = page.removesuffix("/claim") if mark else url
    with _way_to(address, data, config) as node:
        answer = node.call("POST", "/api/v1/claims", body={"token": token})
    if as_json:
        screen.print_json(answer.raw)
        return
    found = answer.read(Claimed)
    screen.err().print(Text("Claimed"), screen.clean(found.name), Text(f"({found.key_id})"))
    sys.stdout.write(f"{answer.key}\n")


@contextmanager
def _way_to(address: str | None, data: str | None, config: str | None) -> Iterator[Node]:
    """Open the way to a node of which we have no key, or to the one on this machine."""
    loaded = load(config=config, flags={"data": data})
    address = address or loaded.client.url
    if not address:
        with connect(loaded) as node:
            yield node
        return
    if not address.startswith(("http://", "https://")):
        raise CommandFailed(f"{address} is not an http:// or https:// address")
    with httpx.Client(base_url=address, timeout=TIMEOUT_S) as http:
        yield Node(http, f"nothing answers at {address}")


def _tell(found: Key, done: Rotated) -> None:
    """Say on stderr what has happened, and what happens next."""
    console = screen.err()
    console.print(Text("Rotated"), screen.clean(found.name), Text(f"({found.id})"))
    if done.written_to:
        console.print(Text("The new secret is in"), screen.clean(done.written_to))
    if done.claim is not None:
        console.print(Text(f"The link works once, until {done.claim.expires_at}."))
    rows = [
        (screen.clean(one.display), Text(one.state), Text(_end(one.state, one.expires_at)))
        for one in found.secrets
    ]
    console.print(screen.table(("secret", "state", ""), rows))


def _end(state: str, expires_at: str | None) -> str:
    if state == "pending":
        return "its first use starts the overlap of the others"
    return f"until {expires_at} ({screen.ago(expires_at, now())})" if state == "retiring" else ""


def _read(raw: bytes) -> Rotated:
    try:
        return msgspec.json.decode(raw, type=Rotated)
    except msgspec.ValidationError as error:
        raise CommandFailed(
            f"the node's answer is not understood; is it another version? ({error})"
        ) from None


def _hours(span: str | None) -> int | None:
    if span is None:
        return None
    seconds = 0 if span.strip().lower() in {"0", "0h", "0d"} else seconds_in(span)
    if seconds is None or seconds % 3_600:
        raise CommandFailed(f"{span!r} is no span for --overlap; write 7d or 12h")
    return seconds // 3_600


def _ttl_s(span: str | None) -> int:
    seconds = TTL_S if span is None else seconds_in(span)
    if seconds is None:
        raise CommandFailed(f"{span!r} is no span for --ttl; write 5m or 1h")
    if not SHORTEST_TTL_S <= seconds <= LONGEST_TTL_S:
        raise CommandFailed("a link works for 10 seconds to 7 days; --ttl is outside of that")
    return seconds
