"""``keyturn projects``: what keys belong to."""

from typing import Annotated

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from keyturn.cli import owners, screen
from keyturn.cli.connection import Node, on_node, segment
from keyturn.cli.failure import CommandFailed
from keyturn.cli.key_options import AsJson, Yes
from keyturn.cli.key_terms import days_in, metadata_in, values_in
from keyturn.cli.owners import PROJECTS, AccountOption, Member, MetadataOption, Policy, Project, Search
from keyturn.system import now

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Group keys, set a policy for all of them, and say who is a member.\n\n"
    "Example: `keyturn projects create shop --location header`",
)

POLICY = "Policy"

Named = Annotated[
    str, typer.Argument(metavar="PROJECT", help="Its id (proj_…), or its name when only one has it.")
]
Person = Annotated[str, typer.Argument(metavar="USER", help="The id (user_…) or the e-mail address.")]
Description = Annotated[str | None, typer.Option(help="More about it; empty takes it away.")]
Locations = Annotated[
    list[str] | None,
    typer.Option(
        "--location",
        metavar="PLACE",
        help="Its keys are taken only there: `header`, `query`, `body`; repeatable, `none` leaves it to the node.",
        rich_help_panel=POLICY,
    ),
]
LongestLife = Annotated[
    str | None,
    typer.Option(
        "--longest-life",
        metavar="SPAN",
        help="New keys must expire within: 365d, or `never`.",
        rich_help_panel=POLICY,
    ),
]
Unused = Annotated[
    str | None,
    typer.Option(
        "--unused",
        metavar="SPAN",
        help="A key that nobody uses for so long is disabled: 90d, or `never`.",
        rich_help_panel=POLICY,
    ),
]
Recoverable = Annotated[
    bool | None,
    typer.Option(
        "--recoverable/--no-recoverable",
        help="Keys may be created that can be shown again.",
        rich_help_panel=POLICY,
    ),
]
RotateEvery = Annotated[
    str | None,
    typer.Option(
        "--rotate-every",
        metavar="SPAN",
        help="How often new keys get another secret: 90d, or `never`.",
        rich_help_panel=POLICY,
    ),
]
StoreBodies = Annotated[
    bool | None,
    typer.Option(
        "--store-bodies/--no-store-bodies",
        help="What is asked and answered is kept, sealed, as long as the request log.",
        rich_help_panel=POLICY,
    ),
]


@app.command()
@on_node
def create(
    node: Node,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for.")],
    *,
    account: AccountOption = None,
    description: Description = None,
    location: Locations = None,
    longest_life: LongestLife = None,
    unused: Unused = None,
    recoverable: Recoverable = None,
    rotate_every: RotateEvery = None,
    store_bodies: StoreBodies = None,
    metadata: MetadataOption = None,
    as_json: AsJson = False,
) -> None:
    """Create a project.

    Example: `keyturn projects create payments --location header --unused 90d --longest-life 365d`
    """
    policy = _policy(location, longest_life, unused, rotate_every, _flags(recoverable, store_bodies))
    given = {
        "name": name,
        "account_id": account,
        "description": description,
        "policy": policy or None,
        "metadata": metadata_in(metadata),
    }
    body = {member: value for member, value in given.items() if value is not None}
    answer = node.call("POST", PROJECTS, body=body)
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    project = answer.read(Project)
    screen.out().print(owners.said("Created", project.name, project.id, project.status))


@app.command("list")
@on_node
def show_all(
    node: Node, *, account: AccountOption = None, search: Search = None, as_json: AsJson = False
) -> None:
    """List the projects with how many keys and members each has.

    Example: `keyturn projects list`
    """
    query = {"account": account, "search": search}
    owners.listed(node, PROJECTS, Project, _table, as_json=as_json, query=query)


@app.command()
@on_node
def show(node: Node, project: Named, *, as_json: AsJson = False) -> None:
    """Show one project with its policy.

    Example: `keyturn projects show shop`
    """
    answer = node.get(owners.path_of(node, PROJECTS, project))
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    screen.out().print(_facts(answer.read(Project)))


@app.command()
@on_node
def edit(
    node: Node,
    project: Named,
    *,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    description: Description = None,
    location: Locations = None,
    longest_life: LongestLife = None,
    unused: Unused = None,
    recoverable: Recoverable = None,
    rotate_every: RotateEvery = None,
    store_bodies: StoreBodies = None,
    metadata: MetadataOption = None,
    as_json: AsJson = False,
) -> None:
    """Change a project or its policy; what is not named stays. When this returns, every worker goes by it.

    Example: `keyturn projects edit shop --location header`
    """
    policy = _policy(location, longest_life, unused, rotate_every, _flags(recoverable, store_bodies))
    given = {
        "name": name,
        "description": description,
        "policy": policy or None,
        "metadata": metadata_in(metadata),
    }
    body = {member: value for member, value in given.items() if value is not None}
    if not body:
        raise CommandFailed("nothing to change; see `keyturn projects edit --help`")
    answer = node.call("PATCH", owners.path_of(node, PROJECTS, project), body=body)
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    screen.out().print(_facts(answer.read(Project)))


@app.command()
@on_node
def delete(node: Node, project: Named, *, yes: Yes = False, as_json: AsJson = False) -> None:
    """Delete a project whose keys are all revoked, deleted or expired. Its usage stays in reports.

    Example: `keyturn projects delete shop`
    """
    path = owners.path_of(node, PROJECTS, project)
    if not yes:
        found = node.get(path).read(Project)
        owners.confirm(_facts(found), found.name, "This can't be undone.", "delete")
    answer = node.call("DELETE", path)
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    gone = answer.read(Project)
    screen.out().print(Text("Deleted"), screen.clean(gone.name), Text(f"({gone.id})"))


@app.command()
@on_node
def members(node: Node, project: Named, *, as_json: AsJson = False) -> None:
    """List the members of a project with their personal keys in it.

    Example: `keyturn projects members shop`
    """
    found, raw = node.all(f"{owners.path_of(node, PROJECTS, project)}/members", Member)
    if as_json:
        screen.print_json(raw)
        return
    at = now()
    rows = [
        (
            screen.clean(member.email),
            screen.clean(member.name),
            screen.dot(member.status),
            f"{member.keys:,}",
            screen.ago(member.added_at, at),
            Text(member.user_id, style="bright_black"),
        )
        for member in found
    ]
    columns = ("email", "name", "status", "keys", "added", "id")
    laid_out = screen.table(columns, rows, right=("keys",), spare=("added", "id", "name"))
    screen.listing(laid_out, "It has no members. Add one with `keyturn projects add-member PROJECT USER`.")


@app.command("add-member")
@on_node
def add_member(node: Node, project: Named, user: Person, *, as_json: AsJson = False) -> None:
    """Let a user hold personal keys in a project.

    Example: `keyturn projects add-member shop kim@example.com`
    """
    path = f"{owners.path_of(node, PROJECTS, project)}/members"
    answer = node.call("POST", path, body={"user_id": user})
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    member = answer.read(Member)
    screen.out().print(
        Text("Added"),
        screen.clean(member.email),
        Text(f"({member.user_id}) to"),
        screen.clean(project),
        soft_wrap=True,
    )


@app.command("remove-member")
@on_node
def remove_member(node: Node, project: Named, user: Person, *, as_json: AsJson = False) -> None:
    """Take a user out of a project and revoke their personal keys there; no worker takes them any more.

    Example: `keyturn projects remove-member shop kim@example.com`
    """
    path = f"{owners.path_of(node, PROJECTS, project)}/members/{segment(user)}"
    answer = node.call("DELETE", path)
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    member = answer.read(Member)
    screen.out().print(
        Text("Removed"),
        screen.clean(member.email),
        Text(f"({member.user_id}) from"),
        screen.clean(project),
        soft_wrap=True,
    )


def _policy(
    location: list[str] | None,
    longest_life: str | None,
    unused: str | None,
    rotate_every: str | None,
    flags: dict[str, bool],
) -> dict[str, object]:
    found: dict[str, object] = {}
    if location:
        found["locations"] = values_in(location) or None
    spans = {
        "longest_life_days": longest_life,
        "unused_days": unused,
        "rotate_every_days": rotate_every,
    }
    found |= {member: days_in(span) for member, span in spans.items() if span is not None}
    return found | flags


def _flags(recoverable: bool | None, store_bodies: bool | None) -> dict[str, bool]:  # noqa: FBT001 -- options
    given = {"recoverable": recoverable, "store_bodies": store_bodies}
    return {member: value for member, value in given.items() if value is not None}


def _table(projects: list[Project]) -> Table:
    at = now()
    rows = [
        (
            screen.clean(project.name),
            screen.dot(project.status),
            f"{project.keys:,}",
            f"{project.members:,}",
            screen.clean("; ".join(_rules(project.policy)) or screen.NOTHING),
            screen.ago(project.created_at, at),
            Text(project.id, style="bright_black"),
        )
        for project in projects
    ]
    columns = ("name", "status", "keys", "members", "policy", "created", "id")
    return screen.table(
        columns, rows, right=("keys", "members"), spare=("created", "members", "policy", "id")
    )


def _facts(project: Project) -> Table:
    rows: list[tuple[str, RenderableType]] = [
        ("id", project.id),
        ("name", screen.clean(project.name)),
        ("description", screen.clean(project.description or screen.NOTHING)),
        ("account", project.account_id),
        ("status", screen.dot(project.status)),
        ("keys", f"{project.keys:,}"),
        ("members", f"{project.members:,}"),
        ("created", screen.ago(project.created_at, now())),
        *(("policy", screen.clean(rule)) for rule in _rules(project.policy)),
        *owners.limit_rows(project.limits),
        *owners.metadata_rows(project.metadata),
    ]
    return screen.facts(rows)


def _rules(policy: Policy) -> list[str]:
    rules = []
    if policy.locations is not None:
        rules.append(f"keys in {', '.join(policy.locations)} only")
    if policy.longest_life_days is not None:
        rules.append(f"new keys live {policy.longest_life_days} days at most")
    if policy.unused_days is not None:
        rules.append(f"unused keys end after {policy.unused_days} days")
    if policy.rotate_every_days is not None:
        rules.append(f"new keys rotate every {policy.rotate_every_days} days")
    if not policy.recoverable:
        rules.append("no recoverable keys")
    if policy.store_bodies:
        rules.append("bodies are kept")
    return rules
