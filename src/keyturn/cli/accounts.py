"""``keyturn accounts``: tenants."""

from typing import Annotated

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from keyturn.cli import owners, screen
from keyturn.cli.connection import Node, on_node
from keyturn.cli.failure import CommandFailed
from keyturn.cli.key_options import AsJson, Yes
from keyturn.cli.key_terms import NONE, metadata_in
from keyturn.cli.owners import ACCOUNTS, Account, MetadataOption, Search
from keyturn.system import now

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Keep tenants apart, and suspend one with all its keys.\n\nExample: `keyturn accounts create acme`",
)

PlanOption = Annotated[
    str | None, typer.Option(metavar="PLAN", help="Its plan: an id or a name; `none` takes it away.")
]
PrepaidOption = Annotated[
    bool | None,
    typer.Option("--prepaid/--no-prepaid", help="Serve it only while it has credit; a plan may say so too."),
]
Named = Annotated[
    str, typer.Argument(metavar="ACCOUNT", help="Its id (acct_…), or its name when only one has it.")
]
TimeZone = Annotated[
    str | None,
    typer.Option(
        "--time-zone",
        metavar="ZONE",
        help="Where the days and months of its limits begin: `Europe/Berlin`; UTC unless said.",
    ),
]


@app.command()
@on_node
def create(
    node: Node,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is.")],
    *,
    time_zone: TimeZone = None,
    metadata: MetadataOption = None,
    plan: PlanOption = None,
    prepaid: PrepaidOption = None,
    as_json: AsJson = False,
) -> None:
    """Create an account. It is empty: give it a project next.

    Example: `keyturn accounts create acme`
    """
    body: dict[str, object] = {"name": name, "metadata": metadata_in(metadata) or {}}
    if time_zone is not None:
        body["time_zone"] = time_zone
    if plan is not None and plan != NONE:
        body["plan"] = plan
    if prepaid is not None:
        body["prepaid"] = prepaid
    answer = node.call("POST", ACCOUNTS, body=body)
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    account = answer.read(Account)
    screen.out().print(owners.said("Created", account.name, account.id, account.status))
    screen.err().print(f"Give it a project: `keyturn projects create NAME --account {account.id}`.")


@app.command("list")
@on_node
def show_all(node: Node, *, search: Search = None, as_json: AsJson = False) -> None:
    """List the accounts with what is in them.

    Example: `keyturn accounts list`
    """
    owners.listed(node, ACCOUNTS, Account, _table, as_json=as_json, query={"search": search})


@app.command()
@on_node
def show(node: Node, account: Named, *, as_json: AsJson = False) -> None:
    """Show one account.

    Example: `keyturn accounts show acme`
    """
    answer = node.get(owners.path_of(node, ACCOUNTS, account))
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    screen.out().print(_facts(answer.read(Account)))


@app.command()
@on_node
def edit(
    node: Node,
    account: Named,
    *,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    time_zone: TimeZone = None,
    metadata: MetadataOption = None,
    plan: PlanOption = None,
    prepaid: PrepaidOption = None,
    as_json: AsJson = False,
) -> None:
    """Change the name, the time zone, the metadata, the plan or the prepayment of an account; in force when this returns.

    Example: `keyturn accounts edit acme --name "Acme SE"`
    """
    given = {"name": name, "time_zone": time_zone, "metadata": metadata_in(metadata), "prepaid": prepaid}
    body: dict[str, object] = {member: value for member, value in given.items() if value is not None}
    if plan is not None:
        body["plan"] = None if plan == NONE else plan
    if not body:
        raise CommandFailed("nothing to change; give --name, --time-zone, --metadata, --plan or --prepaid")
    answer = node.call("PATCH", owners.path_of(node, ACCOUNTS, account), body=body)
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    screen.out().print(_facts(answer.read(Account)))


@app.command()
@on_node
def suspend(node: Node, account: Named, *, as_json: AsJson = False) -> None:
    """Stop all keys of an account; when this returns, no worker takes any of them. `resume` undoes it.

    Example: `keyturn accounts suspend acme`
    """
    _act(node, f"{owners.path_of(node, ACCOUNTS, account)}/suspend", "Suspended", as_json=as_json)


@app.command()
@on_node
def resume(node: Node, account: Named, *, as_json: AsJson = False) -> None:
    """Let the keys of a suspended account work again, each as it did before.

    Example: `keyturn accounts resume acme`
    """
    _act(node, f"{owners.path_of(node, ACCOUNTS, account)}/resume", "Resumed", as_json=as_json)


@app.command()
@on_node
def delete(node: Node, account: Named, *, yes: Yes = False, as_json: AsJson = False) -> None:
    """Delete an account that has no projects and no users any more. Its usage stays in reports.

    Example: `keyturn accounts delete acme`
    """
    path = owners.path_of(node, ACCOUNTS, account)
    if not yes:
        found = node.get(path).read(Account)
        owners.confirm(_facts(found), found.name, "This can't be undone.", "delete")
    answer = node.call("DELETE", path)
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    gone = answer.read(Account)
    screen.out().print(Text("Deleted"), screen.clean(gone.name), Text(f"({gone.id})"))


def _act(node: Node, path: str, done: str, *, as_json: bool) -> None:
    answer = node.call("POST", path)
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    account = answer.read(Account)
    screen.out().print(owners.said(done, account.name, account.id, account.status))


def _table(accounts: list[Account]) -> Table:
    at = now()
    rows = [
        (
            screen.clean(account.name),
            screen.dot(account.status),
            f"{account.projects:,}",
            f"{account.keys:,}",
            f"{account.users:,}",
            screen.ago(account.created_at, at),
            Text(account.id, style="bright_black"),
        )
        for account in accounts
    ]
    columns = ("name", "status", "projects", "keys", "users", "created", "id")
    return screen.table(columns, rows, right=("projects", "keys", "users"), spare=("created", "users", "id"))


def _facts(account: Account) -> Table:
    rows: list[tuple[str, RenderableType]] = [
        ("id", account.id),
        ("name", screen.clean(account.name)),
        ("status", screen.dot(account.status)),
        ("projects", f"{account.projects:,}"),
        ("keys", f"{account.keys:,}"),
        ("users", f"{account.users:,}"),
        ("created", screen.ago(account.created_at, now())),
        ("time zone", screen.clean(account.time_zone)),
        *owners.limit_rows(account.limits),
        ("plan", account.plan_id or screen.NOTHING),
        ("prepaid", "yes" if account.prepaid else "no"),
        *([("trial ends", screen.ago(account.trial_ends_at, now()))] if account.trial_ends_at else []),
        *owners.metadata_rows(account.metadata),
    ]
    return screen.facts(rows)
