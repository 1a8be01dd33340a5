"""How people come in, over the relay socket as workers pass it on: quick, without a browser."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from fakes.control_process import ControlProcess
from fakes.strangers import (
    EMAIL,
    PASSWORD,
    Fields,
    Somebody,
    Visits,
    another,
    owner_of,
    visits,
    with_password,
)
from keyturn.services.sign_in import WRONG

SIGN_IN, ACCOUNT = "/dashboard/sign-in", "/dashboard/account"


@pytest.fixture(scope="module")
def owner(control: ControlProcess) -> Iterator[Somebody]:
    """The node's first owner, signed in."""
    with owner_of(control) as found:
        yield found


@pytest.fixture
def visit(control: ControlProcess) -> Iterator[Visits]:
    """Gives browsers without a screen."""
    with visits(control) as make:
        yield make


def test_somebody_sees_where_they_are_signed_in_and_ends_the_others(visit: Visits, owner: Somebody) -> None:
    """A browser at a hotel must not stay signed in."""
    elsewhere = visit(agent="Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0")
    assert elsewhere.sign_in(EMAIL, PASSWORD).status_code == 303
    page = owner.get(ACCOUNT).text
    assert "Firefox on Linux" in page
    assert page.count("this one") == 1

    assert owner.post(f"{ACCOUNT}/sessions/end-others").status_code == 303

    assert elsewhere.get(ACCOUNT).headers["location"].startswith(SIGN_IN)
    assert owner.get(ACCOUNT).status_code == 200


def test_nobody_ends_the_session_of_another(control: ControlProcess, visit: Visits, owner: Somebody) -> None:
    """Not even with its identifier."""
    email, password = another(control)
    somebody = visit()
    somebody.sign_in(email, password)
    theirs = re.findall(r"/sessions/(ses_\w+)/end", somebody.get(ACCOUNT).text)

    assert owner.post(f"{ACCOUNT}/sessions/{theirs[0]}/end").status_code == 404
    assert somebody.get(ACCOUNT).status_code == 200
    assert somebody.post(f"{ACCOUNT}/sessions/{theirs[0]}/end").status_code == 303
    assert somebody.get(ACCOUNT).headers["location"].startswith(SIGN_IN)


def test_guessing_a_password_ends_after_five_times_also_if_all_come_at_once(
    control: ControlProcess, visit: Visits, owner: Somebody
) -> None:
    """From many addresses at once, the right one among them later: the person is locked for a while, and told how long."""
    email, password = another(control)
    guessers = [visit() for _ in range(8)]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda one: one.sign_in(email, "wrong horse battery"), guessers))
    late = visit().sign_in(email, password)

    assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * 3
    assert late.status_code == 429
    assert 0 < int(late.headers["retry-after"]) <= 900
    assert "15 minutes" in late.text
    told = [one["kind"] for one in control.operator.get("/api/v1/events").json()["data"]]
    assert told.count("sign_in.guessing") == 1


def test_no_stranger_keeps_somebody_out_of_the_browser_that_they_use(
    control: ControlProcess, visit: Visits, owner: Somebody
) -> None:
    """Whoever knows an address could lock its owner out all day; in that browser, too, guessing ends after five times."""
    email, password = another(control)
    theirs = visit()
    theirs.sign_in(email, password)
    theirs.post("/dashboard/sign-out")
    strangers = [visit() for _ in range(6)]
    statuses = [one.sign_in(email, "wrong horse battery").status_code for one in strangers]
    assert statuses == [401] * 5 + [429]

    mark = theirs.http.cookies["keyturn_device"]
    thief = visit()
    number, _, made = mark.partition(".")
    for forged in (f"{number}.{'0' * 64}", f"{number[::-1]}.{made}", number):
        thief.http.cookies.set("keyturn_device", forged)
        assert thief.sign_in(email, password).status_code == 429
    other, _ = another(control)
    theirs.http.cookies.delete("keyturn_session")
    assert theirs.sign_in(other, "wrong horse battery").status_code == 401  # it is counted as anybody's
    assert theirs.sign_in(email.upper(), password).status_code == 303

    theirs.post("/dashboard/sign-out")
    guesses = [theirs.sign_in(email, "wrong horse battery").status_code for _ in range(6)]
    assert guesses == [401] * 5 + [429]
    assert theirs.sign_in(email, password).status_code == 429


def test_one_address_that_tries_many_people_has_to_wait(visit: Visits) -> None:
    """Nobody of them exists, which the answers do not tell."""
    answers = [visit(address="192.0.2.9").sign_in(f"nobody{n}@example.com", PASSWORD) for n in range(21)]

    assert [answer.status_code for answer in answers] == [401] * 20 + [429]
    assert "The address or the password is wrong" in answers[0].text


def test_a_known_address_and_an_unknown_one_get_the_same_page(owner: Somebody, visit: Visits) -> None:
    """But for the address itself, and what forms carry."""
    pages = []
    for email in (EMAIL, "nobody@example.com"):
        somebody = visit()
        page = somebody.sign_in(email, "wrong horse battery")
        pages.append(re.sub(r"[0-9A-Za-z]{32}", "", page.text.replace(email, "")))

    assert pages[0] == pages[1]


@pytest.mark.parametrize(
    "then",
    [
        "javascript:alert(1)",
        "//evil.example",
        "/\\evil.example",
        "https://evil.example/dashboard",
        "/dashboard//evil.example",
        "/dashboard/\\evil.example",
        "/dashboard/\n//evil.example",
        "/%2f%2fevil.example",
        "/dashboardx",
        "/dashboard@evil.example",
        "/dashboard/..//evil.example",
    ],
)
def test_no_link_leads_from_the_sign_in_elsewhere(owner: Somebody, visit: Visits, then: str) -> None:
    """The first page instead."""
    assert visit().sign_in(EMAIL, PASSWORD, then=then).headers["location"] == "/dashboard"


def test_a_session_that_was_there_before_signing_in_is_worth_nothing_after(
    owner: Somebody, visit: Visits
) -> None:
    """Whoever put their own cookies into a browser gets nothing by its user's signing in."""
    victim, attacker = visit(), visit()
    planted = {"keyturn_session": "A" * 32, "keyturn_visit": "B" * 32}
    for name, value in planted.items():
        victim.http.cookies.set(name, value, domain="keyturn.test", path="/")
        attacker.http.cookies.set(name, value, domain="keyturn.test", path="/")

    assert victim.sign_in(EMAIL, PASSWORD).status_code == 303

    assert victim.http.cookies["keyturn_session"] != planted["keyturn_session"]
    assert attacker.get(ACCOUNT).headers["location"].startswith(SIGN_IN)


def test_a_huge_password_is_a_wrong_one(visit: Visits) -> None:
    """And no fault of the node."""
    answer = visit().sign_in("huge@example.com", "x" * 900_000)

    assert answer.status_code == 401
    assert WRONG in answer.text


def test_a_new_password_ends_the_other_sessions_and_the_old_one(
    control: ControlProcess, visit: Visits, owner: Somebody
) -> None:
    """Who has the old one, or a browser that was left somewhere, is out."""
    email, password = another(control)
    here, there = visit(), visit()
    here.sign_in(email, password)
    there.sign_in(email, password)
    before = here.http.cookies["keyturn_session"]
    fields: Fields = {"current": "wrong horse battery", "password": "staple correct horse"}
    assert "This is not your password" in here.post(f"{ACCOUNT}/password", fields).text

    assert here.post(f"{ACCOUNT}/password", fields | {"current": password}).status_code == 303

    assert here.get(ACCOUNT).status_code == 200
    assert here.http.cookies["keyturn_session"] != before
    assert there.get(ACCOUNT).headers["location"].startswith(SIGN_IN)
    assert visit().sign_in(email, password).status_code == 401
    assert visit().sign_in(email, "staple correct horse").status_code == 303


def test_a_session_ends_when_it_is_not_used_and_when_it_is_old(owner: Somebody, visit: Visits) -> None:
    """Twelve hours, and fourteen days, unless set otherwise."""
    for minutes in ({"seen_minutes": 721}, {"made_minutes": 14 * 24 * 60 + 1}):
        somebody = visit()
        somebody.sign_in(EMAIL, PASSWORD)
        assert somebody.get(ACCOUNT).status_code == 200

        somebody.age(**minutes)

        assert somebody.get(ACCOUNT).headers["location"].startswith(SIGN_IN)


def test_whose_account_is_suspended_is_told_so_and_gets_no_session(
    control: ControlProcess, visit: Visits
) -> None:
    """They would be led in and out again without a word."""
    account = control.operator.post("/api/v1/accounts", json={"name": "acme"}).json()["data"]["id"]

    def make(email: str) -> str:
        body = {"email": email, "account_id": account}
        return str(control.operator.post("/api/v1/users", json=body).json()["data"]["id"])

    email, password = with_password(make, control.data.database, "owner")
    assert control.operator.post(f"/api/v1/accounts/{account}/suspend").status_code == 200
    somebody = visit()

    answer = somebody.sign_in(email, password)

    assert answer.status_code == 403
    assert "The account is suspended" in answer.text
    assert "keyturn_session" not in somebody.http.cookies


def test_without_a_mail_server_the_page_says_whom_to_ask(visit: Visits) -> None:
    """No dead end."""
    page = visit().get("/dashboard/forgot")

    assert "keyturn users reset-link" in page.text
