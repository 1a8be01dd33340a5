"""``keyturn credit``: what accounts have, and how they come by more."""

import sys
from typing import Annotated

import msgspec
import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from keyturn.cli import expiry, screen
from keyturn.cli.connection import Node, on_node, segment
from keyturn.cli.failure import CommandFailed
from keyturn.cli.key_options import AsJson
from keyturn.system import now

PATH = "/api/v1/credit"

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Show and grant credit, make codes that are worth some, and redeem them.\n\n"
    "Example: `keyturn credit grant acme 10 --note 'Invoice 4711'`",
)

Named = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Its id (acct_…) or its name.")]
Amount = Annotated[str, typer.Argument(metavar="USD", help="Dollars, with up to nine decimals.")]
Note = Annotated[str, typer.Option(help="Why; it stands on the statement.")]
Reference = Annotated[
    str | None,
    typer.Option(help="Your own name for it: under the same name, nothing is done a second time."),
]
Expires = Annotated[
    str | None, typer.Option("--expires", metavar="WHEN", help=f"When it ends: {expiry.EXAMPLES}.")
]


class Grant(msgspec.Struct, frozen=True):
    """Credit that was given."""

    id: str
    source: str
    amount_usd: str
    remaining_usd: str
    created_at: str
    expires_at: str | None = None
    note: str = ""


class Credit(msgspec.Struct, frozen=True):
    """What an account has."""

    account_id: str
    account_name: str
    available_usd: str
    balance_usd: str
    prepaid: bool
    out_of_credit: bool
    grants: list[Grant] = []


class Code(msgspec.Struct, frozen=True):
    """A code, without its text."""

    display: str
    amount_usd: str
    uses: int
    max_uses: int
    created_at: str
    credit_days: int | None = None
    expires_at: str | None = None
    note: str = ""


class _Codes(msgspec.Struct, frozen=True):
    codes: list[str]


@app.command()
@on_node
def show(
    node: Node,
    account: Annotated[
        str | None, typer.Argument(metavar="[ACCOUNT]", help="Its id or its name; your own, unless said.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show what an account has: what may be used, and of which grants, in the order in which they are used.

    Example: `keyturn credit show acme`
    """
    answer = node.get(PATH, account=account)
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    _print(answer.read(Credit))


@app.command()
@on_node
def grant(
    node: Node,
    account: Named,
    amount: Amount,
    *,
    expires: Expires = None,
    note: Note = "",
    reference: Reference = None,
    as_json: AsJson = False,
) -> None:
    """Give an account credit. It pays what is owed first; keys that were refused for want of it work at once.

    Example: `keyturn credit grant acme 10 --expires 365d --note "Invoice 4711" --reference "invoice 4711"`
    """
    body = _body(account, amount, note, reference, expires)
    _change(node, f"{PATH}/grants", body, as_json=as_json)


@app.command()
@on_node
def adjust(
    node: Node,
    account: Named,
    *,
    by: Annotated[str, typer.Option(metavar="USD", help="Dollars; negative: taken off.")],
    note: Annotated[str, typer.Option(help="Why; it stands on the statement.")],
    expires: Expires = None,
    reference: Reference = None,
    as_json: AsJson = False,
) -> None:
    """Put an account right by hand: a payment of what is owed, a goodwill, a correction.

    Example: `keyturn credit adjust acme --by -2.50 --note "Booked twice"`
    """
    body = _body(account, by, note, reference, expires)
    _change(node, f"{PATH}/adjustments", body, as_json=as_json)


@app.command("take-back")
@on_node
def take_back(
    node: Node,
    grant_id: Annotated[str, typer.Argument(metavar="GRANT", help="Its id (grnt_…), as `show` has it.")],
    *,
    note: Note = "",
    as_json: AsJson = False,
) -> None:
    """Take back what remains of a grant; what was used stays used.

    Example: `keyturn credit take-back grnt_VbXhUyUBKUlzDND0IYtt --note "Paid back"`
    """
    answer = node.call("DELETE", f"{PATH}/grants/{segment(grant_id)}", query={"note": note or None})
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    _print(answer.read(Credit))


@app.command("codes")
@on_node
def list_codes(node: Node, *, as_json: AsJson = False) -> None:
    """List the codes that were made, without their texts.

    Example: `keyturn credit codes`
    """
    codes, raw = node.all(f"{PATH}/codes", Code)
    if as_json:
        screen.print_json(raw)
        return
    at = now()
    rows = [
        (
            screen.clean(code.display),
            screen.dollars(code.amount_usd),
            f"{code.uses:,} of {code.max_uses:,}",
            screen.ago(code.expires_at, at),
            screen.ago(code.created_at, at),
            screen.clean(code.note),
        )
        for code in codes
    ]
    columns = ("code", "worth", "redeemed", "expires", "created", "note")
    laid_out = screen.table(columns, rows, right=("worth", "redeemed"), spare=("created", "note"))
    screen.listing(laid_out, "No codes yet. Make some with `keyturn credit make-codes USD`.")


@app.command("make-codes")
@on_node
def make_codes(
    node: Node,
    amount: Amount,
    *,
    count: Annotated[int, typer.Option(min=1, help="How many.")] = 1,
    uses: Annotated[int, typer.Option(min=1, help="By how many accounts each can be redeemed.")] = 1,
    expires: Annotated[
        str | None, typer.Option(metavar="WHEN", help=f"Until when they can be redeemed: {expiry.EXAMPLES}.")
    ] = None,
    credit_days: Annotated[
        int | None, typer.Option(min=1, metavar="DAYS", help="How long their credit lasts.")
    ] = None,
    note: Note = "",
    as_json: AsJson = False,
) -> None:
    """Make codes that are worth credit, and print them, one a line: nobody can show them again.

    Example: `keyturn credit make-codes 5 --count 100 --credit-days 365 --note "Fair 2026" > codes.txt`
    """
    body: dict[str, object] = {"amount_usd": amount, "count": count, "max_uses": uses, "note": note}
    if expires is not None:
        body["expires_at"] = expiry.instant(expires, now())
    if credit_days is not None:
        body["credit_days"] = credit_days
    answer = node.call("POST", f"{PATH}/codes", body=body)
    if as_json:
        screen.print_json(answer.raw)
        return
    codes = msgspec.json.decode(answer.raw, type=_Codes).codes
    sys.stdout.write("".join(f"{code}\n" for code in codes))
    screen.err().print("They are shown this once: keep them.")


@app.command()
@on_node
def redeem(
    node: Node,
    code: Annotated[
        str | None, typer.Argument(metavar="[CODE]", help="The code; unless said, read from standard input.")
    ] = None,
    *,
    account: Annotated[
        str | None, typer.Option(metavar="ACCOUNT", help="Whose credit it is to be; your own, unless said.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Turn a code into credit. Each account can do so once with each code.

    Example: `keyturn credit redeem KT-7F2KM-QX9TZ-W4RBN-8CVD1 --account acme`
    """
    if code is None:
        screen.err().print("Code: ", end="")
        code = screen.typed()
    if not code:
        raise CommandFailed("there is no code")
    body = {"code": code} if account is None else {"code": code, "account": account}
    _change(node, f"{PATH}/redeem", body, as_json=as_json)


def _body(
    account: str, amount: str, note: str, reference: str | None, expires: str | None
) -> dict[str, object]:
    body: dict[str, object] = {"account": account, "amount_usd": amount, "note": note}
    if reference is not None:
        body["reference"] = reference
    if expires is not None:
        body["expires_at"] = expiry.instant(expires, now())
    return body


def _change(node: Node, path: str, body: dict[str, object] | dict[str, str], *, as_json: bool) -> None:
    answer = node.call("POST", path, body=body)
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    _print(answer.read(Credit))


def _print(credit: Credit) -> None:
    status = "out_of_credit" if credit.out_of_credit else "active"
    rows: list[tuple[str, RenderableType]] = [
        ("account", Text.assemble(screen.clean(credit.account_name), f" ({credit.account_id})")),
        ("available", screen.dollars(credit.available_usd)),
        ("balance", screen.dollars(credit.balance_usd)),
        ("prepaid", screen.dot(status) if credit.prepaid else "no"),
    ]
    screen.out().print(screen.facts(rows))
    if credit.grants:
        screen.out().print(_table(credit.grants))


def _table(grants: list[Grant]) -> Table:
    at = now()
    rows = [
        (
            screen.dollars(one.remaining_usd),
            screen.dollars(one.amount_usd),
            one.source,
            screen.ago(one.expires_at, at),
            screen.ago(one.created_at, at),
            screen.clean(one.note),
            Text(one.id, style="bright_black"),
        )
        for one in grants
    ]
    columns = ("remaining", "of", "source", "expires", "created", "note", "id")
    return screen.table(columns, rows, right=("remaining", "of"), spare=("created", "note", "source"))
