"""``keyturn plans``: what accounts may use and get, and whether they pay in advance."""

from typing import Annotated

import msgspec
import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from keyturn.cli import owners, screen
from keyturn.cli.connection import Node, on_node, segment
from keyturn.cli.failure import CommandFailed
from keyturn.cli.key_options import AsJson, Yes
from keyturn.cli.key_terms import metadata_in
from keyturn.cli.owners import MetadataOption, Search
from keyturn.system import now

PATH = "/api/v1/plans"

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Say what accounts may use and get, and whether they pay in advance.\n\n"
    "Example: `keyturn plans create Pro --monthly 20`",
)

Named = Annotated[str, typer.Argument(metavar="PLAN", help="Its id (plan_…) or its name.")]
Description = Annotated[str | None, typer.Option(help="For people; empty takes it away.")]
Tier = Annotated[int | None, typer.Option(min=0, help="Higher is better.")]
Prepaid = Annotated[
    bool | None,
    typer.Option("--prepaid/--no-prepaid", help="Serve accounts with it only while they have credit."),
]
Trial = Annotated[
    str | None, typer.Option(metavar="USD", help="Credit for an account that never had a trial.")
]
TrialDays = Annotated[
    int | None, typer.Option(min=0, metavar="DAYS", help="How long the trial lasts; 0: until it is used.")
]
Monthly = Annotated[str | None, typer.Option(metavar="USD", help="Credit in each month, for the month.")]


class Plan(msgspec.Struct, frozen=True):
    """A plan."""

    id: str
    name: str
    created_at: str
    description: str = ""
    tier: int = 0
    prepaid: bool = False
    trial_usd: str = "0"
    trial_days: int | None = None
    monthly_usd: str = "0"
    accounts: int = 0
    metadata: dict[str, str] = {}


@app.command()
@on_node
def create(
    node: Node,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called.")],
    *,
    description: Description = None,
    tier: Tier = None,
    prepaid: Prepaid = None,
    trial: Trial = None,
    trial_days: TrialDays = None,
    monthly: Monthly = None,
    metadata: MetadataOption = None,
    as_json: AsJson = False,
) -> None:
    """Create a plan. Nobody has it yet: give it to an account with `keyturn accounts edit`.

    Example: `keyturn plans create "Pay as you go" --prepaid --trial 5 --trial-days 14`
    """
    body = _body(
        description=description, tier=tier, prepaid=prepaid, trial_usd=trial, monthly_usd=monthly
    ) | _trial_days(trial_days)
    body |= {"name": name, "metadata": metadata_in(metadata) or {}}
    _print(node, "POST", PATH, body, as_json=as_json)


@app.command("list")
@on_node
def show_all(node: Node, *, search: Search = None, as_json: AsJson = False) -> None:
    """List the plans.

    Example: `keyturn plans list`
    """
    plans, raw = node.all(PATH, Plan, search=search)
    if as_json:
        screen.print_json(raw)
        return
    rows = [
        (
            screen.clean(plan.name),
            str(plan.tier),
            "yes" if plan.prepaid else "no",
            screen.dollars(plan.trial_usd),
            screen.dollars(plan.monthly_usd),
            f"{plan.accounts:,}",
            Text(plan.id, style="bright_black"),
        )
        for plan in plans
    ]
    columns = ("name", "tier", "prepaid", "trial", "monthly", "accounts", "id")
    laid_out = screen.table(
        columns, rows, right=("tier", "trial", "monthly", "accounts"), spare=("id", "tier")
    )
    screen.listing(laid_out, "No plan is like that. Create one with `keyturn plans create NAME`.")


@app.command()
@on_node
def show(node: Node, plan: Named, *, as_json: AsJson = False) -> None:
    """Show one plan.

    Example: `keyturn plans show Pro`
    """
    _print(node, "GET", f"{PATH}/{segment(plan)}", None, as_json=as_json)


@app.command()
@on_node
def edit(
    node: Node,
    plan: Named,
    *,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    description: Description = None,
    tier: Tier = None,
    prepaid: Prepaid = None,
    trial: Trial = None,
    trial_days: TrialDays = None,
    monthly: Monthly = None,
    metadata: MetadataOption = None,
    as_json: AsJson = False,
) -> None:
    """Change a plan; in force for every account that has it when this returns.

    Example: `keyturn plans edit Pro --monthly 25`
    """
    body = _body(
        description=description, tier=tier, prepaid=prepaid, trial_usd=trial, monthly_usd=monthly
    ) | _trial_days(trial_days)
    body |= _body(name=name, metadata=metadata_in(metadata))
    if not body:
        raise CommandFailed("nothing to change; see `keyturn plans edit --help`")
    _print(node, "PATCH", f"{PATH}/{segment(plan)}", body, as_json=as_json)


@app.command()
@on_node
def delete(node: Node, plan: Named, *, yes: Yes = False, as_json: AsJson = False) -> None:
    """Delete a plan that no account has.

    Example: `keyturn plans delete Pro`
    """
    path = f"{PATH}/{segment(plan)}"
    if not yes:
        found = node.get(path).read(Plan)
        owners.confirm(_facts(found), found.name, "This can't be undone.", "delete")
    answer = node.call("DELETE", path)
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    gone = answer.read(Plan)
    screen.out().print(Text("Deleted"), screen.clean(gone.name), Text(f"({gone.id})"))


def _body(**given: object) -> dict[str, object]:
    return {member: value for member, value in given.items() if value is not None}


def _trial_days(days: int | None) -> dict[str, object]:
    return {} if days is None else {"trial_days": days or None}


def _print(node: Node, method: str, path: str, body: dict[str, object] | None, *, as_json: bool) -> None:
    answer = node.call(method, path, body=body)
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    screen.out().print(_facts(answer.read(Plan)))


def _facts(plan: Plan) -> Table:
    days = "" if plan.trial_days is None else f" for {plan.trial_days} days"
    rows: list[tuple[str, RenderableType]] = [
        ("id", plan.id),
        ("name", screen.clean(plan.name)),
        ("description", screen.clean(plan.description or screen.NOTHING)),
        ("tier", str(plan.tier)),
        ("prepaid", "yes" if plan.prepaid else "no"),
        ("trial", f"{screen.dollars(plan.trial_usd)}{days}"),
        ("monthly", screen.dollars(plan.monthly_usd)),
        ("accounts", f"{plan.accounts:,}"),
        ("created", screen.ago(plan.created_at, now())),
        *owners.metadata_rows(plan.metadata),
    ]
    return screen.facts(rows)
