"""People who visit the dashboard of a control process through its relay socket, each with a browser's cookies."""

import hashlib
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Protocol
from urllib.parse import urlencode

import argon2
import httpx

from fakes.control_process import ControlProcess
from support.node import NO_TLS

EMAIL, PASSWORD = "kim@example.com", "correct horse battery"
Fields = dict[str, str | list[str]]

_CSRF = re.compile(r'<meta name="csrf" content="([0-9A-Za-z]+)">')
_NUMBERS = count(1)
_HASH = argon2.PasswordHasher().hash(PASSWORD)


class Somebody:
    """A browser without a screen, from an address of its own."""

    def __init__(self, control: ControlProcess, *, agent: str = "tests", address: str = "") -> None:
        number = next(_NUMBERS)
        self.control = control
        self.address = address or f"10.{number >> 16}.{(number >> 8) & 255}.{number & 255}"
        self.http = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(control.data.relay_socket), verify=NO_TLS),
            base_url="http://keyturn.test",
            headers={"x-forwarded-for": self.address, "user-agent": agent, "accept": "text/html"},
            timeout=20,
        )

    def get(self, path: str) -> httpx.Response:
        """Open a page; a redirection is not followed."""
        return self.http.get(path)

    def csrf(self, page: str = "/dashboard/account") -> str:
        """Return what forms carry."""
        found = _CSRF.search(self.get(page).text)
        assert found is not None, page
        return found[1]

    def post(
        self, path: str, fields: Fields | None = None, *, page: str = "/dashboard/account"
    ) -> httpx.Response:
        """Fill in a form that stands on a page, and send it."""
        body = urlencode({"csrf": self.csrf(page), **(fields or {})}, doseq=True)
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return self.http.post(path, content=body, headers=headers)

    def sign_in(self, email: str, password: str, *, then: str = "/dashboard") -> httpx.Response:
        """Fill in the first form of the sign-in."""
        fields: Fields = {"email": email, "password": password, "next": then}
        return self.post("/dashboard/sign-in", fields, page="/dashboard/sign-in")

    def age(self, *, seen_minutes: int = 0, made_minutes: int = 0, proved_minutes: int = 0) -> None:
        """Move the times of this browser's session back."""
        token = self.http.cookies["keyturn_session"]
        query = (
            "UPDATE sessions SET last_seen_at = last_seen_at - ?, created_at = created_at - ?, "
            "proved_at = proved_at - ? WHERE token_hash = ?"
        )
        back = [minutes * 60_000 for minutes in (seen_minutes, made_minutes, proved_minutes)]
        with closing(sqlite3.connect(self.control.data.database, timeout=10)) as database, database:
            changed = database.execute(query, (*back, hashlib.sha256(token.encode()).digest()))
            assert changed.rowcount == 1

    def close(self) -> None:
        """Let go of the connection."""
        self.http.close()


class Visits(Protocol):
    """Makes browsers without a screen."""

    def __call__(self, *, agent: str = "tests", address: str = "") -> Somebody:
        """Make one; ``address`` is where it comes from, another for each unless said."""


@contextmanager
def visits(control: ControlProcess) -> Iterator[Visits]:
    """Give what makes browsers, and close them in the end."""
    made: list[Somebody] = []

    def make(*, agent: str = "tests", address: str = "") -> Somebody:
        made.append(Somebody(control, agent=agent, address=address))
        return made[-1]

    try:
        yield make
    finally:
        for one in made:
            one.close()


def another(control: ControlProcess, role: str = "member") -> tuple[str, str]:
    """Make another user of the operator's account, who can sign in; return address and password."""

    def make(email: str) -> str:
        made = control.operator.post("/api/v1/users", json={"email": email})
        assert made.status_code == 201, made.text
        return str(made.json()["data"]["id"])

    return with_password(make, control.data.database, role)


def with_password(make: Callable[[str], str], database: Path, role: str) -> tuple[str, str]:
    """Make a user and let them sign in; return address and password.

    Args:
        make: Makes a user with an address; returns their identifier.
        database: Of the node.
        role: Theirs.
    """
    email = f"user{next(_NUMBERS)}@example.com"
    user_id, now = make(email), 1_700_000_000_000
    query = "INSERT INTO logins (user_id, role, password_hash, email_verified_at, created_at) VALUES (?, ?, ?, ?, ?)"
    with closing(sqlite3.connect(database, timeout=10)) as opened, opened:
        opened.execute(query, (user_id, role, _HASH, now, now))
    return email, PASSWORD


@contextmanager
def owner_of(control: ControlProcess) -> Iterator[Somebody]:
    """Make the first owner of a node; give them signed in."""
    with closing(Somebody(control)) as somebody:
        fields: Fields = {
            "token": control.setup_token,
            "email": EMAIL,
            "name": "Kim Example",
            "password": PASSWORD,
        }
        answer = somebody.post("/dashboard/setup", fields, page="/dashboard/setup")
        assert answer.status_code == 303, answer.text
        yield somebody
