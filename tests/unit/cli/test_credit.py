"""The commands about credit."""

import pytest

from fakes.management_api import ManagementApi
from unit.cli.conftest import Run

PATH = "/api/v1/credit"
GRANT = {
    "id": "grnt_1",
    "source": "grant",
    "amount_usd": "10",
    "remaining_usd": "7.5",
    "created_at": "2026-01-01T00:00:00Z",
    "expires_at": None,
    "note": "Invoice [bold]4711",
}
CREDIT = {
    "account_id": "acct_1",
    "account_name": "acme",
    "available_usd": "-7.5",
    "balance_usd": "7.5",
    "prepaid": True,
    "out_of_credit": True,
    "grants": [GRANT],
}
CODE = {
    "display": "KT-7F2KM…",
    "amount_usd": "5",
    "uses": 1,
    "max_uses": 3,
    "credit_days": None,
    "created_at": "2026-01-01T00:00:00Z",
    "expires_at": None,
    "note": "Fair",
}


def test_what_an_account_has_is_shown_with_its_grants(keyturn: Run, node: ManagementApi) -> None:
    """In the order in which they are used; what others wrote is no markup."""
    node.data("GET", f"{PATH}?account=acme", CREDIT)

    ran = keyturn("credit", "show", "acme")

    assert "acme (acct_1)" in ran.out
    assert "-$7.50" in ran.out
    assert "out_of_credit" in ran.out
    assert "Invoice [bold]4711" in ran.out


def test_credit_is_granted(keyturn: Run, node: ManagementApi) -> None:
    """With an end and a name of one's own."""
    node.data("POST", f"{PATH}/grants", CREDIT)

    ran = keyturn(
        *("credit", "grant", "acme", "10", "--note", "x"),
        *("--reference", "r", "--expires", "2027-01-31"),
    )

    assert ran.status == 0
    assert node.asked[0].body == {
        "account": "acme",
        "amount_usd": "10",
        "note": "x",
        "reference": "r",
        "expires_at": "2027-01-31T00:00:00Z",
    }


def test_an_adjustment_may_be_negative(keyturn: Run, node: ManagementApi) -> None:
    """It begins with what options begin with."""
    node.data("POST", f"{PATH}/adjustments", CREDIT)

    keyturn("credit", "adjust", "acme", "--by", "-2.50", "--note", "Booked twice")

    assert node.asked[0].body == {"account": "acme", "amount_usd": "-2.50", "note": "Booked twice"}


def test_a_grant_is_taken_back(keyturn: Run, node: ManagementApi) -> None:
    """By its id."""
    node.data("DELETE", f"{PATH}/grants/grnt_1?note=x", CREDIT)

    assert keyturn("credit", "take-back", "grnt_1", "--note", "x").status == 0


def test_codes_are_printed_alone(keyturn: Run, node: ManagementApi) -> None:
    """A file takes them; remarks go elsewhere."""
    node.data("POST", f"{PATH}/codes", [CODE], codes=["KT-A", "KT-B"])

    ran = keyturn(
        *("credit", "make-codes", "5", "--count", "2", "--uses", "3"),
        *("--credit-days", "30", "--expires", "2027-01-31", "--note", "Fair"),
    )

    assert (ran.out, ran.err) == ("KT-A\nKT-B\n", "They are shown this once: keep them.\n")
    assert node.asked[0].body == {
        "amount_usd": "5",
        "count": 2,
        "max_uses": 3,
        "note": "Fair",
        "credit_days": 30,
        "expires_at": "2027-01-31T00:00:00Z",
    }


def test_codes_are_listed_without_their_texts(keyturn: Run, node: ManagementApi) -> None:
    """How often each was redeemed."""
    node.data("GET", f"{PATH}/codes?limit=100", [CODE])

    ran = keyturn("credit", "codes")

    assert "KT-7F2KM…" in ran.out
    assert "1 of 3" in ran.out


@pytest.mark.parametrize(("arguments", "typed"), [(("KT-A",), ""), ((), "KT-A\n")])
def test_a_code_is_redeemed_from_the_command_line_or_from_standard_input(
    keyturn: Run, node: ManagementApi, arguments: tuple[str, ...], typed: str
) -> None:
    """Where it is not seen by others."""
    node.data("POST", f"{PATH}/redeem", CREDIT)

    ran = keyturn("credit", "redeem", *arguments, "--account", "acme", typed=typed)

    assert ran.status == 0
    assert node.asked[0].body == {"code": "KT-A", "account": "acme"}


def test_without_a_code_nothing_is_asked(keyturn: Run, node: ManagementApi) -> None:
    """One line says why."""
    ran = keyturn("credit", "redeem", typed="\n")

    assert (ran.status, ran.err.splitlines()[-1]) == (1, "keyturn: there is no code")
    assert node.asked == []


@pytest.mark.parametrize(
    ("arguments", "method", "path"),
    [
        (("show",), "GET", PATH),
        (("grant", "acme", "1"), "POST", f"{PATH}/grants"),
        (("adjust", "acme", "--by", "1", "--note", "x"), "POST", f"{PATH}/adjustments"),
        (("take-back", "grnt_1"), "DELETE", f"{PATH}/grants/grnt_1"),
        (("redeem", "KT-A"), "POST", f"{PATH}/redeem"),
    ],
)
def test_json_is_the_nodes_own(
    keyturn: Run, node: ManagementApi, arguments: tuple[str, ...], method: str, path: str
) -> None:
    """Scripts read this."""
    node.data(method, path, CREDIT)

    ran = keyturn("credit", *arguments, "--json")

    assert '"available_usd": "-7.5"' in ran.out


def test_json_of_codes_is_the_nodes_own(keyturn: Run, node: ManagementApi) -> None:
    """With the texts, which are not in the data."""
    node.data("POST", f"{PATH}/codes", [CODE], codes=["KT-A"])
    node.data("GET", f"{PATH}/codes?limit=100", [CODE])

    made = keyturn("credit", "make-codes", "5", "--json")
    listed = keyturn("credit", "codes", "--json")

    assert '"KT-A"' in made.out
    assert '"max_uses": 3' in listed.out
