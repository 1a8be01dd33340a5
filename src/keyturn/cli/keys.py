"""``keyturn keys``: the API keys that clients use."""

import sys
from typing import Annotated

import typer
from rich.text import Text

from keyturn.cli import expiry, key_options as options, screen
from keyturn.cli.answers import Key
from keyturn.cli.connection import Answer, Node, on_node, segment
from keyturn.cli.failure import CommandFailed
from keyturn.cli.key_exposed import revoke_exposed
from keyturn.cli.key_reveal import reveal
from keyturn.cli.key_rotation import claim, rotate
from keyturn.cli.key_secret import revoke_secret
from keyturn.cli.key_simulate import simulate
from keyturn.cli.key_terms import Asked, body
from keyturn.cli.key_verify import verify
from keyturn.cli.key_view import PATH, facts, listed, path_of
from keyturn.cli.limit_options import Limits, LimitsOption, limits_in, table
from keyturn.system import now

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Create, list and change the API keys that clients use.\n\nExample: `keyturn keys create my-app`",
)


@app.command()
@on_node
def create(
    node: Node,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for; shown in lists and reports.")],
    *,
    description: options.Description = None,
    kind: Annotated[
        str | None,
        typer.Option(
            help="`secret` calls models, `publishable` does so from web pages, `management` manages the node."
        ),
    ] = None,
    preset: options.PresetName = None,
    permission: options.Permissions = None,
    model: options.Models = None,
    endpoint: options.Endpoints = None,
    ip: options.Networks = None,
    origin: options.Origins = None,
    location: options.Locations = None,
    expires: options.Expires = None,
    not_before: options.NotBefore = None,
    rotate_every: options.RotateEvery = None,
    overlap: options.Overlap = None,
    self_rotation: options.SelfRotation = None,
    sealing_key: options.SealingKey = None,
    sink: options.Sink = None,
    limit: LimitsOption = None,
    recoverable: options.Recoverable = None,
    delete_protected: options.DeleteProtected = None,
    project: Annotated[
        str | None,
        typer.Option(help="The project it belongs to: id or name.", rich_help_panel=options.OWNER),
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(
            help="Make it the personal key of this member of the project: id or e-mail address.",
            rich_help_panel=options.OWNER,
        ),
    ] = None,
    environment: options.EnvironmentName = None,
    tag: options.Tags = None,
    metadata: options.Metadata = None,
    decoy: Annotated[
        bool, typer.Option("--decoy", help="Lay it out for thieves: its use raises an alarm.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Create an API key and print it. Unless it is recoverable, it is shown this once.

    The key stands alone on stdout, everything else on stderr, so that
    `export OPENAI_API_KEY=$(keyturn keys create my-app --expires 90d)` works.
    """
    asked = Asked(
        description=description,
        preset=preset,
        permissions=permission,
        models=model,
        endpoints=endpoint,
        ip=ip,
        origins=origin,
        locations=location,
        not_before=not_before,
        rotate_every=rotate_every,
        overlap=overlap,
        self_rotation=self_rotation,
        sealing_key=sealing_key,
        sink=sink,
        recoverable=recoverable,
        delete_protected=delete_protected,
        environment=environment,
        tags=tag,
        metadata=metadata,
        limits=limits_in(limit),
    )
    own = {"kind": kind, "project_id": project, "user_id": user, "decoy": decoy or None}
    given = {member: value for member, value in own.items() if value is not None}
    wanted = {"name": name, **body(asked, now()), **given, **expiry.for_creation(expires)}
    _show_created(node.call("POST", PATH, body=wanted), as_json=as_json)


@app.command("list")
@on_node
def show_all(
    node: Node,
    *,
    status: Annotated[
        str | None, typer.Option(help="Only these: `active`, `disabled`, `expired`, `revoked`.")
    ] = None,
    search: Annotated[str | None, typer.Option(help="Only those with this in the name or id.")] = None,
    kind: Annotated[
        str | None, typer.Option(help="Only these: `secret`, `publishable`, `management`.")
    ] = None,
    account: Annotated[str | None, typer.Option(help="Only those of this account: id or name.")] = None,
    project: Annotated[str | None, typer.Option(help="Only those of this project: id or name.")] = None,
    user: Annotated[
        str | None, typer.Option(help="Only the personal keys of this user: id or e-mail address.")
    ] = None,
    environment: Annotated[str | None, typer.Option(help="Only those of this environment.")] = None,
    tag: Annotated[str | None, typer.Option(help="Only those with this tag.")] = None,
    deleted: Annotated[
        bool, typer.Option("--deleted", help="Those that were deleted, instead of the others.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """List the API keys with their status, use and age.

    Example: `keyturn keys list --status active --tag billing`
    """
    narrowed = {
        "status": status,
        "search": search,
        "kind": kind,
        "account": account,
        "project": project,
        "user": user,
        "environment": environment,
        "tag": tag,
        "deleted": "true" if deleted else None,
    }
    keys, raw = node.all(PATH, Key, **narrowed)
    if as_json:
        screen.print_json(raw)
        return
    is_narrowed = any(narrowed.values())
    screen.listing(
        listed(keys),
        "No key is like that." if is_narrowed else "No keys yet. Create one with `keyturn keys create NAME`.",
    )


@app.command()
@on_node
def show(node: Node, key: options.Named, *, as_json: options.AsJson = False) -> None:
    """Show everything about one API key, except its text.

    Example: `keyturn keys show my-app`
    """
    path = path_of(node, key)
    answer = node.get(path)
    _show(answer, as_json=as_json)
    if not as_json and answer.read(Key).limits:
        screen.out().print(table(node.get(f"{path}/limits").read(Limits), now()))


@app.command()
@on_node
def edit(
    node: Node,
    key: options.Named,
    *,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    description: options.Description = None,
    preset: options.PresetName = None,
    permission: options.Permissions = None,
    model: options.Models = None,
    endpoint: options.Endpoints = None,
    ip: options.Networks = None,
    origin: options.Origins = None,
    location: options.Locations = None,
    expires: options.Expires = None,
    not_before: options.NotBefore = None,
    rotate_every: options.RotateEvery = None,
    overlap: options.Overlap = None,
    self_rotation: options.SelfRotation = None,
    sealing_key: options.SealingKey = None,
    sink: options.Sink = None,
    limit: LimitsOption = None,
    recoverable: options.Recoverable = None,
    delete_protected: options.DeleteProtected = None,
    environment: options.EnvironmentName = None,
    tag: options.Tags = None,
    metadata: options.Metadata = None,
    as_json: options.AsJson = False,
) -> None:
    """Change an API key; when this returns, the change is in force in every worker.

    A list that is given takes the place of the one before. `none` lifts a restriction, `never` ends an expiry or a rotation.

    Example: `keyturn keys edit my-app --model 'gpt-*' --ip none --expires never`
    """
    asked = Asked(
        name=name,
        description=description,
        preset=preset,
        permissions=permission,
        models=model,
        endpoints=endpoint,
        ip=ip,
        origins=origin,
        locations=location,
        not_before=not_before,
        rotate_every=rotate_every,
        overlap=overlap,
        self_rotation=self_rotation,
        sealing_key=sealing_key,
        sink=sink,
        recoverable=recoverable,
        delete_protected=delete_protected,
        environment=environment,
        tags=tag,
        metadata=metadata,
        limits=limits_in(limit),
    )
    change = {**body(asked, now()), **expiry.for_change(expires, now())}
    if not change:
        raise CommandFailed("nothing to change; say what with an option, such as --expires or --model")
    _show(node.call("PATCH", path_of(node, key), body=change), as_json=as_json)


@app.command()
@on_node
def enable(node: Node, key: options.Named, *, as_json: options.AsJson = False) -> None:
    """Let a disabled or quarantined API key work again.

    Example: `keyturn keys enable my-app`
    """
    _report("Enabled", node.call("POST", f"{path_of(node, key)}/enable"), as_json=as_json)


@app.command()
@on_node
def disable(node: Node, key: options.Named, *, as_json: options.AsJson = False) -> None:
    """Stop an API key until it is enabled again; when this returns, no worker takes it any more.

    Example: `keyturn keys disable my-app`
    """
    _report("Disabled", node.call("POST", f"{path_of(node, key)}/disable"), as_json=as_json)


@app.command()
@on_node
def revoke(
    node: Node, key: options.Named, *, yes: options.Yes = False, as_json: options.AsJson = False
) -> None:
    """Stop an API key for good, after you have typed its name; when this returns, no worker takes it any more.

    Its usage stays.

    Example: `keyturn keys revoke my-app`
    """
    found = node.get(path_of(node, key)).read(Key)
    if not yes:
        _ask(found, "This can't be undone.", "revoke")
    _report("Revoked", node.call("POST", f"{PATH}/{segment(found.id)}/revoke"), as_json=as_json)


@app.command()
@on_node
def delete(
    node: Node, key: options.Named, *, yes: options.Yes = False, as_json: options.AsJson = False
) -> None:
    """Delete an API key, after you have typed its name. Whoever uses it is refused from then on.

    For 30 days `keyturn keys undelete` brings it back, on the node itself.

    Example: `keyturn keys delete my-app`
    """
    found = node.get(path_of(node, key)).read(Key)
    if not yes:
        _ask(found, "Whoever uses it is refused from then on.", "delete")
    answer = node.call("DELETE", f"{PATH}/{segment(found.id)}")
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    screen.out().print(Text("Deleted"), screen.clean(found.name), Text(f"({found.id})"))


@app.command()
@on_node
def undelete(node: Node, key: options.Named, *, as_json: options.AsJson = False) -> None:
    """Bring back an API key that was deleted in the last 30 days, as it was. On the node itself only.

    Example: `keyturn keys undelete my-app`
    """
    _report("Brought back", node.call("POST", f"{PATH}/{segment(key)}/undelete"), as_json=as_json)


def _ask(found: Key, warning: str, action: str) -> None:
    """Have the name typed.

    Raises:
        CommandFailed: Something else was typed.
    """
    console = screen.err()
    console.print(facts(found))
    console.print(f"\n{warning} Type the key's name to {action} it: ", end="")
    if screen.typed() != found.name:
        done = f"{action}d"
        raise CommandFailed(f"that is not its name, so nothing was {done}; --yes {action}s without asking")


def _show_created(answer: Answer, *, as_json: bool) -> None:
    if as_json:
        screen.print_json(answer.raw)
        return
    key = answer.read(Key)
    console = screen.err()
    console.print(Text("Created"), screen.clean(key.name), Text(f"({key.id})"))
    console.print(facts(key))
    if sys.stdout.isatty() and not key.recoverable:
        console.print("\nThe key is shown this once; keep it where secrets are kept.")
    sys.stdout.write(f"{answer.key}\n")


def _show(answer: Answer, *, as_json: bool) -> None:
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    screen.out().print(facts(answer.read(Key)))


def _report(done: str, answer: Answer, *, as_json: bool) -> None:
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    key = answer.read(Key)
    screen.out().print(Text(done), screen.clean(key.name), Text(f"({key.id}):"), screen.dot(key.status))


app.command("rotate")(rotate)
app.command("revoke-secret")(revoke_secret)
app.command("claim")(claim)
app.command("simulate")(simulate)
app.command("verify")(verify)
app.command("revoke-exposed")(revoke_exposed)
app.command("reveal")(reveal)
