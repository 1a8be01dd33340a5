"""``…/limits``, and limits in keys, over real sockets."""

import asyncio
import sqlite3
from typing import Any

import httpx
import pytest

from fakes.bus_worker import BusWorker
from fakes.control_process import ControlProcess
from fakes.usage_records import WorkerJournal, admitted, served
from keyturn import bus, system
from keyturn.domain import ids

KEYS, PROJECTS, ACCOUNTS, PLANS = (f"/api/v1/{noun}" for noun in ("keys", "projects", "accounts", "plans"))
MINUTE = {"metric": "requests", "window": "minute", "max": 60}
MONTH = {"metric": "cost_usd", "window": "month", "max": "20.5", "model": "gpt-*"}
AT_ONCE = {"metric": "concurrency", "max": 5}


def made(answer: httpx.Response) -> dict[str, Any]:
    """Return what was created."""
    assert answer.status_code == 201, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def fault(answer: httpx.Response) -> tuple[int, str, str | None]:
    """Return status, code and member of a refusal."""
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["details"].get("param")


def plain(limit: dict[str, Any]) -> dict[str, Any]:
    """Return a limit without what is used of it."""
    return {name: value for name, value in limit.items() if name not in {"used", "remaining", "resets_at"}}


@pytest.fixture
def plan(control: ControlProcess) -> str:
    """A plan that is there."""
    plan_id = system.new_id(ids.PLAN)
    with sqlite3.connect(control.data.database) as database:
        database.execute("INSERT INTO plans (id, name, created_at) VALUES (?, ?, 1)", (plan_id, plan_id))
    database.close()
    return plan_id


@pytest.fixture
def owners(control: ControlProcess, key: dict[str, Any], plan: str) -> dict[str, str]:
    """The path of one of each that can have limits."""
    project = made(control.operator.post(PROJECTS, json={"name": "p"}))
    account = made(control.operator.post(ACCOUNTS, json={"name": "a"}))
    return {
        "key": f"{KEYS}/{key['data']['id']}",
        "project": f"{PROJECTS}/{project['id']}",
        "account": f"{ACCOUNTS}/{account['id']}",
        "plan": f"{PLANS}/{plan}",
    }


@pytest.mark.parametrize("noun", ["key", "project", "account", "plan"])
def test_limits_are_set_as_a_whole_and_shown_as_they_were_written(
    control: ControlProcess, owners: dict[str, str], noun: str
) -> None:
    """Money as a string, the window left out where there is none, and the version as entity tag."""
    path = f"{owners[noun]}/limits"

    empty = control.operator.get(path)
    put = control.operator.put(path, json={"limits": [MINUTE, MONTH, AT_ONCE]})
    shown = control.operator.get(path)
    stale = control.operator.put(path, json={"limits": []}, headers={"if-match": empty.headers["etag"]})
    cleared = control.operator.put(path, json={"limits": []}, headers={"if-match": put.headers["etag"]})

    assert [one.status_code for one in (empty, put, shown, cleared)] == [200] * 4
    assert empty.json()["data"]["limits"] == cleared.json()["data"]["limits"] == []
    assert put.json() == shown.json()
    data = shown.json()["data"]
    expected = [one | {"shadow": False} for one in (AT_ONCE, MONTH, MINUTE)]
    assert [plain(one) for one in data["limits"]] == expected
    assert [one.headers["etag"] for one in (empty, put, cleared)] == ['"1"', '"2"', '"3"']
    assert fault(stale) == (412, "VERSION_MISMATCH", None)
    assert data["version"] == 2


def test_a_raise_and_a_shadow_are_shown(control: ControlProcess, owners: dict[str, str]) -> None:
    """What remains goes by the raise while it lasts."""
    raised = MINUTE | {"raise": {"max": 600, "until": "2099-12-24T00:00:00Z"}, "shadow": True}

    answer = control.operator.put(f"{owners['key']}/limits", json={"limits": [raised]})

    [limit] = answer.json()["data"]["limits"]
    assert plain(limit) == raised
    assert (limit["used"], limit["remaining"], limit["resets_at"]) == (0, 600, None)


@pytest.mark.parametrize(
    ("limits", "param"),
    [
        ([MINUTE, MONTH | {"max": "0.0000000001"}], "limits[1].max"),
        ([MINUTE, MONTH | {"max": "lots"}], "limits[1].max"),
        ([MINUTE, MONTH | {"max": -1}], "limits[1].max"),
        ([MINUTE | {"max": 1.5}], "limits[0].max"),
        ([MINUTE | {"max": "60"}], "limits[0].max"),
        ([MINUTE | {"max": True}], "limits[0].max"),
        ([MINUTE | {"max": -1}], "limits[0].max"),
        ([MINUTE | {"max": None}], "limits[0].max"),
        ([MINUTE | {"max": 10**30}], "limits[0].max"),
        ([MINUTE | {"window": "week"}], "limits[0].window"),
        ([MINUTE | {"window": "credit"}], "limits[0].window"),
        ([MINUTE | {"window": None}], "limits[0].window"),
        ([AT_ONCE | {"window": "minute"}], "limits[0].window"),
        ([MINUTE | {"metric": "calls"}], "limits[0].metric"),
        ([MINUTE | {"model": "a b"}], "limits[0].model"),
        ([MINUTE | {"scope": "key"}], "limits[0].scope"),
        ([MINUTE, MINUTE], "limits[1]"),
        ([MINUTE | {"raise": {"max": 6, "until": "2099-01-01T00:00:00Z"}}], "limits[0].raise.max"),
        ([MINUTE | {"raise": {"max": 1.5, "until": "2099-01-01T00:00:00Z"}}], "limits[0].raise.max"),
        ([MINUTE | {"raise": {"max": 99, "until": "2020-01-01T00:00:00Z"}}], "limits[0].raise.until"),
        ([MINUTE | {"raise": {"max": 99, "until": "2099-01-01T00:00:00"}}], "limits[0].raise.until"),
        ([MINUTE | {"raise": {"max": 99}}], "limits[0].raise"),
        ([AT_ONCE | {"model": f"m{number}"} for number in range(33)], "limits"),
    ],
)
def test_every_fault_names_its_member(
    control: ControlProcess, owners: dict[str, str], limits: list[dict[str, Any]], param: str
) -> None:
    """In a list of its own, in a key that is created, and in one that is changed."""
    answers = [
        control.operator.put(f"{owners['project']}/limits", json={"limits": limits}),
        control.operator.patch(owners["key"], json={"limits": limits}),
        control.operator.post(KEYS, json={"name": "never", "limits": limits}),
    ]

    assert {fault(answer) for answer in answers} == {(400, "INVALID_MEMBER", param)}


def test_money_may_be_sent_as_a_number(control: ControlProcess, owners: dict[str, str]) -> None:
    """JSON numbers are read as they are written, and given back as strings."""
    limits = [MONTH | {"max": 0.1}, MONTH | {"max": 20, "window": "day"}]

    answer = control.operator.put(f"{owners['key']}/limits", json={"limits": limits})

    assert {one["window"]: one["max"] for one in answer.json()["data"]["limits"]} == {
        "month": "0.1",
        "day": "20",
    }


def test_a_key_is_created_with_limits_and_shows_them(control: ControlProcess) -> None:
    """In the form in which they can be sent back."""
    created = made(control.operator.post(KEYS, json={"name": "limited", "limits": [MINUTE, MONTH]}))
    path = f"{KEYS}/{created['id']}"

    same = control.operator.patch(path, json={"limits": created["limits"]})
    fewer = control.operator.patch(path, json={"limits": [MONTH]})
    left = control.operator.patch(path, json={"description": "x"})

    assert created["limits"] == [one | {"shadow": False} for one in (MONTH, MINUTE)]
    assert (same.json()["data"]["version"], same.json()["data"]["limits"]) == (1, created["limits"])
    assert fewer.json()["data"]["limits"] == left.json()["data"]["limits"] == [MONTH | {"shadow": False}]


def test_projects_and_accounts_show_their_limits(control: ControlProcess, owners: dict[str, str]) -> None:
    """Whoever looks at one must not have to know where else to look."""
    for noun in ("project", "account"):
        control.operator.put(f"{owners[noun]}/limits", json={"limits": [MINUTE]})

        shown = control.operator.get(owners[noun]).json()["data"]

        assert shown["limits"] == [MINUTE | {"shadow": False}]


def test_a_publishable_key_is_born_with_low_limits(control: ControlProcess) -> None:
    """It stands in the source of a web page."""
    members = {"name": "page", "kind": "publishable", "origins": ["https://a.example.com"]}

    usual = made(control.operator.post(KEYS, json=members))
    unlimited = made(control.operator.post(KEYS, json=members | {"limits": []}))

    assert usual["limits"] == [one | {"shadow": False} for one in (AT_ONCE, MINUTE)]
    assert unlimited["limits"] == []


def test_a_verification_tells_the_limits_of_the_key(control: ControlProcess) -> None:
    """An API of one's own can go by them."""
    answer = control.operator.post(KEYS, json={"name": "v", "limits": [MINUTE]})

    verified = control.operator.post(f"{KEYS}/verify", json={"key": answer.json()["key"]}).json()["data"]

    assert (verified["valid"], verified["limits"]) == (True, [MINUTE | {"shadow": False}])


def test_what_is_used_stands_beside_the_limit_it_counts_against(
    control: ControlProcess, key: dict[str, Any]
) -> None:
    """In its own window, up to now, with when that ends."""
    path = f"{KEYS}/{key['data']['id']}/limits"
    journal = WorkerJournal(control.data.journals)
    begun = admitted(key_id=key["data"]["id"], started_us=system.now_ms() * 1000)
    journal.write(begun, served(begun, cost_nano_usd=500_000_000))
    control.operator.put(path, json={"limits": [MONTH | {"model": "demo-*"}, MINUTE | {"window": "day"}]})
    try:
        data = control.operator.get(path).json()["data"]
    finally:
        journal.close()

    money, requests = data["limits"]
    assert (money["used"], money["remaining"]) == ("0.5", "20")
    assert (requests["used"], requests["remaining"]) == (1, 59)
    assert money["resets_at"].endswith("-01T00:00:00Z")
    assert requests["resets_at"].endswith("T00:00:00Z")


def test_the_owners_of_a_key_limit_it_too(control: ControlProcess, plan: str) -> None:
    """Beside its own: the closest first."""
    account = made(control.operator.post(ACCOUNTS, json={"name": "acme", "time_zone": "Asia/Tokyo"}))
    project = made(control.operator.post(PROJECTS, json={"name": "shop", "account_id": account["id"]}))
    key = made(control.operator.post(KEYS, json={"name": "till", "project_id": project["id"]}))
    with sqlite3.connect(control.data.database) as database:
        database.execute("UPDATE accounts SET plan_id = ? WHERE id = ?", (plan, account["id"]))
    database.close()
    day = MINUTE | {"window": "day"}
    for path in (f"{PROJECTS}/{project['id']}", f"{ACCOUNTS}/{account['id']}", f"{PLANS}/{plan}"):
        assert control.operator.put(f"{path}/limits", json={"limits": [day]}).status_code == 200

    data = control.operator.get(f"{KEYS}/{key['id']}/limits").json()["data"]
    of_plan = control.operator.get(f"{PLANS}/{plan}/limits").json()["data"]

    assert [one["scope"] for one in data["inherited"]] == ["project", "account", "plan"]
    assert {one["resets_at"][11:] for one in data["inherited"]} == {"15:00:00Z"}
    assert [(one["used"], one["remaining"], one["resets_at"]) for one in of_plan["limits"]] == [
        (None, None, None)
    ]


def test_who_may_set_what(control: ControlProcess) -> None:
    """`write` for keys, `admin` for projects, and accounts and plans for who reaches the node."""
    account = made(control.operator.post(ACCOUNTS, json={"name": "tenant"}))
    project = made(control.operator.post(PROJECTS, json={"name": "own", "account_id": account["id"]}))
    members = {"name": "k", "project_id": project["id"]}
    key = made(control.operator.post(KEYS, json=members))
    codes = {}
    for preset in ("production", "development", "admin"):
        secret = control.operator.post(KEYS, json=members | {"preset": preset}).json()["key"]
        headers = {"authorization": f"Bearer {secret}"}
        codes[preset] = [
            control.relayed.put(f"{path}/limits", json={"limits": [MINUTE]}, headers=headers).status_code
            for path in (
                f"{KEYS}/{key['id']}",
                f"{PROJECTS}/{project['id']}",
                f"{ACCOUNTS}/{account['id']}",
                f"{PLANS}/gold",
            )
        ]

    assert codes["admin"] == [200, 200, 403, 403]
    assert codes["development"] == [200, 403, 403, 403]
    assert set(codes["production"]) == {403}


async def test_a_worker_is_told_before_the_call_returns(control: ControlProcess, key: dict[str, Any]) -> None:
    """A limit that one worker does not know of is none."""
    worker = await BusWorker.connect(control.data.bus_socket, "7-slow", obedient=False)
    worker.send(bus.Confirmed((await worker.snapshot()).sequence))
    path = f"{KEYS}/{key['data']['id']}/limits"

    calling = asyncio.get_running_loop().create_task(control.call("PUT", path, {"limits": [MINUTE]}))
    told = await worker.next(bus.Invalidate)
    early = calling.done()
    assert isinstance(told, bus.Invalidate)
    worker.send(bus.Confirmed(told.sequence))
    answer = await calling
    await worker.close()

    assert (list(told.key_ids), early, answer.status_code) == ([key["data"]["id"]], False, 200)
