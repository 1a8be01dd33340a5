"""The second factor: codes of an app, recovery codes, and showing again that it is them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from fakes.codes_of_app import ACCOUNT, CODES, SIGN_IN, give_code, later, turn_on
from fakes.control_process import ControlProcess
from fakes.strangers import Fields, Somebody, Visits, another, owner_of, visits


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


def test_a_code_is_asked_for_after_the_password_and_works_once(
    control: ControlProcess, visit: Visits, owner: Somebody
) -> None:
    """The app's next code counts already; the same one never again, in whatever browser."""
    email, password = another(control)
    here, there = visit(), visit()
    here.sign_in(email, password)
    app, used, codes = turn_on(here)
    assert len(set(codes)) == 10

    assert there.sign_in(email, password, then=ACCOUNT).headers["location"] == f"{SIGN_IN}/code"
    assert there.get(ACCOUNT).headers["location"].startswith(SIGN_IN)  # the password alone is no session
    assert give_code(there, used) == ""  # it turned codes on
    code = later(app)
    assert give_code(there, code) == ACCOUNT
    assert there.get(ACCOUNT).status_code == 200

    again = visit()
    again.sign_in(email, password)
    assert give_code(again, code) == ""


def test_half_a_sign_in_is_worth_nothing_in_another_browser_or_after_it_is_whole(
    control: ControlProcess, visit: Visits, owner: Somebody
) -> None:
    """Whoever steals the cookie between the two steps and has seen a code gets nowhere."""
    email, password = another(control)
    here = visit()
    here.sign_in(email, password)
    _, _, codes = turn_on(here)
    victim, thief = visit(), visit()
    victim.sign_in(email, password)
    stolen = victim.http.cookies["keyturn_pending"]
    thief.get(SIGN_IN)
    thief.http.cookies.set("keyturn_pending", stolen, domain="keyturn.test", path="/")

    fields: Fields = {"code": codes[0]}
    answer = thief.post(f"{SIGN_IN}/code", fields, page=SIGN_IN)
    assert answer.headers["location"] == SIGN_IN
    assert thief.get(ACCOUNT).headers["location"].startswith(SIGN_IN)

    assert give_code(victim, codes[0]) == "/dashboard"


def test_a_recovery_code_works_once_also_if_it_comes_twice_at_once(
    control: ControlProcess, visit: Visits, owner: Somebody
) -> None:
    """However it is typed; how many are left is told, and new ones take the place of all."""
    email, password = another(control)
    here = visit()
    here.sign_in(email, password)
    _, _, codes = turn_on(here)
    many = [visit() for _ in range(4)]
    for one in many:
        one.sign_in(email, password)

    with ThreadPoolExecutor(4) as pool:
        typed = codes[0].lower().replace("-", " ")
        led = list(pool.map(lambda one: give_code(one, typed), many))
    assert sorted(led) == ["", "", "", "/dashboard"]
    winner = many[led.index("/dashboard")]
    assert "9 are left" in winner.get("/dashboard").text

    again = here.post(f"{ACCOUNT}/recovery-codes")
    new = CODES.search(again.text)
    assert new is not None
    somebody = visit()
    somebody.sign_in(email, password)
    assert give_code(somebody, codes[1]) == ""
    assert give_code(somebody, new[1].split()[0]) == "/dashboard"


def test_guessing_codes_ends_after_five(control: ControlProcess, visit: Visits, owner: Somebody) -> None:
    """A million codes are tried quickly otherwise."""
    email, password = another(control)
    here = visit()
    here.sign_in(email, password)
    turn_on(here)
    guesser = visit()
    guesser.sign_in(email, password)

    def guess(code: str) -> int:
        fields: Fields = {"code": code}
        return guesser.post(f"{SIGN_IN}/code", fields, page=f"{SIGN_IN}/code").status_code

    assert [guess(f"00000{n}") for n in range(6)] == [401] * 5 + [429]


def test_what_asks_for_proof_asks_after_ten_minutes(
    control: ControlProcess, visit: Visits, owner: Somebody
) -> None:
    """An unlocked screen is not enough; the token is another one behind it."""
    email, password = another(control)
    here = visit()
    here.sign_in(email, password)
    here.age(proved_minutes=11)

    asked = here.post(f"{ACCOUNT}/two-factor/begin")
    assert asked.headers["location"].startswith("/dashboard/prove?next=")
    before = here.http.cookies["keyturn_session"]
    fields: Fields = {"password": "wrong horse battery", "next": f"{ACCOUNT}?a=b"}
    assert here.post("/dashboard/prove", fields).status_code == 401
    proved = here.post("/dashboard/prove", fields | {"password": password})

    assert proved.headers["location"] == f"{ACCOUNT}?a=b"
    assert here.http.cookies["keyturn_session"] != before
    app, _, _ = turn_on(here)
    here.age(proved_minutes=11)
    assert (
        here.post("/dashboard/prove", {"password": password}).status_code == 401
    )  # the code is asked for now
    assert here.post("/dashboard/prove", {"code": later(app)}).status_code == 303
    assert here.post(f"{ACCOUNT}/two-factor/off").headers["location"] == ACCOUNT
    assert visit().sign_in(email, password).headers["location"] == "/dashboard"


def test_a_link_from_the_operator_sets_a_new_password_once(
    control: ControlProcess, visit: Visits, owner: Somebody
) -> None:
    """Two who have it at once don't both; all sessions end, and the code is asked for as before."""
    email, password = another(control)
    here = visit()
    here.sign_in(email, password)
    _, _, codes = turn_on(here)
    made = control.operator.post(f"/api/v1/users/{email}/reset-link")
    assert made.status_code == 201, made.text
    url = made.json()["data"]["url"]
    assert "/dashboard/reset#" in url
    assert control.relayed.post(f"/api/v1/users/{email}/reset-link").status_code == 401

    fields: Fields = {"token": url.partition("#")[2], "password": "staple correct horse"}
    weak = visit().post("/dashboard/reset", fields | {"password": "short"}, page="/dashboard/reset")
    assert weak.status_code == 400
    several = [visit() for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        answers = list(
            pool.map(lambda one: one.post("/dashboard/reset", fields, page="/dashboard/reset"), several)
        )

    assert sorted(answer.status_code for answer in answers) == [303, 404, 404]
    assert here.get(ACCOUNT).headers["location"].startswith(SIGN_IN)
    assert visit().sign_in(email, password).status_code == 401
    back = visit()
    assert back.sign_in(email, "staple correct horse").headers["location"] == f"{SIGN_IN}/code"
    assert give_code(back, codes[0]) == "/dashboard"


def test_the_password_gives_no_further_guesses_at_the_code(
    control: ControlProcess, visit: Visits, owner: Somebody
) -> None:
    """Whoever has stolen it would otherwise try a million codes, four at a time."""
    email, password = another(control)
    here = visit()
    here.sign_in(email, password)
    turn_on(here)

    answers = []
    for _ in range(3):
        thief = visit()
        if thief.sign_in(email, password).status_code != 303:
            break
        fields: list[Fields] = [{"code": f"{number:06}"} for number in range(3)]
        answers += [thief.post(f"{SIGN_IN}/code", one, page=f"{SIGN_IN}/code").status_code for one in fields]

    assert answers.count(401) == 5
    assert answers[-1] == 429


def test_no_stranger_keeps_somebody_from_showing_that_it_is_them(
    control: ControlProcess, visit: Visits, owner: Somebody
) -> None:
    """Wrong sign-ins with their address make everybody wait who signs in with it, and not who has."""
    email, password = another(control)
    here = visit()
    here.sign_in(email, password)
    here.age(proved_minutes=11)
    for _ in range(6):
        visit().sign_in(email, "wrong horse battery")

    assert here.post("/dashboard/prove", {"password": password}).status_code == 303


def test_another_password_is_no_proof_where_a_code_is_asked_for(
    control: ControlProcess, visit: Visits, owner: Somebody
) -> None:
    """Otherwise the old password and an unlocked screen would turn the codes off."""
    email, password = another(control)
    here = visit()
    here.sign_in(email, password)
    turn_on(here)
    here.age(proved_minutes=11)

    answer = here.post(f"{ACCOUNT}/password", {"current": password, "password": "staple correct horse"})

    assert answer.headers["location"].startswith("/dashboard/prove?next=")
    assert 'name="password"' not in here.get(ACCOUNT).text  # nobody types one only to type it again
    assert "/dashboard/prove?next=/dashboard/account" in here.get(ACCOUNT).text
    assert here.post(f"{ACCOUNT}/two-factor/off").headers["location"].startswith("/dashboard/prove?next=")


def test_another_password_ends_the_links_that_would_set_one(
    control: ControlProcess, visit: Visits, owner: Somebody
) -> None:
    """Who changes it because a mailbox was read by others is safe from what lies in it."""
    email, password = another(control)
    here = visit()
    here.sign_in(email, password)
    url = control.operator.post(f"/api/v1/users/{email}/reset-link").json()["data"]["url"]
    changed = here.post(f"{ACCOUNT}/password", {"current": password, "password": "staple correct horse"})

    fields: Fields = {"token": url.partition("#")[2], "password": "mallory was here too"}
    late = visit().post("/dashboard/reset", fields, page="/dashboard/reset")

    assert changed.headers["location"] == ACCOUNT
    assert late.status_code == 404
