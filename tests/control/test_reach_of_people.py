"""How far people reach: members what is their own, others their account, and nobody what is the operator's."""

from typing import Any

import httpx
import pytest

from fakes.control_process import ControlProcess
from fakes.people import Human, crowd, made

KEYS, USERS, PROJECTS = "/api/v1/keys", "/api/v1/users", "/api/v1/projects"


@pytest.fixture(scope="module")
def people(control: ControlProcess) -> dict[str, Human]:
    """Somebody of every role, in two accounts."""
    return crowd(control)


@pytest.fixture(scope="module")
def projects(control: ControlProcess, people: dict[str, Human]) -> dict[str, str]:
    """Projects of the first account: one that the member belongs to, one that they do not, and one of the other account."""
    wanted = {"joined": "", "apart": "", "abroad": "Other"}
    found = {
        name: made(control.operator.post(PROJECTS, json={"name": name, "account_id": account}))["id"]
        for name, account in wanted.items()
    }
    members = f"{PROJECTS}/{found['joined']}/members"
    for who in ("first member", "first viewer", "first admin"):
        made(control.operator.post(members, json={"user_id": people[who].id}))
    made(
        control.operator.post(
            f"{PROJECTS}/{found['abroad']}/members", json={"user_id": people["other member"].id}
        )
    )
    return found


@pytest.fixture(scope="module")
def keys(control: ControlProcess, people: dict[str, Human], projects: dict[str, str]) -> dict[str, str]:
    """Keys by whose they are: the member's, a colleague's in the same project, the project's own, and another account's."""
    wanted: dict[str, dict[str, Any]] = {
        "own": {"project_id": projects["joined"], "user_id": people["first member"].id},
        "colleague": {"project_id": projects["joined"], "user_id": people["first viewer"].id},
        "service": {"project_id": projects["joined"]},
        "abroad": {"project_id": projects["abroad"], "user_id": people["other member"].id},
    }
    return {
        name: made(control.operator.post(KEYS, json={"name": name, "recoverable": True, **members}))["id"]
        for name, members in wanted.items()
    }


ACTS = [
    ("GET", "", None),
    ("PATCH", "", {"name": "taken over"}),
    ("DELETE", "", None),
    ("POST", "/enable", None),
    ("POST", "/disable", None),
    ("POST", "/revoke", None),
    ("POST", "/rotate", {}),
    ("DELETE", "/secrets/sec_00000000000000000000", None),
    ("POST", "/reveal", {}),
    ("POST", "/simulate", {"path": "/v1/chat/completions"}),
    ("GET", "/limits", None),
    ("GET", "/usage", None),
]


@pytest.mark.parametrize("whose", ["colleague", "service", "abroad"])
@pytest.mark.parametrize("act", ACTS, ids=str)
def test_a_colleagues_key_is_answered_like_one_that_does_not_exist(
    people: dict[str, Human], keys: dict[str, str], act: tuple[str, str, Any], whose: str
) -> None:
    """Byte for byte, by identifier and by name: a member learns nothing of what others hold."""
    method, rest, body = act
    member = people["first member"]

    theirs = [member.call(method, f"{KEYS}/{one}{rest}", json=body) for one in (keys[whose], whose)]
    absent = [
        member.call(method, f"{KEYS}/{one}{rest}", json=body) for one in ("key_" + "0" * 20, "no such key")
    ]

    assert [answer.status_code for answer in theirs] == [404, 404]
    assert [answer.json() for answer in theirs] == [answer.json() for answer in absent]


@pytest.mark.parametrize(
    ("who", "noun"),
    [
        (who, noun)
        for who in ("first member", "other admin", "other owner")
        for noun in ("user", "project", "account", "key")
    ],
)
def test_a_filter_tells_nobody_what_there_is(
    control: ControlProcess,
    people: dict[str, Human],
    projects: dict[str, str],
    keys: dict[str, str],
    *,
    who: str,
    noun: str,
) -> None:
    """Whether it is somebody else's or does not exist, by identifier or by name, in every list that takes one."""
    first = made(control.operator.get(f"{PROJECTS}/{projects['apart']}"))["account_id"]
    there: dict[str, tuple[str, str]] = {
        "user": (people["first viewer"].id, people["first viewer"].email),
        "project": (projects["apart"], "apart"),
        "account": (first, made(control.operator.get(f"/api/v1/accounts/{first}"))["name"]),
        "key": (keys["service"], "service"),
    }
    human = people[who]
    if (who, noun) == ("first member", "account"):
        there["account"] = (made(control.operator.get("/api/v1/accounts/Other"))["id"], "Other")
    for path in (KEYS, "/api/v1/usage", "/api/v1/usage/export", "/api/v1/requests"):
        for value in there[noun]:
            absent = value[:-20] + "0" * 20 if "_" in value else "nobody@first.example"
            params = [{noun: one, "tz": ""} for one in (value, absent)]
            answers = [human.send("GET", path, params=one) for one in params]
            told = [answer.text.replace(value, "X").replace(absent, "X") for answer in answers]

            assert answers[0].status_code == answers[1].status_code, (path, value)
            assert _timeless(told[0]) == _timeless(told[1]), (path, value)


def _timeless(text: str) -> str:
    """Leave out what is another in each answer: until when a report is."""
    before, _, rest = text.partition('"until"')
    return before + rest.partition(",")[2]


def test_a_member_sees_what_is_their_own(
    people: dict[str, Human], keys: dict[str, str], projects: dict[str, str]
) -> None:
    """Keys, and the projects that they belong to; the others are as if they did not exist."""
    member = people["first member"]

    listed = {key["id"] for key in member.call("GET", KEYS).json()["data"]}
    belongs = {one["id"] for one in member.call("GET", PROJECTS).json()["data"]}
    apart = member.call("GET", f"{PROJECTS}/{projects['apart']}")
    absent = member.call("GET", f"{PROJECTS}/proj_{'0' * 20}")

    assert (listed & set(keys.values()), belongs) == ({keys["own"]}, {projects["joined"]})
    assert (apart.status_code, apart.json()) == (404, absent.json())


def test_a_member_makes_keys_for_themselves_that_manage_nothing(
    people: dict[str, Human], projects: dict[str, str]
) -> None:
    """In their own project, and nobody else's; weaker than that they may be, stronger not."""
    member = people["first member"]

    def create(**wanted: Any) -> httpx.Response:
        return member.call("POST", KEYS, json={"name": "made", **wanted})

    plain = made(create())
    refused = {
        "permissions": create(preset="development"),
        "kind": create(kind="management"),
        "rotation.sink": create(rotation={"sink": "/srv/secrets"}),
        "project_id": create(project_id=projects["apart"]),
        "user_id": create(user_id=people["first viewer"].id),
    }

    assert (plain["user_id"], plain["project_id"]) == (member.id, projects["joined"])
    assert plain["permissions"] == ["read"]
    assert {answer.json()["error"]["details"]["param"] for answer in refused.values()} == set(refused)
    assert {answer.status_code for answer in refused.values()} == {400, 403}
    assert create(decoy=True).status_code == 403


def test_a_member_does_not_loosen_their_limits(
    control: ControlProcess, people: dict[str, Human], keys: dict[str, str]
) -> None:
    """Those that a key of theirs has may have been set by somebody who pays for it; all else of it is theirs."""
    limits = [{"metric": "requests", "window": "minute", "max": 5}]
    control.operator.put(f"{KEYS}/{keys['own']}/limits", json={"limits": limits}).raise_for_status()
    member = people["first member"]

    changed = member.call("PATCH", f"{KEYS}/{keys['own']}", json={"limits": []})
    written = member.call("PUT", f"{KEYS}/{keys['own']}/limits", json={"limits": []})
    renamed = member.call("PATCH", f"{KEYS}/{keys['own']}", json={"description": "mine"})

    assert (changed.status_code, written.status_code, renamed.status_code) == (403, 403, 200)


def test_a_member_does_not_wield_a_key_that_is_stronger_than_they_are(
    control: ControlProcess, people: dict[str, Human], projects: dict[str, str]
) -> None:
    """Somebody gave it to them; they may end it, and not copy its rights into a new secret."""
    wanted = {"project_id": projects["joined"], "user_id": people["first member"].id, "preset": "admin"}
    strong = made(
        control.operator.post(KEYS, json={"name": "strong personal", "recoverable": True, **wanted})
    )
    path = f"{KEYS}/{strong['id']}"
    member = people["first member"]

    assert member.call("POST", f"{path}/rotate", json={}).status_code == 403
    assert member.call("POST", f"{path}/reveal", json={}).status_code == 403
    assert member.call("PATCH", path, json={"name": "mine"}).status_code == 403
    assert member.call("POST", f"{path}/disable").status_code == 200


def test_who_administers_an_account_reaches_all_of_it_and_no_more(
    control: ControlProcess, people: dict[str, Human], keys: dict[str, str], projects: dict[str, str]
) -> None:
    """Its people, keys and projects; nothing of the node, and no file on its disk."""
    admin = people["other admin"]

    created = admin.call("POST", KEYS, json={"name": "theirs", "project_id": "abroad", "kind": "management"})
    sink = admin.call(
        "POST", KEYS, json={"name": "x", "project_id": "abroad", "rotation": {"sink": "/srv/x"}}
    )
    strangers = [
        admin.call("GET", f"{KEYS}/{keys['own']}"),
        admin.call("GET", f"{USERS}/{people['first owner'].id}"),
        admin.call("GET", f"{PROJECTS}/{projects['joined']}"),
    ]
    people_seen = {one["account_id"] for one in admin.call("GET", USERS).json()["data"]}
    own = made(control.operator.get("/api/v1/accounts/Other"))["id"]

    assert created.status_code == 201
    assert sink.status_code == 403
    assert [answer.status_code for answer in strangers] == [404, 404, 404]
    assert people_seen == {own}
    assert made(admin.call("GET", "/api/v1/credit"))["account_id"] == own
    assert admin.call("PATCH", f"/api/v1/accounts/{own}", json={"time_zone": "Asia/Tokyo"}).status_code == 403


def test_a_person_is_not_the_operator(people: dict[str, Human]) -> None:
    """What asks for hands on the machine is not for a browser, though its owner is signed in."""
    owner = people["first owner"]

    assert owner.call("GET", KEYS, params={"deleted": "true"}).status_code == 403
    assert owner.call("POST", f"{KEYS}/key_{'0' * 20}/undelete").status_code == 403
    assert owner.call("POST", "/api/v1/setup-link").status_code == 403


def test_a_secret_is_shown_to_who_has_just_signed_in(people: dict[str, Human], keys: dict[str, str]) -> None:
    """A member sees those of their own keys, and of nobody else's."""
    shown = people["first member"].call("POST", f"{KEYS}/{keys['own']}/reveal", json={})
    other = people["first member"].call("POST", f"{KEYS}/{keys['colleague']}/reveal", json={})

    assert shown.json()["key"].startswith("sk-")
    assert other.status_code == 404
