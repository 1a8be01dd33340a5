"""``keyturn users``: people, and the personal keys that end with them."""

from typing import Annotated

import msgspec
import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from keyturn.cli import owners, screen
from keyturn.cli.connection import Node, on_node
from keyturn.cli.failure import CommandFailed
from keyturn.cli.key_options import AsJson, Yes
from keyturn.cli.key_terms import metadata_in
from keyturn.cli.owners import USERS, AccountOption, Invitation, MetadataOption, Search, User
from keyturn.cli.user_links import reset_link, verify_link
from keyturn.domain.roles import Role
from keyturn.system import now

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Say who the people are that hold personal keys.\n\nExample: `keyturn users create kim@example.com`",
)


class _Setup(msgspec.Struct, frozen=True):
    link: str


Named = Annotated[
    str, typer.Argument(metavar="USER", help="The id (user_…), or the e-mail address when only one has it.")
]


@app.command()
@on_node
def create(
    node: Node,
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="The e-mail address.")],
    *,
    name: Annotated[str | None, typer.Option(help="What people call them; the address unless said.")] = None,
    account: AccountOption = None,
    metadata: MetadataOption = None,
    role: Annotated[
        Role | None, typer.Option(help="What they may do when they sign in; without it they don't.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add a user. Make them a member of a project next, then they can hold keys there.

    Example: `keyturn users create kim@example.com --name "Kim Example"`
    """
    given = {"email": email, "name": name, "account_id": account, "metadata": metadata_in(metadata)}
    given["role"] = role
    body = {member: value for member, value in given.items() if value is not None}
    answer = node.call("POST", USERS, body=body)
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    user = answer.read(User)
    screen.out().print(owners.said("Created", user.email, user.id, user.status))


@app.command("list")
@on_node
def show_all(
    node: Node, *, account: AccountOption = None, search: Search = None, as_json: AsJson = False
) -> None:
    """List the users with their keys and projects.

    Example: `keyturn users list`
    """
    query = {"account": account, "search": search}
    owners.listed(node, USERS, User, _table, as_json=as_json, query=query)


@app.command()
@on_node
def show(node: Node, user: Named, *, as_json: AsJson = False) -> None:
    """Show one user.

    Example: `keyturn users show kim@example.com`
    """
    answer = node.get(owners.path_of(node, USERS, user))
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    screen.out().print(_facts(answer.read(User)))


@app.command()
@on_node
def edit(
    node: Node,
    user: Named,
    *,
    email: Annotated[str | None, typer.Option(help="A new e-mail address.")] = None,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    metadata: MetadataOption = None,
    as_json: AsJson = False,
) -> None:
    """Change the address, the name or the metadata of a user.

    Example: `keyturn users edit kim@example.com --name "Kim Sample"`
    """
    given = {"email": email, "name": name, "metadata": metadata_in(metadata)}
    body = {member: value for member, value in given.items() if value is not None}
    if not body:
        raise CommandFailed("nothing to change; give --email, --name or --metadata")
    answer = node.call("PATCH", owners.path_of(node, USERS, user), body=body)
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    screen.out().print(_facts(answer.read(User)))


@app.command("setup-link")
@on_node
def setup_link(node: Node) -> None:
    """Print a new link for the node's first owner, while there is none. It works once, for a day; the one before works no more.

    Example: `keyturn users setup-link`
    """
    screen.out().print(Text(node.call("POST", "/api/v1/setup-link").read(_Setup).link))


@app.command()
@on_node
def invite(
    node: Node,
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="The e-mail address.")],
    *,
    role: Annotated[Role, typer.Option(help="What they may do.")] = Role.MEMBER,
    name: Annotated[str | None, typer.Option(help="What people call them; they can say later.")] = None,
    account: AccountOption = None,
    project: Annotated[
        str | None,
        typer.Option(
            metavar="PROJECT", help="Its id or name: they become a member, and can hold personal keys there."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Invite somebody to sign in; again makes a new link. Without a mail server the link is printed: hand it over.

    Example: `keyturn users invite kim@example.com --project billing`
    """
    given = {"email": email, "role": role, "name": name, "account_id": account, "project_id": project}
    body = {member: value for member, value in given.items() if value is not None}
    answer = node.call("POST", "/api/v1/invitations", body=body)
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    made = answer.read(Invitation)
    if made.link is None:
        screen.out().print(owners.said("Invited by e-mail:", made.user.email, made.user.id, made.user.status))
        return
    screen.err().print(
        Text("Invited. Hand this link over; it works once, until"), screen.ago(made.expires_at, now())
    )
    screen.out().print(Text(made.link), soft_wrap=True)


@app.command()
@on_node
def role(
    node: Node,
    user: Named,
    role: Annotated[Role, typer.Argument(metavar="ROLE", help="owner, admin, member or viewer.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Change what a user may do when they sign in. Their sessions end if it is less than before.

    Example: `keyturn users role kim@example.com viewer`
    """
    answer = node.call("PATCH", owners.path_of(node, USERS, user), body={"role": role})
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    screen.out().print(_facts(answer.read(User)))


@app.command()
@on_node
def suspend(node: Node, user: Named, *, as_json: AsJson = False) -> None:
    """Stop a user's personal keys; when this returns, no worker takes any of them. `resume` undoes it.

    Example: `keyturn users suspend kim@example.com`
    """
    _act(node, f"{owners.path_of(node, USERS, user)}/suspend", "Suspended", as_json=as_json)


@app.command()
@on_node
def resume(node: Node, user: Named, *, as_json: AsJson = False) -> None:
    """Let the personal keys of a suspended user work again, each as it did before.

    Example: `keyturn users resume kim@example.com`
    """
    _act(node, f"{owners.path_of(node, USERS, user)}/resume", "Resumed", as_json=as_json)


@app.command("reset-second-factor")
@on_node
def reset_second_factor(node: Node, user: Named, *, yes: Yes = False, as_json: AsJson = False) -> None:
    """Turn off the second factor of somebody who has lost it: app, recovery codes and passkeys. Their sessions end, the password stays.

    Example: `keyturn users reset-second-factor kim@example.com`
    """
    path = owners.path_of(node, USERS, user)
    if not yes:
        found = node.get(path).read(User)
        warning = "Their password alone will be enough to sign in; make sure that it is really them who asks."
        owners.confirm(_facts(found), found.email, warning, "reset")
    _act(node, f"{path}/reset-second-factor", "Turned the second factor off:", as_json=as_json)


@app.command()
@on_node
def delete(node: Node, user: Named, *, yes: Yes = False, as_json: AsJson = False) -> None:
    """Delete a user and revoke their personal keys. Service keys that they created stay.

    Example: `keyturn users delete kim@example.com`
    """
    path = owners.path_of(node, USERS, user)
    if not yes:
        found = node.get(path).read(User)
        warning = "Their personal keys are revoked; this can't be undone."
        owners.confirm(_facts(found), found.email, warning, "delete")
    answer = node.call("DELETE", path)
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    gone = answer.read(User)
    screen.out().print(Text("Deleted"), screen.clean(gone.email), Text(f"({gone.id})"))


app.command()(reset_link)
app.command()(verify_link)


def _act(node: Node, path: str, done: str, *, as_json: bool) -> None:
    answer = node.call("POST", path)
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    user = answer.read(User)
    screen.out().print(owners.said(done, user.email, user.id, user.status))


def _table(users: list[User]) -> Table:
    at = now()
    rows = [
        (
            screen.clean(user.email),
            screen.clean(user.name),
            screen.dot(user.status),
            user.role or screen.NOTHING,
            f"{user.keys:,}",
            f"{len(user.projects):,}",
            screen.ago(user.created_at, at),
            Text(user.id, style="bright_black"),
        )
        for user in users
    ]
    columns = ("email", "name", "status", "role", "keys", "projects", "created", "id")
    return screen.table(columns, rows, right=("keys", "projects"), spare=("created", "id", "name"))


def _last_sign_in(user: User) -> RenderableType:
    if user.last_sign_in_at is not None:
        return screen.ago(user.last_sign_in_at, now())
    return "never; invited" if user.invited else "never"


def _facts(user: User) -> Table:
    rows: list[tuple[str, RenderableType]] = [
        ("id", user.id),
        ("email", screen.clean(user.email)),
        ("name", screen.clean(user.name)),
        ("status", screen.dot(user.status)),
        ("role", user.role or "none: does not sign in"),
        ("second factor", "yes" if user.two_factor else "no"),
        ("last sign-in", _last_sign_in(user)),
        ("account", user.account_id),
        ("projects", ", ".join(user.projects) or screen.NOTHING),
        ("personal keys", f"{user.keys:,}"),
        ("created", screen.ago(user.created_at, now())),
        *owners.metadata_rows(user.metadata),
    ]
    return screen.facts(rows)
