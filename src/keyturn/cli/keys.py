"""``keyturn keys``: the API keys that clients use."""

import sys
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from keyturn.cli import expiry, screen
from keyturn.cli.answers import Key
from keyturn.cli.connection import Node, on_node, segment
from keyturn.cli.failure import CommandFailed
from keyturn.system import now

PATH = "/api/v1/keys"

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Create, list and change the API keys that clients use.\n\nExample: `keyturn keys create my-app`",
)

Named = Annotated[
    str, typer.Argument(metavar="KEY", help="Its id (key_…), or its name when only one has it.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Expires = Annotated[
    str | None,
    typer.Option("--expires", metavar="WHEN", help="When it stops working: 90d, 12h, or an RFC 3339 date."),
]


@app.command()
@on_node
def create(
    node: Node,
    name: Annotated[str, typer.Argument(help="What it is for; shown in lists and reports.")],
    *,
    description: Annotated[str | None, typer.Option(help="More about it.")] = None,
    kind: Annotated[
        str | None, typer.Option(help="`secret` calls models, `management` manages the node.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="`development`, `production`, `read-only` or `admin`.")
    ] = None,
    permission: Annotated[
        list[str] | None, typer.Option(help="Instead of a preset: `read`, `write`, `admin`, `webhook`.")
    ] = None,
    expires: Expires = None,
    as_json: AsJson = False,
) -> None:
    """Create an API key and print it. It is shown this once and can't be shown again.

    The key stands alone on stdout, everything else on stderr, so that
    `export OPENAI_API_KEY=$(keyturn keys create my-app --expires 90d)` works.
    """
    given = {"description": description, "kind": kind, "preset": preset, "permissions": permission or None}
    body = {"name": name, **{k: v for k, v in given.items() if v is not None}, **expiry.for_creation(expires)}
    answer = node.call("POST", PATH, body=body)
    if as_json:
        screen.print_json(answer.raw)
        return
    key = answer.read(Key)
    console = screen.err()
    console.print(Text("Created"), screen.clean(key.name), Text(f"({key.id})"))
    console.print(_facts(key))
    if sys.stdout.isatty():
        console.print("\nThe key is shown this once; keep it where secrets are kept.")
    sys.stdout.write(f"{answer.key}\n")


@app.command("list")
@on_node
def show_all(
    node: Node,
    *,
    status: Annotated[
        str | None, typer.Option(help="Only these: `active`, `disabled`, `expired`, `revoked`.")
    ] = None,
    search: Annotated[str | None, typer.Option(help="Only those with this in the name or id.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the API keys with their status, use and age.

    Example: `keyturn keys list --status active`
    """
    keys, raw = node.all(PATH, Key, status=status, search=search)
    if as_json:
        screen.print_json(raw)
        return
    at = now()
    rows = [
        (
            screen.clean(key.name),
            screen.clean(key.display),
            screen.dot(key.status),
            f"{key.usage.requests:,}",
            screen.dollars(key.usage.cost_usd),
            screen.ago(key.usage.last_used_at, at),
            screen.ago(key.created_at, at),
            screen.ago(key.expires_at, at),
            Text(key.id, style="bright_black"),
        )
        for key in keys
    ]
    columns = ("name", "key", "status", "requests", "cost", "last used", "created", "expires", "id")
    console = screen.out()
    console.print(screen.table(columns, rows, right=("requests", "cost")))
    if not keys:
        screen.err().print("No keys here. Create one with `keyturn keys create NAME`.")


@app.command()
@on_node
def show(node: Node, key: Named, *, as_json: AsJson = False) -> None:
    """Show everything about one API key, except its text.

    Example: `keyturn keys show my-app`
    """
    answer = node.get(_path(node, key))
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    screen.out().print(_facts(answer.read(Key)))


@app.command()
@on_node
def edit(
    node: Node,
    key: Named,
    *,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    description: Annotated[str | None, typer.Option(help="A new description; empty takes it away.")] = None,
    expires: Annotated[
        str | None,
        typer.Option(
            "--expires", metavar="WHEN", help="When it stops working: 90d, an RFC 3339 date, or `never`."
        ),
    ] = None,
) -> None:
    """Change the name, the description or the expiry of an API key.

    Example: `keyturn keys edit my-app --expires never`
    """
    given = {"name": name, "description": description}
    body = {
        **{field: value for field, value in given.items() if value is not None},
        **expiry.for_change(expires, now()),
    }
    if not body:
        raise CommandFailed("nothing to change; give --name, --description or --expires")
    screen.out().print(_facts(node.call("PATCH", _path(node, key), body=body).read(Key)))


@app.command()
@on_node
def enable(node: Node, key: Named) -> None:
    """Let a disabled API key work again.

    Example: `keyturn keys enable my-app`
    """
    _act(node, key, "enable", "Enabled")


@app.command()
@on_node
def disable(node: Node, key: Named) -> None:
    """Stop an API key until it is enabled again; when this returns, no worker takes it any more.

    Example: `keyturn keys disable my-app`
    """
    _act(node, key, "disable", "Disabled")


@app.command()
@on_node
def revoke(node: Node, key: Named) -> None:
    """Stop an API key for good; when this returns, no worker takes it any more. Its usage stays.

    Example: `keyturn keys revoke my-app`
    """
    _act(node, key, "revoke", "Revoked")


@app.command()
@on_node
def delete(
    node: Node,
    key: Named,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask; for scripts.")] = False,
) -> None:
    """Delete an API key, after you have typed its name. Whoever uses it is refused from then on.

    Example: `keyturn keys delete my-app`
    """
    found = node.get(_path(node, key)).read(Key)
    if not yes:
        console = screen.err()
        console.print(_facts(found))
        console.print("\nThis can't be undone. Type the key's name to delete it: ", end="")
        if sys.stdin.readline().rstrip("\n") != found.name:
            raise CommandFailed("that is not its name, so nothing was deleted; --yes deletes without asking")
    node.call("DELETE", f"{PATH}/{segment(found.id)}")
    screen.out().print(Text("Deleted"), screen.clean(found.name), Text(f"({found.id})"))


def _path(node: Node, key: str) -> str:
    """Return where the API has a key. A name with a slash can't stand in a path: then its id does."""
    if "/" in key or key in {".", ".."}:
        found = [one.id for one in node.all(PATH, Key, search=key)[0] if one.name == key]
        if len(found) > 1:
            raise CommandFailed(f"{len(found)} keys have this name; use the id: {', '.join(found)}")
        if found:
            return f"{PATH}/{found[0]}"
        raise CommandFailed("there is no such key")
    return f"{PATH}/{segment(key)}"


def _act(node: Node, key: str, action: str, done: str) -> None:
    changed = node.call("POST", f"{_path(node, key)}/{action}").read(Key)
    screen.out().print(
        Text(done), screen.clean(changed.name), Text(f"({changed.id}):"), screen.dot(changed.status)
    )


def _facts(key: Key) -> Table:
    at = now()
    rows: list[tuple[str, RenderableType]] = [
        ("id", key.id),
        ("name", screen.clean(key.name)),
        ("description", screen.clean(key.description or screen.NOTHING)),
        ("status", screen.dot(key.status)),
        ("kind", screen.clean(key.kind)),
        ("preset", screen.clean(key.preset or screen.NOTHING)),
        ("permissions", screen.clean(", ".join(key.permissions) or screen.NOTHING)),
        ("created", _when(key.created_at, at, key.created_by)),
        ("expires", _when(key.expires_at, at)),
        ("requests", f"{key.usage.requests:,}"),
        ("tokens", f"{key.usage.input_tokens:,} in, {key.usage.output_tokens:,} out"),
        ("cost", screen.dollars(key.usage.cost_usd)),
        ("last used", _when(key.usage.last_used_at, at, key.usage.last_ip, joint="from")),
    ]
    rows += [("secret", screen.clean(f"{one.display} {one.state}")) for one in key.secrets]
    if key.usage.seen_in_url:
        rows.append(("note", Text("It was sent in a URL, where logs keep it: replace it.", style="yellow")))
    return screen.facts(rows)


def _when(moment: str | None, at: float, other: str | None = None, *, joint: str = "by") -> Text:
    if moment is None:
        return Text("never")
    relative = screen.ago(moment, at)
    words = moment if relative in moment else f"{moment} ({relative})"
    return screen.clean(f"{words} {joint} {other}" if other else words)
