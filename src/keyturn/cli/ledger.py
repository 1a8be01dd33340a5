"""``keyturn ledger``: every change of a balance, and the proof that it is right."""

from typing import Annotated

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from keyturn.cli import screen
from keyturn.cli.connection import Node, on_node
from keyturn.cli.failure import CommandFailed
from keyturn.cli.key_options import AsJson
from keyturn.system import now

PATH = "/api/v1/ledger"
MOST_SHOWN = 1_000
VERIFYING_S = 600.0
"""A million entries take some seconds."""

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Show every change of an account's balance, and prove that charges are what was used.\n\n"
    "Example: `keyturn ledger verify`",
)


class Entry(msgspec.Struct, frozen=True):
    """One change of a balance."""

    seq: int
    at: str
    kind: str
    amount_usd: str
    balance_usd: str
    requests: int = 0
    note: str = ""
    actor: str = ""


class Difference(msgspec.Struct, frozen=True):
    """A figure that is not what it must be."""

    check: str
    account_id: str
    where: str
    expected: str
    found: str


class Proof(msgspec.Struct, frozen=True):
    """What came of comparing all figures that are kept twice."""

    holds: bool
    accounts: int
    entries: int
    balance_usd: str
    charged_usd: str
    used_usd: str
    differences: list[Difference] = []


@app.command()
@on_node
def show(
    node: Node,
    account: Annotated[
        str | None, typer.Argument(metavar="[ACCOUNT]", help="Its id or its name; your own, unless said.")
    ] = None,
    *,
    kind: Annotated[
        str | None,
        typer.Option(help="Only `charge`, `grant`, `expiry`, `adjustment`, `rerate` or `reversal`."),
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=MOST_SHOWN, help="How many entries.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show the ledger of an account, newest entries first.

    Example: `keyturn ledger show acme --kind grant`
    """
    answer = node.get(PATH, account=account, kind=kind, limit=count)
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    screen.listing(_table(answer.read(list[Entry])), "Nothing is in this ledger.")


@app.command()
@on_node
def verify(
    node: Node,
    account: Annotated[
        str | None, typer.Argument(metavar="[ACCOUNT]", help="Its id or its name; all, unless said.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Prove that balances are sums, that charges are what the usage cost, and that grants hold what they must.

    The exit status is 1 when something is not as it must be; each difference is named.

    Example: `keyturn ledger verify`
    """
    answer = node.call("GET", f"{PATH}/verify", query={"account": account}, timeout_s=VERIFYING_S)
    proof = answer.read(Proof)
    if as_json:
        screen.print_json(bytes(answer.data))
    elif proof.holds:
        charged = screen.dollars(proof.charged_usd)
        screen.out().print(
            f"The ledger holds: {proof.entries:,} entries of {proof.accounts:,} accounts. "
            f"Charged is what was used, {charged}; the balances come to {screen.dollars(proof.balance_usd)}."
        )
    else:
        screen.out().print(_differences(proof.differences))
    if not proof.holds:
        raise CommandFailed(f"the ledger does not hold: {len(proof.differences)} figures differ")


def _table(entries: list[Entry]) -> Table:
    at = now()
    rows = [
        (
            f"{entry.seq:,}",
            screen.ago(entry.at, at),
            entry.kind,
            screen.dollars(entry.amount_usd),
            screen.dollars(entry.balance_usd),
            f"{entry.requests:,}" if entry.requests else "",
            screen.clean(entry.note),
            Text(entry.actor, style="bright_black"),
        )
        for entry in entries
    ]
    columns = ("#", "when", "kind", "amount", "balance", "requests", "note", "by")
    return screen.table(
        columns, rows, right=("#", "amount", "balance", "requests"), spare=("by", "requests", "note")
    )


def _differences(found: list[Difference]) -> Table:
    rows = [
        (one.check, Text(one.account_id), screen.clean(one.where), one.expected, one.found) for one in found
    ]
    return screen.table(("check", "account", "where", "expected", "found"), rows, right=("expected", "found"))
