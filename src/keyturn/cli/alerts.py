"""``keyturn alerts``: what waits for somebody to see to it."""

from typing import Annotated

import msgspec
import typer
from rich.text import Text

from keyturn.cli import screen, since as since_when
from keyturn.cli.connection import Node, on_node, segment
from keyturn.cli.events import COLOURS
from keyturn.cli.failure import CommandFailed
from keyturn.cli.key_options import AsJson
from keyturn.system import now

PATH = "/api/v1/alerts"

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="See which limits are nearly used up, and which keys are used as they never were.\n\n"
    "Example: `keyturn alerts list`",
)


class Alert(msgspec.Struct, frozen=True):
    """An alert, as it came."""

    id: str
    at: str
    kind: str
    severity: str
    account_id: str | None = None
    project_id: str | None = None
    key_id: str | None = None
    address: str | None = None
    request_id: str | None = None
    details: dict[str, str] = {}
    acknowledged_at: str | None = None
    acknowledged_by: str | None = None


class Rules(msgspec.Struct, frozen=True):
    """What is told, as it came."""

    thresholds: list[int]
    own: bool
    rules: dict[str, str] = {}
    owner: str | None = None


AlertId = Annotated[str, typer.Argument(metavar="ALERT", help="The alert's id.")]


@app.command("list")
@on_node
def list_alerts(
    node: Node,
    key: Annotated[
        str | None, typer.Argument(metavar="[KEY]", help="Only of this key: its id or name.")
    ] = None,
    *,
    severity: Annotated[str | None, typer.Option(help="Only `info`, `warning` or `critical`.")] = None,
    account: Annotated[str | None, typer.Option(help="Only of this account: its id or name.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Only from then on: 24h, 7d, or an RFC 3339 date.")
    ] = None,
    acknowledged: Annotated[bool, typer.Option("--acknowledged", help="Those that were seen to.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List the alerts that wait, newest first.

    Example: `keyturn alerts list --severity critical`
    """
    wanted = {"severity": severity, "key": key, "account": account}
    moment = since_when.moment(since, now())
    seen = "true" if acknowledged else None
    answer = node.get(PATH, **wanted, since=moment, acknowledged=seen, limit=limit)
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    at = now()
    rows = [
        (
            screen.ago(one.at, at),
            Text(one.severity, style=COLOURS.get(one.severity, "")),
            one.kind,
            screen.clean(one.key_id or one.project_id or one.account_id or one.address or screen.NOTHING),
            screen.clean(_words(one)),
            Text(one.id, style="bright_black"),
        )
        for one in answer.read(list[Alert])
    ]
    columns = ("when", "severity", "kind", "of", "what", "id")
    screen.listing(screen.table(columns, rows, spare=("what", "when")), "No alert waits.")


@app.command()
@on_node
def show(node: Node, alert: AlertId, *, as_json: AsJson = False) -> None:
    """Show an alert with the figures that made it.

    Example: `keyturn alerts show evt_VbXhUyUBKUlzDND0IYtt`
    """
    answer = node.get(f"{PATH}/{segment(alert)}")
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    found = answer.read(Alert)
    facts = {
        name: text
        for name, text in msgspec.structs.asdict(found).items()
        if name != "details" and isinstance(text, str)
    }
    rows = [(name, screen.clean(text)) for name, text in {**facts, **found.details}.items()]
    screen.out().print(screen.facts(rows))


@app.command()
@on_node
def ack(node: Node, alert: AlertId, *, as_json: AsJson = False) -> None:
    """Say that you have seen to an alert. A quarantined key goes on being refused until it is enabled.

    Example: `keyturn alerts ack evt_VbXhUyUBKUlzDND0IYtt`
    """
    answer = node.call("POST", f"{PATH}/{segment(alert)}/acknowledge")
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    found = answer.read(Alert)
    screen.out().print(screen.clean(f"Acknowledged {found.kind}, by {found.acknowledged_by}."))


@app.command()
@on_node
def rules(
    node: Node,
    owner: Annotated[
        str | None, typer.Argument(metavar="[OWNER]", help="The id of a key, project or account.")
    ] = None,
    *,
    thresholds: Annotated[
        str | None,
        typer.Option(metavar="PERCENT,…", help="Tell of these shares, such as 50,90; `none`: of none."),
    ] = None,
    usual: Annotated[
        bool, typer.Option("--usual", help="Tell of the shares that the node's settings say.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show which shares of limits are told and what each rule does; with options, change an owner's shares.

    Example: `keyturn alerts rules acct_VbXhUyU0pLmK2jHgFdSa --thresholds 50,90`
    """
    if thresholds is not None or usual:
        wanted = None if usual else _percents(thresholds or "")
        answer = node.call("PUT", f"{PATH}/rules", body={"thresholds": wanted}, query={"owner": owner})
    else:
        answer = node.get(f"{PATH}/rules", owner=owner)
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    found = answer.read(Rules)
    told = ", ".join(f"{one} %" for one in found.thresholds) or "nothing"
    whose = f"{found.owner}" if found.own else "the node's settings"
    screen.out().print(screen.clean(f"Of limits: {told} ({whose})"))
    screen.out().print(screen.table(("rule", "does"), [(name, text) for name, text in found.rules.items()]))


def _percents(text: str) -> list[int]:
    if text == "none":
        return []
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise CommandFailed(f"--thresholds: {text!r} is no list of whole numbers such as 50,80,100") from None


def _words(alert: Alert) -> str:
    if "limit" in alert.details:
        of = alert.details
        return f"{of['limit']}: {of.get('percent', '?')} % ({of.get('used', '?')} of {of.get('max', '?')})"
    rest = [f"{name} {text}" for name, text in alert.details.items() if name != "why"]
    return ", ".join([alert.details.get("why", ""), *rest] if "why" in alert.details else rest)
