"""``keyturn limits``: how much may be used within a time, and how much is."""

from typing import Annotated

import msgspec
import typer

from keyturn.cli import expiry, key_view, limit_options, owners, screen
from keyturn.cli.connection import Answer, Node, on_node
from keyturn.cli.failure import CommandFailed
from keyturn.cli.key_options import AsJson
from keyturn.cli.limit_options import Limits, LimitsOption
from keyturn.system import now

PLANS = "/api/v1/plans"
OWNER = "Whose"

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Say how much may be used within a time, and see how much is.\n\n"
    "Example: `keyturn limits set my-app --limit requests/minute=60 --limit cost_usd/month=20`",
)

Named = Annotated[
    str | None,
    typer.Argument(metavar="[KEY]", help="A key: its id (key_…), or its name when only one has it."),
]
ProjectOption = Annotated[
    str | None,
    typer.Option("--project", metavar="PROJECT", help="Of a project instead.", rich_help_panel=OWNER),
]
AccountOption = Annotated[
    str | None,
    typer.Option("--account", metavar="ACCOUNT", help="Of an account instead.", rich_help_panel=OWNER),
]
PlanOption = Annotated[
    str | None,
    typer.Option(
        "--plan", metavar="PLAN", help="Of every account with this plan instead.", rich_help_panel=OWNER
    ),
]


@app.command()
@on_node
def show(
    node: Node,
    key: Named = None,
    *,
    project: ProjectOption = None,
    account: AccountOption = None,
    plan: PlanOption = None,
    as_json: AsJson = False,
) -> None:
    """Show the limits of a key, project, account or plan, with what is used of each in its window.

    Those of its project, account and plan, which hold for a key too, stand below its own.

    Example: `keyturn limits show my-app`
    """
    _show(node.get(_path(node, key, project, account, plan)), as_json=as_json)


@app.command("set")
@on_node
def write(
    node: Node,
    key: Named = None,
    *,
    project: ProjectOption = None,
    account: AccountOption = None,
    plan: PlanOption = None,
    limit: LimitsOption = None,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="They only count, and tell; nothing is refused.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Set all limits of a key, project, account or plan; when this returns, every worker goes by them.

    Example: `keyturn limits set --project shop --limit requests/minute=600 --limit cost_usd/month=250`
    """
    wanted = limit_options.limits_in(limit, shadow=shadow)
    if wanted is None:
        raise CommandFailed("say which with --limit METRIC/WINDOW=MAX; --limit none takes all away")
    path = _path(node, key, project, account, plan)
    _show(node.call("PUT", path, body={"limits": wanted}), as_json=as_json)


@app.command("raise")
@on_node
def lift(
    node: Node,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[KEY] METRIC/WINDOW=MAX...",
            help="A key, unless --project, --account or --plan says whose; and what to allow meanwhile.",
        ),
    ],
    *,
    until: Annotated[
        str, typer.Option(metavar="WHEN", help="When it is as before again: 2d, 12h, or an RFC 3339 date.")
    ],
    project: ProjectOption = None,
    account: AccountOption = None,
    plan: PlanOption = None,
    as_json: AsJson = False,
) -> None:
    """Allow more for a while; then the limit is by itself what it was. What was used stays used.

    Example: `keyturn limits raise my-app requests/minute=120 --until 2026-12-24`
    """
    at = now()
    named = None if any((project, account, plan)) else words[0]
    raises = words if named is None else words[1:]
    if not raises:
        raise CommandFailed("say what to allow meanwhile, such as requests/minute=120")
    ends = expiry.instant(until, at)
    path = _path(node, named, project, account, plan)
    found = node.get(path).read(Limits)
    limits = {one.subject: limit_options.again(one) for one in found.limits}
    for text in raises:
        wanted = limit_options.written(limit_options.read(text))
        subject = msgspec.convert(wanted, limit_options.HeldLimit).subject
        if subject not in limits:
            has = ", ".join(limits) or "none"
            raise CommandFailed(f"there is no limit on {subject} that could be raised; it has {has}")
        limits[subject]["raise"] = {"max": wanted["max"], "until": ends}
    body = {"limits": list(limits.values())}
    headers = {"if-match": f'"{found.version}"'}
    _show(node.call("PUT", path, body=body, headers=headers), as_json=as_json)


def _path(node: Node, key: str | None, project: str | None, account: str | None, plan: str | None) -> str:
    """Return where the API has the limits of the one thing that is named."""
    if len([one for one in (key, project, account, plan) if one is not None]) != 1:
        raise CommandFailed("say whose: a key, or one of --project, --account and --plan")
    if key is not None:
        return f"{key_view.path_of(node, key)}/limits"
    if project is not None:
        return f"{owners.path_of(node, owners.PROJECTS, project)}/limits"
    if account is not None:
        return f"{owners.path_of(node, owners.ACCOUNTS, account)}/limits"
    return f"{owners.path_of(node, PLANS, plan or '')}/limits"


def _show(answer: Answer, *, as_json: bool) -> None:
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    found = answer.read(Limits)
    rows = limit_options.table(found, now())
    screen.listing(rows, "Nothing limits it. Set one with `keyturn limits set … --limit requests/minute=60`.")
