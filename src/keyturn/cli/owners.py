"""Accounts, projects, users and members as commands find and show them."""

from collections.abc import Callable
from typing import Annotated, TypeVar

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from keyturn.cli import screen
from keyturn.cli.connection import Node, segment
from keyturn.cli.failure import CommandFailed
from keyturn.cli.limit_options import HeldLimit, words
from keyturn.system import now

ACCOUNTS, PROJECTS, USERS = "/api/v1/accounts", "/api/v1/projects", "/api/v1/users"
FIRSTS = {
    ACCOUNTS: ("account", "accounts create NAME"),
    PROJECTS: ("project", "projects create NAME"),
    USERS: ("user", "users create EMAIL"),
}
"""Path → what stands there, and how the first is made."""

AccountOption = Annotated[
    str | None, typer.Option("--account", metavar="ACCOUNT", help="Of which account: its id or name.")
]
Search = Annotated[str | None, typer.Option(help="Only those with this in the name or id.")]
MetadataOption = Annotated[
    list[str] | None,
    typer.Option(
        "--metadata",
        metavar="NAME=VALUE",
        help="What else is to be known; repeatable, takes the place of what was there; `none` takes all away.",
    ),
]


class Account(msgspec.Struct, frozen=True):
    """A tenant."""

    id: str
    name: str
    status: str
    created_at: str
    projects: int = 0
    keys: int = 0
    users: int = 0
    metadata: dict[str, str] = {}
    time_zone: str = "UTC"
    limits: list[HeldLimit] = []
    plan_id: str | None = None
    prepaid: bool = False
    trial_ends_at: str | None = None


class Policy(msgspec.Struct, frozen=True):
    """What a project asks of its keys."""

    locations: list[str] | None = None
    longest_life_days: int | None = None
    unused_days: int | None = None
    recoverable: bool = True
    rotate_every_days: int | None = None
    store_bodies: bool = False


class Project(msgspec.Struct, frozen=True):
    """What keys belong to."""

    id: str
    name: str
    account_id: str
    status: str
    created_at: str
    description: str = ""
    policy: Policy = Policy()
    keys: int = 0
    members: int = 0
    metadata: dict[str, str] = {}
    limits: list[HeldLimit] = []


class User(msgspec.Struct, frozen=True):
    """A person."""

    id: str
    email: str
    name: str
    account_id: str
    status: str
    created_at: str
    keys: int = 0
    projects: list[str] = []
    metadata: dict[str, str] = {}
    role: str | None = None
    two_factor: bool = False
    last_sign_in_at: str | None = None
    invited: bool = False


class Invitation(msgspec.Struct, frozen=True):
    """A link by which somebody comes in."""

    user: User
    sent: bool
    link: str | None
    expires_at: str


class Member(msgspec.Struct, frozen=True):
    """A person in a project."""

    user_id: str
    email: str
    name: str
    status: str
    added_at: str
    keys: int = 0


class Owner(msgspec.Struct, frozen=True):
    """What all of them have."""

    id: str
    name: str


O = TypeVar("O", Account, Project, User)  # noqa: E741 -- for owner


def path_of(node: Node, base: str, named: str) -> str:
    """Return where the API has what a person names. A name with a slash can't stand in a path: then its id does.

    Raises:
        CommandFailed: Nothing has the name, or several have.
    """
    if "/" not in named and named not in {".", ".."}:
        return f"{base}/{segment(named)}"
    found = [one.id for one in node.all(base, Owner, search=named)[0] if one.name == named]
    if len(found) > 1:
        raise CommandFailed(f"{len(found)} have this name; use the id: {', '.join(found)}")
    if not found:
        raise CommandFailed("there is none of this name")
    return f"{base}/{found[0]}"


def confirm(facts: Table, name: str, warning: str, action: str) -> None:
    """Have a name typed before something is done to it that can't be undone at once.

    Args:
        facts: What is shown of it.
        name: What is to be typed.
        warning: What will happen, a sentence.
        action: The verb of the command.

    Raises:
        CommandFailed: Something else was typed.
    """
    console = screen.err()
    console.print(facts)
    console.print(f"\n{warning} Type ", screen.clean(name), f" to {action} it: ", sep="", end="")
    if screen.typed() != name:
        raise CommandFailed(f"that is not it, so nothing was done; --yes {action}s without asking")


def listed(
    node: Node,
    path: str,
    kind: type[O],
    show: Callable[[list[O]], Table],
    *,
    as_json: bool,
    query: dict[str, str | None],
) -> None:
    """Print a list: as a table, or as JSON; of an empty one, say how it gets its first."""
    found, raw = node.all(path, kind, **query)
    if as_json:
        screen.print_json(raw)
        return
    noun, example = FIRSTS[path]
    is_narrowed = any(query.values())
    screen.listing(
        show(found),
        f"No {noun} is like that."
        if is_narrowed
        else f"No {noun}s yet. Create one with `keyturn {example}`.",
    )


def said(done: str, name: str, owner_id: str, status: str) -> Text:
    """Return the line that says what was done."""
    line = Text.assemble(done, " ", screen.clean(name), f" ({owner_id}): ")
    return line.append_text(screen.dot(status))


def limit_rows(limits: list[HeldLimit]) -> list[tuple[str, Text]]:
    """Return limits as rows of facts."""
    return [("limit", screen.clean(words(limit, now()))) for limit in limits]


def metadata_rows(metadata: dict[str, str]) -> list[tuple[str, Text]]:
    """Return metadata as rows of facts."""
    return [("metadata", screen.clean(f"{name}={value}")) for name, value in metadata.items()]
