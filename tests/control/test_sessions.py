"""Sessions in the management API and on pages: what protects them, and when they end."""

import sqlite3
from contextlib import closing

import httpx
import pytest

from fakes.control_process import ControlProcess
from fakes.people import FORM, ORIGIN, PASSWORD, Human, code, crowd, invited, long_ago, made, newcomer
from keyturn.system import now_ms

KEYS, USERS, PROJECTS = "/api/v1/keys", "/api/v1/users", "/api/v1/projects"
ACCOUNT = "/dashboard/account"


@pytest.fixture(scope="module")
def people(control: ControlProcess) -> dict[str, Human]:
    """Somebody of every role, in two accounts."""
    return crowd(control)


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


def test_a_page_that_asks_by_itself_does_not_keep_a_session(control: ControlProcess) -> None:
    """Whoever leaves the first page open and goes away is signed out as if they had closed it."""
    human = newcomer(control, "away@first.example", "viewer")
    long_since = now_ms() - 120_000
    with closing(sqlite3.connect(control.data.database, timeout=10)) as database:
        with database:
            database.execute("UPDATE sessions SET last_seen_at = ? WHERE user_id = ?", [long_since, human.id])

        def seen() -> int:
            query = "SELECT last_seen_at FROM sessions WHERE user_id = ?"
            return int(database.execute(query, [human.id]).fetchone()[0])

        assert human.page("/dashboard/figures").status_code == 200
        after_itself = seen()
        assert human.page("/dashboard").status_code == 200
        after_somebody = seen()

    assert after_itself == long_since
    assert after_somebody > long_since


def test_a_session_that_was_planted_is_not_whose_who_signs_in_with_it(control: ControlProcess) -> None:
    """Whoever puts a cookie of their own into somebody's browser is not them when they have signed in."""
    attacker = newcomer(control, "mallory@first.example", "member")
    victim = newcomer(control, "victim@first.example", "admin")
    planted = dict(attacker.cookies)
    assert "mallory@first.example" in attacker.page(ACCOUNT).text

    victim.cookies = dict(planted)
    answer = victim.form("/dashboard/sign-in", email=victim.email, password=PASSWORD, next="/dashboard")

    assert answer.status_code == 303
    assert "victim@first.example" in victim.page(ACCOUNT).text
    attacker.cookies = dict(planted)
    assert attacker.page(ACCOUNT).headers["location"].startswith("/dashboard/sign-in")


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
    call: tuple[str, str, dict[str, str] | None],
) -> None:
    """Somebody else at a screen that was left open deletes nothing, sees no secret and lets nobody in."""
    method, path, body = call
    key = made(control.operator.post(KEYS, json={"name": f"{method} {path}"}))["id"]
    human = newcomer(control, f"away-{method}-{len(path)}@first.example", "owner")
    guest, _ = invited(control, f"guest-{method}-{len(path)}@first.example", "member")
    filled = path.format(member=guest, own=key)
    long_ago(control, human)

    answer = human.call(method, filled, json=body)

    assert code(answer) == (403, "CONFIRMATION_REQUIRED")
    assert human.call("POST", f"{KEYS}/{key}/disable").status_code == 200
    assert human.call("POST", f"{KEYS}/{key}/enable").status_code == 200
