"""The command that prints statements."""

from fakes.management_api import ManagementApi
from unit.cli.conftest import Run

PATH = "/api/v1/accounts/acme/statements/2026-11"


def test_a_statement_is_printed_as_data(keyturn: Run, node: ManagementApi) -> None:
    """Unless another form is asked for."""
    node.data("GET", f"{PATH}?format=json", {"closing_usd": "1"})

    ran = keyturn("statements", "acme", "--month", "2026-11")

    assert ran.out == '{\n  "closing_usd": "1"\n}\n'


def test_a_table_and_a_page_are_printed_as_they_come(keyturn: Run, node: ManagementApi) -> None:
    """To be sent into a file."""
    node.answers("GET", f"{PATH}?format=csv", b"section,date\r\n")
    node.answers("GET", f"{PATH}?format=html", "<p>\u2212$1</p>".encode())

    table = keyturn("statements", "acme", "--month", "2026-11", "--format", "csv")
    page = keyturn("statements", "acme", "--month", "2026-11", "--format", "html")

    assert table.out == "section,date\r\n"
    assert page.out == "<p>\u2212$1</p>"


def test_what_is_refused_is_told_in_one_line(keyturn: Run, node: ManagementApi) -> None:
    """Not printed into the file."""
    path = PATH.replace("2026-11", "2026-13")
    node.refuses(
        "GET", f"{path}?format=csv", 400, "INVALID_MEMBER", "A month is written as 2026-11", param="month"
    )

    ran = keyturn("statements", "acme", "--month", "2026-13", "--format", "csv")

    assert (ran.status, ran.out) == (1, "")
    assert ran.err == "keyturn: A month is written as 2026-11 (INVALID_MEMBER)\n"
