"""``/api/v1/settings`` over real sockets: who may, what is refused, and what it says."""

import pytest

from fakes.control_process import ControlProcess, control_process

SETTINGS = "/api/v1/settings"


def value_of(control: ControlProcess, path: str) -> tuple[object, str]:
    """Return the value and the origin of a setting."""
    [found] = [one for one in control.operator.get(SETTINGS).json()["data"] if one["path"] == path]
    return found["value"], found["origin"]


def test_a_change_is_shown_with_who_made_it_and_outlives_a_restart(fresh: ControlProcess) -> None:
    """And a reset leads back to what the node was started with."""
    body = {"requests.kept_days": 7, "support.contact": "help@example.com"}
    changed = fresh.operator.patch(SETTINGS, json=body)
    node = fresh.operator.get("/api/v1/node").json()["data"]["settings"]
    refusal = fresh.operator.get("/api/v1/keys/nobody").json()
    fresh.end()

    with control_process(fresh.data.root) as again:
        kept = value_of(again, "requests.kept_days")
        reset = again.operator.patch(SETTINGS, json={"requests.kept_days": None})
        after = value_of(again, "requests.kept_days")

    assert changed.status_code == reset.status_code == 200
    assert kept == (7, "changed at run time by operator")
    assert {"path": "requests.kept_days", "value": "7", "origin": kept[1]} in node
    assert refusal["error"]["details"]["support"] == "help@example.com"
    assert after == (30, "default")


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"auth.required": False}, 409, "auth.required"),
        ({"auth.locations": []}, 400, "auth.locations"),
        ({"auth.locations": ["moon"]}, 400, "auth.locations"),
        ({"requests.kept_days": 0}, 400, "requests.kept_days"),
        ({"server.port": 1}, 400, "server.port"),
    ],
)
def test_what_can_not_be_is_refused_by_name(
    control: ControlProcess, body: dict[str, object], status: int, param: str
) -> None:
    """Authentication can't be turned off where the port may be open to the network."""
    before = control.operator.get(SETTINGS).json()

    refused = control.operator.patch(SETTINGS, json=body)

    assert refused.status_code == status, refused.text
    assert param in refused.text
    assert control.operator.get(SETTINGS).json() == before


def test_an_accounts_administrator_reaches_no_settings(control: ControlProcess) -> None:
    """They belong to the node."""
    account = control.operator.post("/api/v1/accounts", json={"name": "customer"}).json()["data"]["id"]
    project = control.operator.post("/api/v1/projects", json={"name": "p", "account_id": account}).json()[
        "data"
    ]["id"]
    made = control.operator.post(
        "/api/v1/keys", json={"name": "theirs", "kind": "management", "project_id": project}
    ).json()
    headers = {"authorization": f"Bearer {made['key']}"}

    statuses = [
        control.relayed.get(SETTINGS, headers=headers).status_code,
        control.relayed.patch(SETTINGS, headers=headers, json={"requests.kept_days": 1}).status_code,
    ]

    assert statuses == [403, 403]


def test_sign_up_is_opened_and_closed_while_the_node_runs(control: ControlProcess) -> None:
    """The page for strangers is there while the setting says so, and not a moment longer."""
    before = control.relayed.get("/dashboard/sign-up").status_code
    control.operator.patch(SETTINGS, json={"people.sign_up": "open"})
    opened = control.relayed.get("/dashboard/sign-up").status_code
    control.operator.patch(SETTINGS, json={"people.sign_up": None})

    assert (opened, control.relayed.get("/dashboard/sign-up").status_code) == (200, before)
    assert before != 200
