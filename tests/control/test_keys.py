"""``/api/v1/keys`` over real sockets."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from fakes.bus_worker import BusWorker
from fakes.control_process import ControlProcess
from fakes.usage_records import WorkerJournal, admitted, served
from keyturn import bus
from keyturn.domain import key_text

KEYS = "/api/v1/keys"


def test_a_created_key_is_shown_with_its_secret_this_once(
    control: ControlProcess, key: dict[str, Any]
) -> None:
    """Every member of the documented object; the secret beside it, never in it."""
    data, secret = key["data"], key["key"]

    again = control.operator.get(f"{KEYS}/{data['id']}")

    assert key["success"] is True
    assert key_text.is_well_formed(secret)
    assert data.keys() == {
        *("id", "name", "description", "kind", "preset", "status", "display", "project_id", "account_id"),
        *("user_id", "environment", "permissions", "models", "endpoints", "ip", "origins", "locations"),
        *("expires_at", "not_before", "rotation", "limits", "recoverable", "decoy", "delete_protected"),
        *(
            "quarantined_at",
            "case_id",
            "deleted_at",
            "secrets",
            "usage",
            "tags",
            "metadata",
            "created_at",
            "created_by",
        ),
        *("version",),
    }
    assert (data["status"], data["display"], data["created_by"]) == ("active", secret[:7] + "…", "operator")
    assert again.json() == {"success": True, "data": data}
    assert secret not in again.text


def test_times_are_rfc_3339_in_utc(control: ControlProcess) -> None:
    """Clients in every language parse this and nothing else."""
    answer = control.operator.post(KEYS, json={"name": "t", "expires_at": "2099-01-31T01:00:00+01:00"})

    data = answer.json()["data"]

    assert data["expires_at"] == "2099-01-31T00:00:00Z"
    assert datetime.fromisoformat(data["created_at"]).tzinfo == UTC
    assert data["created_at"].endswith("Z")


def test_a_key_can_be_asked_for_by_its_name(control: ControlProcess) -> None:
    """People remember names."""
    control.operator.post(KEYS, json={"name": "only one"})

    answer = control.operator.get(f"{KEYS}/only%20one")

    assert (answer.status_code, answer.json()["data"]["name"]) == (200, "only one")


def test_the_life_of_a_key(control: ControlProcess, key: dict[str, Any]) -> None:
    """Each step says the state it leaves."""
    path = f"{KEYS}/{key['data']['id']}"
    steps = [
        control.operator.patch(path, json={"description": "d", "expires_at": "2099-01-01T00:00:00Z"}),
        control.operator.patch(path, json={"expires_at": None}),
        control.operator.post(f"{path}/disable"),
        control.operator.post(f"{path}/enable"),
        control.operator.post(f"{path}/revoke"),
        control.operator.post(f"{path}/enable"),
        control.operator.delete(path),
        control.operator.get(path),
    ]

    assert [step.status_code for step in steps] == [200, 200, 200, 200, 200, 409, 200, 404]
    states = [step.json()["data"]["status"] for step in steps[:5]]
    assert states == ["active", "active", "disabled", "active", "revoked"]
    assert [step.json()["data"]["version"] for step in steps[:5]] == [2, 3, 4, 5, 6]
    assert steps[0].json()["data"]["expires_at"] == "2099-01-01T00:00:00Z"
    assert steps[1].json()["data"]["expires_at"] is None
    assert steps[4].json()["data"]["secrets"][0]["state"] == "dead"
    assert steps[5].json()["error"]["code"] == "CONFLICT"


WHOLE: dict[str, Any] = {
    "name": "whole",
    "description": "d",
    "kind": "secret",
    "permissions": ["read", "write"],
    "environment": "staging",
    "models": ["gpt-*"],
    "endpoints": ["/v1/*"],
    "ip": ["203.0.113.0/24"],
    "origins": ["https://app.example.com"],
    "locations": ["header"],
    "expires_at": "2099-01-01T00:00:00Z",
    "not_before": "2020-01-01T00:00:00Z",
    "rotation": {
        "every_days": 90,
        "overlap_hours": 24,
        "self_rotation": True,
        "sealing_key": "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=",
        "sink": None,
    },
    "recoverable": True,
    "decoy": True,
    "delete_protected": True,
    "tags": ["a", "b"],
    "metadata": {"ticket": "OPS-1"},
}


def test_everything_that_is_asked_for_is_shown(control: ControlProcess) -> None:
    """And taken away again by the same names."""
    rotation = {**WHOLE["rotation"], "sink": f"{control.data.root.parent}/app.env"}
    whole = {**WHOLE, "rotation": rotation}
    created = control.operator.post(KEYS, json=whole).json()["data"]
    path = f"{KEYS}/{created['id']}"
    bare: dict[str, Any] = {
        **{member: [] for member in ("models", "endpoints", "ip", "origins", "tags")},
        "locations": None,
        "not_before": None,
        "environment": "",
        "metadata": {},
        "rotation": {"every_days": None, "self_rotation": False, "sealing_key": None, "sink": None},
        "recoverable": False,
        "delete_protected": False,
    }

    cleared = control.operator.patch(path, json=bare).json()["data"]

    next_at = created["rotation"].pop("next_at")
    assert {name: created[name] for name in whole} == whole
    assert (created["preset"], created["limits"]) == (None, [])
    assert datetime.fromisoformat(next_at) > datetime.fromisoformat(created["created_at"])
    assert {name: cleared[name] for name in bare if name != "rotation"} == {
        name: value for name, value in bare.items() if name != "rotation"
    }
    assert cleared["rotation"] == {**bare["rotation"], "overlap_hours": 24, "next_at": None}
    assert (cleared["decoy"], cleared["permissions"]) == (True, ["read", "write"])


def test_a_change_can_be_bound_to_what_was_read(control: ControlProcess, key: dict[str, Any]) -> None:
    """RFC 9110 13.1.1: of two who edit at once, the second one learns of it."""
    path = f"{KEYS}/{key['data']['id']}"
    read = control.operator.get(path).headers["etag"]

    first = control.operator.patch(path, json={"name": "first"}, headers={"if-match": read})
    second = control.operator.patch(path, json={"name": "second"}, headers={"if-match": read})
    ended = control.operator.delete(path, headers={"if-match": read})
    now = control.operator.get(path)

    assert (read, first.status_code, first.headers["etag"]) == ('"1"', 200, '"2"')
    assert [(answer.status_code, answer.json()["error"]["code"]) for answer in (second, ended)] == [
        (412, "VERSION_MISMATCH")
    ] * 2
    assert (now.json()["data"]["name"], now.headers["etag"]) == ("first", '"2"')
    assert control.operator.delete(path, headers={"if-match": '"2"'}).status_code == 200


def test_the_operator_brings_a_deleted_key_back(control: ControlProcess, key: dict[str, Any]) -> None:
    """And finds it in a list of its own."""
    path = f"{KEYS}/{key['data']['id']}"
    deleted = control.operator.delete(path).json()["data"]
    listed = control.operator.get(KEYS, params={"deleted": "true"}).json()["data"]

    back = control.operator.post(f"{path}/undelete").json()["data"]

    assert deleted["deleted_at"] is not None
    assert deleted["secrets"][0]["state"] == "dead"
    assert [one["id"] for one in listed if one["id"] == back["id"]] == [back["id"]]
    assert (back["deleted_at"], back["status"]) == (None, "active")


def test_a_list_goes_page_by_page(fresh: ControlProcess) -> None:
    """Every key once."""
    for number in range(4):
        fresh.operator.post(KEYS, json={"name": f"k{number}"})

    first = fresh.operator.get(KEYS, params={"limit": 3}).json()
    second = fresh.operator.get(KEYS, params={"limit": 3, "cursor": first["next_cursor"]}).json()

    names = [key["name"] for key in first["data"] + second["data"]]
    assert sorted(names) == ["default", "k0", "k1", "k2", "k3"]
    assert (len(first["data"]), second["next_cursor"]) == (3, None)


def test_a_list_is_filtered(control: ControlProcess) -> None:
    """A node with a thousand keys needs it."""
    control.operator.post(KEYS, json={"name": "needle in a haystack"})

    found = control.operator.get(KEYS, params={"search": "NEEDLE", "status": "active"}).json()["data"]
    none = control.operator.get(KEYS, params={"search": "needle", "status": "revoked"}).json()["data"]

    assert [key["name"] for key in found] == ["needle in a haystack"]
    assert none == []


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=x", "limit"),
        ("status=on", "status"),
        ("cursor=x", "cursor"),
    ],
)
def test_a_bad_query_is_refused_by_its_name(control: ControlProcess, query: str, param: str) -> None:
    """400, never a 500, never ignored."""
    answer = control.operator.get(f"{KEYS}?{query}")

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "INVALID_MEMBER"
    assert answer.json()["error"]["details"]["param"] == param


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "INVALID_MEMBER", None),
        ({"name": 1}, "INVALID_MEMBER", "name"),
        ({"name": None}, "INVALID_MEMBER", "name"),
        ({"name": "a", "kind": "x"}, "INVALID_MEMBER", "kind"),
        ({"name": "a", "kind": "publishable"}, "INVALID_MEMBER", "origins"),
        ({"name": "a", "ip": ["::1", "x"]}, "INVALID_MEMBER", "ip[1]"),
        ({"name": "a", "models": ["a", 1]}, "INVALID_MEMBER", "models[1]"),
        ({"name": "a", "rotation": {"every_days": 0}}, "INVALID_MEMBER", "rotation.every_days"),
        ({"name": "a", "rotation": {"overlap_hours": 721}}, "INVALID_MEMBER", "rotation.overlap_hours"),
        ({"name": "a", "rotation": {"next_at": None}}, "INVALID_MEMBER", "rotation.next_at"),
        ({"name": "a", "metadata": {"a": 1}}, "INVALID_MEMBER", "metadata[...]"),
        ({"name": "a", "not_before": "2099-01-01T00:00:00"}, "INVALID_MEMBER", "not_before"),
        ({"name": "a", "not_before": "0001-01-01T00:00:00+14:00"}, "INVALID_MEMBER", "not_before"),
        ({"name": "a", "expires_at": "9999-12-31T23:59:59-14:00"}, "INVALID_MEMBER", "expires_at"),
        ({"name": "a", "permissions": ["read", "x"]}, "INVALID_MEMBER", "permissions[1]"),
        ({"name": "a", "permissions": "read"}, "INVALID_MEMBER", "permissions"),
        ({"name": "a", "expires_in_s": "60"}, "INVALID_MEMBER", "expires_in_s"),
        ({"name": "a", "expires_in_s": 0}, "INVALID_MEMBER", "expires_in_s"),
        ({"name": "a", "expires_in_s": 10**15}, "INVALID_MEMBER", "expires_in_s"),
        ({"name": "a", "expires_at": "tomorrow"}, "INVALID_MEMBER", "expires_at"),
        ({"name": "a", "expires_at": "2099-01-01T00:00:00"}, "INVALID_MEMBER", "expires_at"),
        ({"name": "a", "expires_at": "1999-01-01T00:00:00Z"}, "INVALID_MEMBER", "expires_at"),
        (
            {"name": "a", "expires_at": "2099-01-01T00:00:00Z", "expires_in_s": 1},
            "INVALID_MEMBER",
            "expires_in_s",
        ),
        ([], "INVALID_MEMBER", None),
        ("a", "INVALID_MEMBER", None),
    ],
)
def test_a_bad_body_is_refused_by_its_member(
    control: ControlProcess, body: object, code: str, param: str | None
) -> None:
    """The caller must see what to change; nothing is guessed."""
    answer = control.operator.post(KEYS, json=body)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == code
    assert answer.json()["error"]["details"].get("param") == param


def test_unknown_members_are_refused_with_their_names(control: ControlProcess) -> None:
    """A misspelt `expires_at` must not make a key that lives for ever."""
    answer = control.operator.post(KEYS, json={"name": "a", "expire_at": "x", "lmits": []})

    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "The request has unknown members: 'expire_at', 'lmits'"
    assert answer.json()["error"]["details"]["param"] == "expire_at"


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b'{"name": }', "at byte 9"),
        (b'{"name":"a"', "at byte 11"),
        (b"\xff\xfe", "at byte 0"),
        (b"", "needs a body"),
        (b'{"name":"\xff"}', "not valid JSON"),
    ],
)
def test_bad_json_is_refused_with_its_place(control: ControlProcess, body: bytes, where: str) -> None:
    """One misplaced comma in a generated body is hard to find."""
    answer = control.operator.post(KEYS, content=body)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "INVALID_JSON"
    assert where in answer.json()["error"]["message"]


@pytest.mark.parametrize("name", [b"foo", b"name"])
@pytest.mark.parametrize("rest", [b"1,", b"[" * 100_000, b'"\xff"}'])
def test_a_body_that_is_wrong_in_two_ways_is_a_400_too(
    control: ControlProcess, name: bytes, rest: bytes
) -> None:
    """The decoder stops at the first and never sees the rest."""
    answer = control.operator.post(KEYS, content=b'{"' + name + b'":' + rest)

    assert answer.status_code == 400


def test_a_body_too_large_is_refused(control: ControlProcess) -> None:
    """Memory is not the caller's to fill."""
    answer = control.operator.post(KEYS, content=b'{"name":"' + b"a" * (2 << 20) + b'"}')

    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "BODY_TOO_LARGE")


def test_usage_of_a_key_is_up_to_now(control: ControlProcess, key: dict[str, Any]) -> None:
    """A list that lags makes a leak look harmless."""
    journal = WorkerJournal(control.data.journals, "1-usage")
    begun = admitted(key_id=key["data"]["id"], address="10.1.2.3")
    journal.write(begun, served(begun, location="query", cost_nano_usd=12_500_000))

    listed = control.operator.get(KEYS, params={"search": key["data"]["id"]}).json()["data"][0]["usage"]
    shown = control.operator.get(f"{KEYS}/{key['data']['id']}").json()["data"]["usage"]
    journal.close()

    assert listed == shown
    assert (shown["requests"], shown["input_tokens"], shown["output_tokens"]) == (1, 9, 21)
    assert (shown["cost_usd"], shown["last_ip"], shown["seen_in_url"]) == ("0.0125", "10.1.2.3", True)
    assert shown["last_used_at"].endswith("Z")


def test_the_usage_of_one_key_is_its_own(control: ControlProcess, key: dict[str, Any]) -> None:
    """Over every secret that it has had; by day unless said, and nobody else's is in it."""
    key_id = key["data"]["id"]
    other = control.operator.post(KEYS, json={"name": "other user"}).json()["data"]["id"]
    journal = WorkerJournal(control.data.journals, "1-one-key")
    for who in (key_id, key_id, other):
        begun = admitted(key_id=who)
        journal.write(begun, served(begun))

    by_day = control.operator.get(f"{KEYS}/{key_id}/usage").json()["data"]
    by_key = control.operator.get(f"{KEYS}/{key_id}/usage", params={"by": "key", "days": 1}).json()["data"]
    nobody = control.operator.get(f"{KEYS}/key_00000000000000000000/usage")
    journal.close()

    assert (by_day["by"], by_day["days"], by_day["total"]["requests"]) == ("day", 30, 2)
    assert [row["requests"] for row in by_day["rows"]] == [2]
    assert [(row["key_id"], row["requests"]) for row in by_key["rows"]] == [(key_id, 2)]
    assert nobody.status_code == 404


@pytest.mark.parametrize("action", ["disable", "revoke", "delete"])
async def test_a_call_that_takes_rights_away_returns_when_the_workers_know(
    control: ControlProcess, key: dict[str, Any], action: str
) -> None:
    """Revoked means revoked."""
    worker = await BusWorker.connect(control.data.bus_socket, "7-slow", obedient=False)
    worker.send(bus.Confirmed((await worker.snapshot()).sequence))
    path = f"{KEYS}/{key['data']['id']}"

    def call() -> int:
        if action == "delete":
            return control.operator.delete(path).status_code
        return control.operator.post(f"{path}/{action}").status_code

    calling = asyncio.get_running_loop().create_task(asyncio.to_thread(call))
    told = await worker.next(bus.Invalidate)
    early = calling.done()
    assert isinstance(told, bus.Invalidate)
    worker.send(bus.Confirmed(told.sequence))
    status = await calling
    await worker.close()

    assert (told.key_ids, early, status) == ([key["data"]["id"]], False, 200)
