"""``/api/v1/plans``, ``credit``, ``ledger`` and statements over real sockets."""

import csv
import io
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from fakes.control_process import ControlProcess
from fakes.usage_records import WorkerJournal, admitted, served
from keyturn import system
from support.node import until

ACCOUNTS, PLANS, CREDIT, LEDGER = "/api/v1/accounts", "/api/v1/plans", "/api/v1/credit", "/api/v1/ledger"
USD = 10**9
EVIL = '=HYPERLINK("http://evil")<script>'


def ok(answer: httpx.Response, status: int = 200) -> Any:
    """Return the data of an answer."""
    assert answer.status_code == status, answer.text
    return answer.json()["data"]


def code(answer: httpx.Response) -> tuple[int, str, str | None]:
    """Return status, code and member of a refusal."""
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["details"].get("param")


@pytest.fixture
def account(control: ControlProcess, request: pytest.FixtureRequest) -> dict[str, Any]:
    """A new account."""
    found: dict[str, Any] = ok(control.operator.post(ACCOUNTS, json={"name": request.node.name[:150]}), 201)
    return found


@pytest.fixture
def tenant(control: ControlProcess, account: dict[str, Any]) -> dict[str, Any]:
    """A management key of that account: its answer."""
    project = {"name": f"{account['name']} project", "account_id": account["id"]}
    made = ok(control.operator.post("/api/v1/projects", json=project), 201)
    body = {"name": EVIL, "kind": "management", "project_id": made["id"]}
    answer = control.operator.post("/api/v1/keys", json=body)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


def use(control: ControlProcess, key_id: str, cost: int) -> None:
    """Have a key used once, by a worker that then ends."""
    worker = WorkerJournal(control.data.journals, worker=f"9-{system.random_bytes(4).hex()}")
    begun = admitted(key_id=key_id, started_us=system.now_ms() * 1000)
    worker.write(begun, served(begun, cost_nano_usd=cost))
    worker.close()


def as_caller(created: dict[str, Any]) -> dict[str, str]:
    """Return the header that presents a key."""
    return {"authorization": f"Bearer {created['key']}"}


def test_a_plan_is_made_given_changed_and_taken_away(
    control: ControlProcess, account: dict[str, Any]
) -> None:
    """With a trial that is there when the call returns."""
    body = {
        "name": "Pay as you go",
        "prepaid": True,
        "trial_usd": "5",
        "trial_days": 14,
        "limits": [
            {"metric": "requests", "window": "minute", "max": 60},
            {"metric": "cost_usd", "window": "day", "max": "1.5"},
        ],
        "metadata": {"sku": "1"},
    }

    made = ok(control.operator.post(PLANS, json=body), 201)
    given = ok(control.operator.patch(f"{ACCOUNTS}/{account['id']}", json={"plan": "Pay as you go"}))
    has = ok(control.operator.get(CREDIT, params={"account": account["id"]}))
    in_use = control.operator.delete(f"{PLANS}/{made['id']}")
    taken = ok(control.operator.patch(f"{ACCOUNTS}/{account['id']}", json={"plan": None}))
    changed = ok(control.operator.patch(f"{PLANS}/{made['id']}", json={"trial_days": None, "tier": 3}))
    listed = ok(control.operator.get(PLANS, params={"search": "as you"}))
    gone = ok(control.operator.delete(f"{PLANS}/{made['id']}"))

    assert made["limits"] == [
        {"metric": "cost_usd", "window": "day", "max": "1.5", "shadow": False},
        {"metric": "requests", "window": "minute", "max": 60, "shadow": False},
    ]
    assert (made["trial_usd"], made["monthly_usd"], made["accounts"]) == ("5", "0", 0)
    assert (given["plan_id"], given["status"]) == (made["id"], "active")
    assert given["trial_ends_at"] is not None
    assert (has["available_usd"], has["prepaid"], has["grants"][0]["source"]) == ("5", True, "trial")
    assert code(in_use)[:2] == (409, "CONFLICT")
    assert taken["plan_id"] is None
    assert (changed["trial_days"], changed["tier"], changed["version"]) == (None, 3, 2)
    assert [one["id"] for one in listed] == [made["id"]]
    assert gone["id"] == made["id"]


def test_a_prepaid_account_is_out_of_credit_until_it_is_granted_some(
    control: ControlProcess, account: dict[str, Any], tenant: dict[str, Any]
) -> None:
    """Used up, topped up, and a customer that looks on."""
    path, key_id = f"{ACCOUNTS}/{account['id']}", tenant["data"]["id"]
    ok(control.operator.patch(path, json={"prepaid": True}))
    empty = ok(control.operator.get(path))["status"]
    ends = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    body = {"account": account["id"], "amount_usd": "2.5", "expires_at": ends, "reference": "p1", "note": "x"}

    granted = ok(control.operator.post(f"{CREDIT}/grants", json=body), 201)
    again = ok(control.operator.post(f"{CREDIT}/grants", json=body), 201)
    full = ok(control.operator.get(path))["status"]
    use(control, key_id, 3 * USD)
    seen = ok(control.relayed.get(CREDIT, headers=as_caller(tenant)))
    spent = ok(control.operator.get(path))["status"]

    assert (empty, full, spent) == ("out_of_credit", "active", "out_of_credit")
    assert granted["available_usd"] == again["available_usd"] == "2.5"
    assert (seen["account_id"], seen["available_usd"], seen["out_of_credit"]) == (account["id"], "-0.5", True)


def test_money_is_changed_by_whoever_runs_the_gateway_only(
    control: ControlProcess, account: dict[str, Any], tenant: dict[str, Any]
) -> None:
    """An administrator of a customer must not print its own."""
    headers = as_caller(tenant)

    results = [
        control.relayed.post(f"{CREDIT}/grants", json={"amount_usd": "1"}, headers=headers),
        control.relayed.post(f"{CREDIT}/adjustments", json={"amount_usd": "1", "note": "x"}, headers=headers),
        control.relayed.post(f"{CREDIT}/codes", json={"amount_usd": "1"}, headers=headers),
        control.relayed.post(PLANS, json={"name": "free"}, headers=headers),
        control.relayed.patch(f"{ACCOUNTS}/{account['id']}", json={"prepaid": False}, headers=headers),
        control.relayed.get(f"{LEDGER}/verify", headers=headers),
    ]
    others = control.relayed.get(CREDIT, params={"account": "Default"}, headers=headers)

    assert {code(one)[:2] for one in results} == {(403, "INSUFFICIENT_PERMISSIONS")}
    assert code(others)[:2] == (404, "RESOURCE_NOT_FOUND")


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("grants", {"amount_usd": "0.0000000001"}, "amount_usd"),
        ("grants", {"amount_usd": "-1"}, "amount_usd"),
        ("grants", {"amount_usd": "NaN"}, "amount_usd"),
        ("grants", {"amount_usd": "sNaN"}, "amount_usd"),
        ("grants", {"amount_usd": "1e99"}, "amount_usd"),
        ("grants", {"amount_usd": "1", "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ("grants", {"amount_usd": "1", "more": 1}, "more"),
        ("adjustments", {"amount_usd": "1"}, None),
        ("adjustments", {"amount_usd": "1", "note": ""}, "note"),
        ("codes", {"amount_usd": "1", "count": 1_001}, "count"),
    ],
)
def test_what_can_not_be_is_refused_with_the_member_at_fault(
    control: ControlProcess, path: str, body: dict[str, Any], param: str | None
) -> None:
    """Never a 5xx, never half of it."""
    answer = control.operator.post(f"{CREDIT}/{path}", json=body)

    assert code(answer) == (400, "INVALID_MEMBER", param), answer.text


def test_of_200_parallel_calls_with_one_code_one_is_granted(
    control: ControlProcess, account: dict[str, Any], tenant: dict[str, Any]
) -> None:
    """Through all layers; the code is shown once and hashed at rest."""
    made = control.operator.post(f"{CREDIT}/codes", json={"amount_usd": "5", "max_uses": 500}).json()
    (text,) = made["codes"]

    def redeem(_: int) -> httpx.Response:
        return control.relayed.post(f"{CREDIT}/redeem", json={"code": text}, headers=as_caller(tenant))

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(redeem, range(200)))
    (listed, *_) = ok(control.operator.get(f"{CREDIT}/codes"))

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [201] + [409] * 199
    assert ok(control.relayed.get(CREDIT, headers=as_caller(tenant)))["available_usd"] == "5"
    assert (listed["uses"], listed["display"]) == (1, text[:8] + "…")
    assert text not in control.log.read_text()


def test_new_codes_are_kept_for_a_repeated_call(control: ControlProcess) -> None:
    """Whoever was cut off gets the same codes, not others beside them."""
    sent = {"json": {"amount_usd": "1", "count": 2}, "headers": {"idempotency-key": "codes-1"}}

    first, second = (control.operator.post(f"{CREDIT}/codes", **sent) for _ in range(2))  # type: ignore[arg-type]

    assert first.json()["codes"] == second.json()["codes"]
    assert first.headers["cache-control"] == "no-store"


def test_a_grant_is_taken_back(control: ControlProcess, account: dict[str, Any]) -> None:
    """What remains of it."""
    body = {"account": account["id"], "amount_usd": "2"}
    (grant,) = ok(control.operator.post(f"{CREDIT}/grants", json=body), 201)["grants"]

    left = ok(control.operator.delete(f"{CREDIT}/grants/{grant['id']}", params={"note": "Charged back"}))
    entries = ok(control.operator.get(LEDGER, params={"account": account["id"]}))

    assert (left["available_usd"], left["grants"]) == ("0", [])
    assert [(one["kind"], one["amount_usd"], one["note"]) for one in entries] == [
        ("reversal", "-2", "Charged back"),
        ("grant", "2", ""),
    ]


def test_the_ledger_is_proved_and_a_touched_one_is_found_out(fresh: ControlProcess) -> None:
    """What `keyturn ledger verify` shows."""
    key = fresh.operator.post("/api/v1/keys", json={"name": "app"}).json()["data"]["id"]
    use(fresh, key, 3 * USD)

    good = ok(fresh.operator.get(f"{LEDGER}/verify"))
    with sqlite3.connect(fresh.data.database) as connection:
        connection.execute("UPDATE key_usage SET cost_nano_usd = 0")
    connection.close()
    bad = ok(fresh.operator.get(f"{LEDGER}/verify"))

    assert (good["holds"], good["entries"], good["charged_usd"], good["used_usd"]) == (True, 1, "3", "3")
    assert bad["holds"] is False
    (difference,) = bad["differences"]
    assert (difference["check"], difference["expected"], difference["found"]) == ("key_usage", "0", "3")


def test_credit_ends_within_seconds_and_the_next_month_is_not_waited_for(
    control: ControlProcess, account: dict[str, Any]
) -> None:
    """The end is written down by the process itself."""
    ends = (datetime.now(UTC) + timedelta(seconds=4)).isoformat()  # not before the call has come
    body = {"account": account["id"], "amount_usd": "2", "expires_at": ends}
    ok(control.operator.post(f"{CREDIT}/grants", json=body), 201)

    def ended() -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = ok(control.operator.get(LEDGER, params={"account": account["id"]}))
        return entries if len(entries) > 1 else []

    entries = until(ended, within_s=15, what="the end of the credit")

    assert [(one["kind"], one["amount_usd"]) for one in entries] == [("expiry", "-2"), ("grant", "2")]
    assert ok(control.operator.get(CREDIT, params={"account": account["id"]}))["available_usd"] == "0"


@pytest.fixture
def statement(account: dict[str, Any], tenant: dict[str, Any], control: ControlProcess) -> str:
    """The path of a statement with something of everything on it, written by somebody malicious."""
    for path, body in (
        ("grants", {"amount_usd": "10", "note": EVIL}),
        ("adjustments", {"amount_usd": "-0.25", "note": "+1 <b>"}),
    ):
        ok(control.operator.post(f"{CREDIT}/{path}", json={**body, "account": account["id"]}), 201)
    use(control, tenant["data"]["id"], 1_234_567_891)
    return f"{ACCOUNTS}/{account['id']}/statements/{datetime.now(UTC):%Y-%m}"


def test_a_statement_is_data_with_every_sum(control: ControlProcess, statement: str) -> None:
    """Opening, what came, what went, closing."""
    found = ok(control.operator.get(statement))

    assert (found["opening_usd"], found["credited_usd"], found["adjusted_usd"]) == ("0", "10", "-0.25")
    assert (found["charged_usd"], found["closing_usd"]) == ("1.234567891", "8.515432109")
    assert found["by_model"][0]["cost_usd"] == found["by_key"][0]["cost_usd"] == "1.234567891"
    assert found["charges"][0]["key_name"] == EVIL
    assert found["final"] is False


def test_a_statement_as_a_table_runs_no_formula_and_adds_up(control: ControlProcess, statement: str) -> None:
    """It is opened by a double click."""
    asked = control.operator.get(statement, params={"format": "csv"})
    accepted = control.operator.get(statement, headers={"accept": "text/csv, */*"})

    assert asked.content == accepted.content
    assert asked.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(asked.text)))
    texts = [row[name] for row in rows for name in row if not name.endswith(("_usd", "_tokens", "requests"))]
    assert not [text for text in texts if text.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert f"'{EVIL}" in texts
    assert max(row["date"] for row in rows) <= f"{datetime.now(UTC):%Y-%m-%d}"
    assert rows[-1]["description"] == "Balance so far"
    amounts = [round(float(row["amount_usd"]) * USD) for row in rows]
    assert sum(amounts[:-1]) == amounts[-1] == 8_515_432_109
    assert [row["section"] for row in rows] == ["opening", "grant", "adjustment", "charge", "closing"]


def test_a_statement_as_a_page_loads_nothing_and_runs_nothing(
    control: ControlProcess, statement: str
) -> None:
    """It is printed, kept, and sent on."""
    page = control.operator.get(statement, headers={"accept": "text/html,application/xhtml+xml"})

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'; style-src 'sha256-" in page.headers["content-security-policy"]
    assert "<script" not in page.text
    assert "<b>" not in page.text
    assert "&lt;script&gt;" in page.text
    assert "@media print" in page.text
    assert not [
        word
        for word in ("http://evil", "src=", "<link", "@import", "url(")
        if word in page.text.replace("&#34;http://evil&#34;", "")
    ]
    assert "$8.515432109" in page.text
    assert "\N{MINUS SIGN}$0.25" in page.text
    assert ("Balance so far" in page.text, "Closing balance" in page.text) == (True, False)


def test_a_statement_of_no_month_is_refused(control: ControlProcess, account: dict[str, Any]) -> None:
    """With its form."""
    answer = control.operator.get(f"{ACCOUNTS}/{account['id']}/statements/2026-13")

    assert code(answer) == (400, "INVALID_MEMBER", "month")


def test_cursors_that_no_list_has_given_are_refused(control: ControlProcess) -> None:
    """Not taken for the beginning."""
    assert code(control.operator.get(PLANS, params={"cursor": "x"})) == (400, "INVALID_MEMBER", "cursor")
    assert code(control.operator.get(f"{CREDIT}/codes", params={"cursor": "x"})) == (
        400,
        "INVALID_MEMBER",
        "cursor",
    )
    for cursor in ("0", str(2**63)):
        assert code(control.operator.get(LEDGER, params={"cursor": cursor}))[:2] == (400, "INVALID_MEMBER")
