"""People who have signed in to a control process, without a screen: they call the API by session, and send forms."""

import re
import sqlite3
from contextlib import closing
from typing import Any
from urllib.parse import urlencode

import httpx

from fakes.control_process import ControlProcess

PASSWORD = "a long walk by the sea"
ORIGIN = "http://127.0.0.1:8080"
"""What pages of the node are served from."""
ROLES = ("owner", "admin", "member", "viewer")
FORM = {"content-type": "application/x-www-form-urlencoded"}
_CSRF = re.compile(r'<meta name="csrf" content="([0-9A-Za-z]+)">')


class Human:
    """Somebody with a browser."""

    def __init__(self, control: ControlProcess, email: str = "") -> None:
        self.email = email
        self.id = ""
        self._http = control.relayed
        self.cookies: dict[str, str] = {}

    @property
    def cookie(self) -> dict[str, str]:
        """The header of their cookies."""
        held = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {"cookie": held} if held else {}

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request as their browser does, with nothing but cookies."""
        headers = {**self.cookie, **options.pop("headers", {})}
        with self._http.stream(method, path, headers=headers, **options) as answer:
            if not answer.headers.get("content-type", "").startswith("text/event-stream"):
                answer.read()
        self._http.cookies.clear()
        for name, value in answer.cookies.items():
            self.cookies[name] = value
        return answer

    def page(self, path: str) -> httpx.Response:
        """Open a page."""
        return self.send("GET", path)

    def csrf(self, page: str = "/dashboard/account") -> str:
        """Return what their forms carry."""
        found = _CSRF.search(self.page(page).text)
        assert found is not None, page
        return found[1]

    def form(self, path: str, *, page: str = "/dashboard/account", **fields: str) -> httpx.Response:
        """Fill a form in and send it."""
        body = urlencode({"csrf": self.csrf(page), **fields})
        return self.send("POST", path, content=body, headers=FORM)

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Call the management API as a page of ours does."""
        own = {} if method == "GET" else {"x-csrf-token": self.csrf(), "origin": ORIGIN}
        return self.send(method, path, headers={**own, **options.pop("headers", {})}, **options)

    def sign_in(self, password: str = PASSWORD) -> httpx.Response:
        """Sign in."""
        fields = {"email": self.email, "password": password, "next": "/dashboard"}
        return self.form("/dashboard/sign-in", page="/dashboard/sign-in", **fields)


def first_owner(control: ControlProcess, email: str = "owner@first.example") -> Human:
    """Make the node's first owner, signed in."""
    link = control.operator.post("/api/v1/setup-link").json()["data"]["link"]
    human = Human(control, email)
    fields = {"token": link.partition("#")[2], "email": email, "name": "First", "password": PASSWORD}
    answer = human.form("/dashboard/setup", page="/dashboard/setup", **fields)
    assert answer.status_code == 303, answer.text
    human.id = control.operator.get(f"/api/v1/users/{email}").json()["data"]["id"]
    return human


def invited(control: ControlProcess, email: str, role: str, account: str = "") -> tuple[str, str]:
    """Have the operator invite somebody; return their identifier and the token of the link."""
    wanted = {"email": email, "role": role, "account_id": account}
    answer = control.operator.post("/api/v1/invitations", json=wanted)
    assert answer.status_code == 201, answer.text
    made = answer.json()["data"]
    return made["user"]["id"], made["link"].partition("#")[2]


def accept(control: ControlProcess, email: str, token: str, password: str = PASSWORD) -> Human:
    """Take an invitation; return whoever came in."""
    human = Human(control, email)
    fields = {"token": token, "name": email.partition("@")[0], "password": password}
    answer = human.form("/dashboard/invite", page="/dashboard/invite", **fields)
    assert answer.status_code == 303, answer.text
    return human


def newcomer(control: ControlProcess, email: str, role: str, account: str = "") -> Human:
    """Invite somebody and have them come in."""
    user_id, token = invited(control, email, role, account)
    human = accept(control, email, token)
    human.id = user_id
    return human


def crowd(control: ControlProcess, account: str = "Other") -> dict[str, Human]:
    """Have somebody of every role in the node's own account and in another, one who is suspended, and a stranger."""
    control.operator.post("/api/v1/accounts", json={"name": account}).raise_for_status()
    found = {"first owner": first_owner(control)}
    for role in ROLES[1:]:
        found[f"first {role}"] = newcomer(control, f"{role}@first.example", role)
    for role in ROLES:
        found[f"other {role}"] = newcomer(control, f"{role}@other.example", role, account)
    gone = found["suspended"] = newcomer(control, "gone@first.example", "owner")
    control.operator.post(f"/api/v1/users/{gone.id}/suspend").raise_for_status()
    found["signed out"] = Human(control)
    return found


def long_ago(control: ControlProcess, human: Human) -> None:
    """Have it been a while since somebody showed that it is them; their session goes on."""
    with closing(sqlite3.connect(control.data.database, timeout=10)) as connection, connection:
        connection.execute("UPDATE sessions SET proved_at = proved_at - 660000 WHERE user_id = ?", [human.id])


def made(answer: httpx.Response) -> dict[str, Any]:
    """Return what was made."""
    assert answer.status_code in {200, 201}, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def code(answer: httpx.Response) -> tuple[int, str]:
    """Return status and code of a refusal."""
    return answer.status_code, answer.json()["error"]["code"]
