"""Links that lead somebody in, after their time: they lead nobody in, and the page says what to do next."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from fakes.control_process import ControlProcess
from fakes.people import invited, made
from fakes.strangers import PASSWORD, Fields, Visits, another, visits

PAGES = {
    "setup": "or run: keyturn users setup-link",
    "invite": "ask whoever invited you for a new one",
    "reset": "ask for a new one",
    "verify": "sign up again for a new one",
}
"""What leads in, and what to do when its time is over."""


@pytest.fixture
def visit(control: ControlProcess) -> Iterator[Visits]:
    """Gives browsers without a screen."""
    with visits(control) as make:
        yield make


def link(control: ControlProcess, visit: Visits, page: str) -> str:
    """Return the token of a new link."""
    if page == "setup":
        url = made(control.operator.post("/api/v1/setup-link"))["link"]
    elif page == "invite":
        return invited(control, "late@first.example", "member")[1]
    elif page == "reset":
        email, _ = another(control)
        url = made(control.operator.post(f"/api/v1/users/{email}/reset-link"))["url"]
    else:
        control.operator.patch("/api/v1/settings", json={"people.sign_up": "open"}).raise_for_status()
        fields: Fields = {"email": "late@sign.example", "name": "Late", "password": PASSWORD}
        assert visit().post("/dashboard/sign-up", fields, page="/dashboard/sign-up").status_code == 200
        url = made(control.operator.post("/api/v1/users/late@sign.example/verify-link"))["url"]
    return str(url).partition("#")[2]


def age_links(control: ControlProcess, minutes: float) -> None:
    """Let time pass for all links, be it back."""
    with closing(sqlite3.connect(control.data.database, timeout=10)) as database, database:
        changed = database.execute("UPDATE links SET expires_at = expires_at - ?", [int(minutes * 60_000)])
        assert changed.rowcount > 0


@pytest.mark.parametrize("page", PAGES)
def test_a_link_leads_nobody_in_after_its_time(control: ControlProcess, visit: Visits, page: str) -> None:
    """However right all else is; before it was over, the same form would have been taken."""
    path, days = f"/dashboard/{page}", 30 * 24 * 60
    fields: Fields = {"token": link(control, visit, page), "password": PASSWORD, "email": "kim@example.com"}
    somebody = visit()

    age_links(control, days)
    late = somebody.post(path, fields, page=path)
    outside = somebody.get("/dashboard/account")
    age_links(control, -days)
    in_time = somebody.post(path, fields, page=path)

    assert late.status_code == 404
    assert PAGES[page] in late.text
    assert outside.headers["location"].startswith("/dashboard/sign-in")
    assert in_time.status_code == 303


def test_of_two_who_have_the_setup_link_one_becomes_the_owner(fresh: ControlProcess) -> None:
    """Whoever copied it from a terminal and comes in the same moment is no second one."""
    with visits(fresh) as visit, ThreadPoolExecutor(3) as pool:
        tries: list[Fields] = [
            {"token": fresh.setup_token, "email": f"{name}@first.example", "password": PASSWORD}
            for name in ("kim", "lee", "max")
        ]
        several = [visit() for _ in tries]
        answers = list(
            pool.map(
                lambda one, fields: one.post("/dashboard/setup", fields, page="/dashboard/setup"),
                several,
                tries,
            )
        )
        inside = [one.get("/dashboard/account").status_code for one in several]

    people = fresh.operator.get("/api/v1/users").json()["data"]
    assert sorted(answer.status_code for answer in answers) == [303, 404, 404]
    assert [status == 200 for status in inside] == [answer.status_code == 303 for answer in answers]
    assert [one["role"] for one in people] == ["owner"]
