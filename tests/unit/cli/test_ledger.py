"""The commands about the ledger."""

from fakes.management_api import ManagementApi
from unit.cli.conftest import Run

PATH = "/api/v1/ledger"
ENTRY = {
    "seq": 12,
    "at": "2026-01-01T00:00:00Z",
    "kind": "charge",
    "amount_usd": "-0.0125",
    "balance_usd": "7.5",
    "requests": 1200,
    "note": "",
    "actor": "ingest",
}
PROOF = {
    "holds": True,
    "accounts": 2,
    "entries": 1200,
    "balance_usd": "7.5",
    "charged_usd": "2.5",
    "used_usd": "2.5",
    "differences": [],
}
BROKEN = PROOF | {
    "holds": False,
    "differences": [
        {"check": "balance", "account_id": "acct_1", "where": "3", "expected": "5", "found": "99"}
    ],
}


def test_entries_are_shown(keyturn: Run, node: ManagementApi) -> None:
    """What was charged, and what was left."""
    node.data("GET", f"{PATH}?account=acme&kind=charge&limit=50", [ENTRY])

    ran = keyturn("ledger", "show", "acme", "--kind", "charge")

    assert "-$0.0125" in ran.out
    assert "1,200" in ran.out


def test_an_empty_ledger_says_so(keyturn: Run, node: ManagementApi) -> None:
    """A head with nothing below helps nobody."""
    node.data("GET", f"{PATH}?limit=50", [])

    ran = keyturn("ledger", "show")

    assert (ran.out, ran.err) == ("", "Nothing is in this ledger.\n")


def test_a_ledger_that_holds_is_said_in_one_sentence(keyturn: Run, node: ManagementApi) -> None:
    """With the figures that were compared."""
    node.data("GET", f"{PATH}/verify", PROOF)

    ran = keyturn("ledger", "verify")

    assert ran.status == 0
    assert "The ledger holds: 1,200 entries of 2 accounts." in ran.out


def test_one_that_does_not_fails_and_names_what_differs(keyturn: Run, node: ManagementApi) -> None:
    """A monitor goes by the exit status, a person by the table."""
    node.data("GET", f"{PATH}/verify?account=acme", BROKEN)

    ran = keyturn("ledger", "verify", "acme")
    as_json = keyturn("ledger", "verify", "acme", "--json")

    assert (ran.status, as_json.status) == (1, 1)
    assert "acct_1" in ran.out
    assert ran.err == "keyturn: the ledger does not hold: 1 figures differ\n"
    assert '"holds": false' in as_json.out


def test_json_is_the_nodes_own(keyturn: Run, node: ManagementApi) -> None:
    """Scripts read this."""
    node.data("GET", f"{PATH}?limit=50", [ENTRY])

    assert '"seq": 12' in keyturn("ledger", "show", "--json").out
