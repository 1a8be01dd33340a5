"""The audit log as a file, by the API and from its page."""

import csv
import html
import re
from io import StringIO
from typing import Any

import msgspec
import pytest

from fakes.control_process import ControlProcess
from fakes.people import Human, crowd, made
from keyturn.domain.audit import chained

EXPORT, KEYS, PAGE = "/api/v1/audit/export", "/api/v1/keys", "/dashboard/audit"
FORMULA = "=HYPERLINK(1)"


@pytest.fixture(scope="module")
def people(control: ControlProcess) -> dict[str, Human]:
    """Somebody of every role, in two accounts."""
    return crowd(control)


@pytest.fixture(scope="module")
def key_id(control: ControlProcess) -> str:
    """A key that something was done to."""
    found: str = made(control.operator.post(KEYS, json={"name": FORMULA}))["id"]
    for action in ("disable", "enable", "disable"):
        made(control.operator.post(f"{KEYS}/{found}/{action}"))
    return found


def lines(text: str) -> list[dict[str, Any]]:
    """Return the entries of JSON Lines."""
    return [msgspec.json.decode(line) for line in text.splitlines()]


def test_an_export_holds_every_entry_as_it_is_hashed(control: ControlProcess, key_id: str) -> None:
    """Whoever has the file works the chain out again, without the node."""
    answer = control.operator.get(EXPORT, params={"format": "jsonl"})
    found = lines(answer.text)

    assert [one["seq"] for one in found] == list(range(len(found), 0, -1))
    for one in found:
        rest = [one[name] for name in ("at_ms", "actor", "address", "request_id", "action", "target")]
        fields = (one["seq"], *rest, one["before"], one["after"])
        assert chained(bytes.fromhex(one["previous"]), fields).hex() == one["hash"]
    assert answer.headers["content-disposition"] == 'attachment; filename="audit.jsonl"'
    assert answer.headers["cache-control"] == "no-store"


def test_filters_leave_out_what_is_not_wanted(control: ControlProcess, key_id: str) -> None:
    """As in the list."""
    both = {"target": key_id, "action": "key.disable", "actor": "operator"}
    answer = control.operator.get(EXPORT, params=both)
    found = list(csv.DictReader(StringIO(answer.text)))
    last, first = found

    assert (first["action"], last["action"], first["target"]) == ("key.disable", "key.disable", key_id)
    assert msgspec.json.decode(last["after"])["enabled"] is False
    listed = control.operator.get("/api/v1/audit", params=both).json()["data"]
    assert [one["at"] for one in found] == [one["at"] for one in listed]
    at = control.operator.get("/api/v1/audit", params={"target": key_id, "limit": 1}).json()["data"][0]["at"]
    for query, wanted in (({"until": at}, False), ({"since": at}, True)):
        kept = control.operator.get(EXPORT, params={"format": "jsonl", "target": key_id, **query}).text
        assert (at in kept) == wanted
    assert control.operator.get(EXPORT, params={"actor": "nobody"}).text.count("\n") == 1  # the head
    for wrong in ({"format": "pdf"}, {"since": "today"}):
        assert control.operator.get(EXPORT, params=wrong).status_code == 400


def test_the_page_exports_what_it_shows_and_to_nobody_else(
    people: dict[str, Human], control: ControlProcess, key_id: str
) -> None:
    """The log tells of all accounts: owners of others see none of it, nor does a session that is over."""
    owner = people["first owner"]
    page = owner.page(f"{PAGE}?target={key_id}&action=key.disable")
    links = [html.unescape(one) for one in re.findall(r'href="(/dashboard/audit/export[^"]+)"', page.text)]
    files = {one.rpartition("=")[2]: owner.page(one) for one in links}

    assert len(list(csv.DictReader(StringIO(files["csv"].text)))) == len(lines(files["jsonl"].text)) == 2
    assert owner.page(f"{PAGE}/export?format=pdf").status_code == 400
    for stranger in ("other owner", "other admin", "first member", "first viewer"):
        assert people[stranger].page(f"{PAGE}/export").status_code == 403
        assert people[stranger].call("GET", EXPORT).status_code == 403
    for outside in ("suspended", "signed out"):
        assert people[outside].page(f"{PAGE}/export").status_code == 303
