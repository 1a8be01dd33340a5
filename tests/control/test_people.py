"""People who sign in: how they come in, what protects their sessions, and how far they reach."""

from typing import Any

import httpx
import pytest

from fakes.control_process import ControlProcess
from fakes.people import FORM, ORIGIN, PASSWORD, Human, accept, crowd, invited, long_ago, newcomer

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


def made(answer: httpx.Response) -> dict[str, Any]:
    """Return what was made."""
    assert answer.status_code in {200, 201}, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def code(answer: httpx.Response) -> tuple[int, str]:
    """Return status and code of a refusal."""
    return answer.status_code, answer.json()["error"]["code"]


# ── sessions ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-csrf-token": "0" * 32},
        {"x-csrf-token": "", "origin": ORIGIN},
        {"x-csrf-token": "true", "origin": "https://evil.example"},
        {"x-csrf-token": "true", "origin": "null"},
        {"x-csrf-token": "true", "origin": "http://127.0.0.1:8081"},
        {"x-csrf-token": "true", "sec-fetch-site": "cross-site"},
        {"x-csrf-token": "true", "sec-fetch-site": "same-site"},
    ],
)
def test_what_another_site_sends_changes_nothing(
    control: ControlProcess, people: dict[str, Human], headers: dict[str, str]
) -> None:
    """Neither without the token, nor with one that is wrong, nor with the true one from a page that is not ours."""
    owner = people["first owner"]
    if headers.get("x-csrf-token") == "true":
        headers = {**headers, "x-csrf-token": owner.csrf()}
    before = control.operator.get(PROJECTS).json()["data"]

    called = owner.send("POST", PROJECTS, headers=headers, json={"name": "planted"})
    token = headers.get("x-csrf-token", "")
    rest = {name: value for name, value in headers.items() if name != "x-csrf-token"}
    sent = owner.send(
        "POST", "/dashboard/team/projects", headers={**FORM, **rest}, content=f"csrf={token}&name=planted"
    )

    assert code(called) == (403, "CSRF_MISMATCH")
    assert sent.status_code == 403
    assert control.operator.get(PROJECTS).json()["data"] == before


def test_a_session_calls_the_api_with_its_token(people: dict[str, Human]) -> None:
    """Pages of ours can do what programs do."""
    created = people["first owner"].call("POST", PROJECTS, json={"name": "called"})

    assert created.status_code == 201, created.text
    assert people["first owner"].call("GET", f"{PROJECTS}/called").status_code == 200


def test_a_key_that_comes_with_a_session_decides_alone(
    control: ControlProcess, people: dict[str, Human]
) -> None:
    """A program's bad key is refused, whatever a browser has kept; a good one needs no token."""
    owner = people["first owner"]
    weak = control.operator.post(KEYS, json={"name": "weak"}).json()["key"]
    strong = control.operator.post(KEYS, json={"name": "strong", "kind": "management"}).json()["key"]

    def call(key: str) -> httpx.Response:
        return owner.send("POST", PROJECTS, headers={"authorization": f"Bearer {key}"}, json={"name": "x"})

    assert code(call("sk-000000000000000000000000003vSKjy")) == (401, "INVALID_API_KEY")
    assert code(call(weak)) == (403, "INSUFFICIENT_PERMISSIONS")
    assert call(strong).status_code == 201


def test_a_session_that_is_over_is_told_so(control: ControlProcess) -> None:
    """A page that is still open then asks to sign in, instead of calling it a missing key."""
    human = newcomer(control, "leaving@first.example", "admin")
    kept = dict(human.cookies)

    human.form("/dashboard/sign-out")
    human.cookies = kept

    assert code(human.call("GET", KEYS)) == (401, "SIGN_IN_REQUIRED")
    assert human.page("/dashboard").status_code == 303


def test_a_session_that_was_planted_is_worth_nothing(control: ControlProcess) -> None:
    """Whoever puts a cookie of their own into somebody's browser is not them when they have signed in."""
    attacker = newcomer(control, "mallory@first.example", "member")
    victim = newcomer(control, "victim@first.example", "admin")
    victim.form("/dashboard/sign-out")
    planted = dict(attacker.cookies)

    victim.cookies = dict(planted)
    unknown = Human(control, "victim@first.example")
    unknown.cookies = {"keyturn_session": "a" * 32, "keyturn_visit": "b" * 32}
    answers = [victim.form("/dashboard/sign-out"), unknown.sign_in()]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert unknown.cookies["keyturn_session"] not in {"a" * 32, planted["keyturn_session"]}
    attacker.cookies = planted
    assert attacker.page("/dashboard").status_code == 303


def test_signing_in_again_ends_the_session_that_the_browser_had(control: ControlProcess) -> None:
    """A token that somebody has copied before is worth nothing afterwards."""
    human = newcomer(control, "again@first.example", "member")
    before = dict(human.cookies)

    token = human.csrf()
    body = f"csrf={token}&email=again%40first.example&password={PASSWORD.replace(' ', '+')}"
    answer = human.send("POST", "/dashboard/sign-in", content=body, headers=FORM)

    assert answer.status_code == 303
    assert human.cookies["keyturn_session"] != before["keyturn_session"]
    human.cookies = before
    assert human.page("/dashboard").status_code == 303


@pytest.mark.parametrize(
    "call",
    [
        ("DELETE", "/api/v1/projects/proj_00000000000000000000", None),
        ("POST", f"{USERS}/{{member}}/invite", None),
        ("PATCH", f"{USERS}/{{member}}", {"role": "admin"}),
        ("POST", USERS, {"email": "new@first.example", "role": "viewer"}),
        ("POST", "/api/v1/invitations", {"email": "new@first.example"}),
        ("POST", f"{KEYS}/{{own}}/reveal", {}),
    ],
)
def test_what_weighs_most_asks_who_it_is_once_more(
    control: ControlProcess,
    keys: dict[str, str],
    call: tuple[str, str, dict[str, str] | None],
) -> None:
    """Somebody else at a screen that was left open deletes nothing, sees no secret and lets nobody in."""
    method, path, body = call
    human = newcomer(control, f"away-{method}-{len(path)}@first.example", "owner")
    guest, _ = invited(control, f"guest-{method}-{len(path)}@first.example", "member")
    filled = path.format(member=guest, own=keys["own"])
    long_ago(control, human)

    answer = human.call(method, filled, json=body)

    assert code(answer) == (403, "CONFIRMATION_REQUIRED")
    assert human.call("POST", f"{KEYS}/{keys['own']}/disable").status_code == 200
    assert human.call("POST", f"{KEYS}/{keys['own']}/enable").status_code == 200


def test_a_secret_is_shown_to_who_has_just_signed_in(people: dict[str, Human], keys: dict[str, str]) -> None:
    """A member sees those of their own keys, and of nobody else's."""
    shown = people["first member"].call("POST", f"{KEYS}/{keys['own']}/reveal", json={})
    other = people["first member"].call("POST", f"{KEYS}/{keys['colleague']}/reveal", json={})

    assert shown.json()["key"].startswith("sk-")
    assert other.status_code == 404


# ── coming in ───────────────────────────────────────────────────────────────


def test_an_invitation_lets_one_person_in_once(control: ControlProcess) -> None:
    """Whoever finds the link later gets nowhere."""
    _, token = invited(control, "once@first.example", "viewer")

    human = accept(control, "once@first.example", token)
    again = Human(control)
    second = again.form(
        "/dashboard/invite", page="/dashboard/invite", token=token, name="Mallory", password=PASSWORD
    )

    assert human.page("/dashboard").status_code == 200
    assert second.status_code == 404
    assert "keyturn_session" not in again.cookies
    listed = made(control.operator.get(f"{USERS}/once@first.example"))
    assert (listed["role"], listed["invited"], listed["last_sign_in_at"] is not None) == (
        "viewer",
        False,
        True,
    )


def test_a_new_invitation_ends_the_one_before(control: ControlProcess) -> None:
    """A link that went to the wrong place is made worthless by another."""
    user_id, first = invited(control, "twice@first.example", "member")
    link = made(control.operator.post(f"{USERS}/{user_id}/invite"))["link"]

    stale = Human(control).form(
        "/dashboard/invite", page="/dashboard/invite", token=first, name="", password=PASSWORD
    )

    assert stale.status_code == 404
    assert (
        accept(control, "twice@first.example", link.partition("#")[2]).page("/dashboard").status_code == 200
    )
    assert code(control.operator.post(f"{USERS}/{user_id}/invite")) == (409, "CONFLICT")


def test_an_invitation_that_is_taken_back_leaves_nothing(control: ControlProcess) -> None:
    """Neither a way in nor a person in the lists."""
    user_id, token = invited(control, "mistake@first.example", "admin")

    gone = control.operator.delete(f"{USERS}/{user_id}/invite")
    late = Human(control).form(
        "/dashboard/invite", page="/dashboard/invite", token=token, name="", password=PASSWORD
    )

    assert (gone.status_code, late.status_code) == (200, 404)
    assert control.operator.get(f"{USERS}/{user_id}").status_code == 404


def test_a_weak_password_keeps_what_was_typed(control: ControlProcess) -> None:
    """The link works on, and the name is still there."""
    _, token = invited(control, "weak@first.example", "member")

    answer = Human(control).form(
        "/dashboard/invite", page="/dashboard/invite", token=token, name="Weak One", password="short"
    )

    assert answer.status_code == 400
    assert token in answer.text
    assert "Weak One" in answer.text
    assert accept(control, "weak@first.example", token).page("/dashboard").status_code == 200


# ── roles ───────────────────────────────────────────────────────────────────


def test_nobody_makes_anybody_stronger_than_they_are(
    control: ControlProcess, people: dict[str, Human]
) -> None:
    """An admin makes no owner and touches none; an owner does both."""
    admin, owner = people["other admin"], people["other owner"]
    user_id, _ = invited(control, "rising@other.example", "member", "Other")

    refused = [
        admin.call("PATCH", f"{USERS}/{user_id}", json={"role": "owner"}),
        admin.call("PATCH", f"{USERS}/{admin.id}", json={"role": "owner"}),
        admin.call("PATCH", f"{USERS}/{owner.id}", json={"role": "member"}),
        admin.call("PATCH", f"{USERS}/{owner.id}", json={"email": "mine@other.example"}),
        admin.call("POST", f"{USERS}/{owner.id}/suspend"),
        admin.call("DELETE", f"{USERS}/{owner.id}"),
        admin.call("POST", "/api/v1/invitations", json={"email": "x@other.example", "role": "owner"}),
    ]

    assert {code(answer) for answer in refused} == {(403, "INSUFFICIENT_PERMISSIONS")}
    assert made(admin.call("PATCH", f"{USERS}/{user_id}", json={"role": "admin"}))["role"] == "admin"
    assert made(owner.call("PATCH", f"{USERS}/{user_id}", json={"role": "owner"}))["role"] == "owner"
    assert control.operator.get(f"{USERS}/x@other.example").status_code == 404


def test_a_key_makes_nobody_stronger_than_itself(control: ControlProcess) -> None:
    """Not even one that administers: what it is bound to, a person would not be."""

    def key(**members: Any) -> dict[str, str]:
        members = {"name": "inviting", "preset": "admin", "project_id": project["id"], **members}
        return {"authorization": f"Bearer {control.operator.post(KEYS, json=members).json()['key']}"}

    account = made(control.operator.post("/api/v1/accounts", json={"name": "Inviting"}))
    project = made(control.operator.post(PROJECTS, json={"name": "inviting", "account_id": account["id"]}))
    free, bound = key(), key(models=["gpt-*"])

    def invite(headers: dict[str, str], role: str) -> int:
        wanted = {"email": f"{role}@inviting.example", "role": role}
        return control.relayed.post("/api/v1/invitations", headers=headers, json=wanted).status_code

    assert [invite(bound, role) for role in ("owner", "admin", "member", "viewer")] == [403] * 4
    assert [invite(free, role) for role in ("owner", "admin", "member", "viewer")] == [403, 201, 201, 201]


def test_an_account_keeps_its_last_owner(control: ControlProcess) -> None:
    """Nobody is left before a locked door; who is only invited can't open it either."""
    control.operator.post("/api/v1/accounts", json={"name": "Small"}).raise_for_status()
    owner = newcomer(control, "only@small.example", "owner", "Small")
    invited(control, "next@small.example", "owner", "Small")

    refused = [
        owner.call("PATCH", f"{USERS}/{owner.id}", json={"role": "admin"}),
        owner.call("POST", f"{USERS}/{owner.id}/suspend"),
        owner.call("DELETE", f"{USERS}/{owner.id}"),
        control.operator.post(f"{USERS}/{owner.id}/suspend"),
    ]
    newcomer(control, "second@small.example", "owner", "Small")

    assert {code(answer) for answer in refused} == {(409, "CONFLICT")}
    assert owner.call("PATCH", f"{USERS}/{owner.id}", json={"role": "admin"}).status_code == 200


def test_whoever_runs_the_node_can_empty_an_account(
    control: ControlProcess, people: dict[str, Human]
) -> None:
    """An account that ends loses its last owner too; the node's own does not."""
    made(control.operator.post("/api/v1/accounts", json={"name": "Ending"}))
    owner = newcomer(control, "only@ending.example", "owner", "Ending")

    assert people["first owner"].call("DELETE", f"{USERS}/{owner.id}").status_code == 200
    assert people["first owner"].call("DELETE", "/api/v1/accounts/Ending").status_code == 200


@pytest.mark.parametrize(
    ("change", "stays"),
    [
        (("PATCH", "", {"role": "viewer"}), False),
        (("PATCH", "", {"role": "owner"}), True),
        (("PATCH", "", {"name": "Another"}), True),
        (("POST", "/suspend", None), False),
        (("DELETE", "", None), False),
    ],
    ids=str,
)
def test_sessions_end_when_somebody_may_do_less(
    control: ControlProcess, change: tuple[str, str, Any], *, stays: bool
) -> None:
    """At once, in every window; and a session that has ended stays so when they may do it again."""
    method, path, body = change
    human = newcomer(control, f"{method}-{path.strip('/')}-{stays}-{str(body)[2:6]}@first.example", "admin")

    control.operator.request(method, f"{USERS}/{human.id}{path}", json=body).raise_for_status()
    if path == "/suspend":
        control.operator.post(f"{USERS}/{human.id}/resume").raise_for_status()

    assert (human.call("GET", KEYS).status_code == 200) is stays


# ── reach ───────────────────────────────────────────────────────────────────

ACTS = [
    ("GET", "", None),
    ("PATCH", "", {"name": "taken over"}),
    ("DELETE", "", None),
    ("POST", "/enable", None),
    ("POST", "/disable", None),
    ("POST", "/revoke", None),
    ("POST", "/rotate", {}),
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
