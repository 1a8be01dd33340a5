"""How people come in, over the relay socket as workers pass it on: quick, without a browser."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pyotp
import pytest

from fakes.control_process import ControlProcess, control_process
from fakes.strangers import EMAIL, PASSWORD, Fields, Somebody, Visits, another, owner_of, visits
from keyturn.config.sections import People

SIGN_IN, ACCOUNT = "/dashboard/sign-in", "/dashboard/account"
_SEED = re.compile(r'data-copy="([A-Z2-7]{32})"')
_CODES = re.compile(r"<pre[^>]*>([0-9A-Z\n-]+)</pre>")


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlProcess]:
    """A control process where everybody may sign up."""
    people = People(sign_up="open", terms_url="https://example.com/terms", terms_required=True)
    folder = tmp_path_factory.mktemp("node")
    with control_process(folder / "data", sections={"people": people}) as found:
        yield found


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


def seed_of(somebody: Somebody) -> str:
    """Set an app up for somebody; return its seed."""
    assert somebody.post(f"{ACCOUNT}/two-factor/begin").headers["location"] == f"{ACCOUNT}/two-factor"
    found = _SEED.search(somebody.get(f"{ACCOUNT}/two-factor").text)
    assert found is not None
    return found[1]


def turn_on(somebody: Somebody) -> tuple[pyotp.TOTP, list[str]]:
    """Turn codes on for somebody; return the app and the recovery codes."""
    app = pyotp.TOTP(seed_of(somebody))
    answer = somebody.post(f"{ACCOUNT}/two-factor", {"code": app.now()})
    shown = _CODES.search(answer.text)
    assert shown is not None, answer.text
    return app, shown[1].split()


def later(app: pyotp.TOTP) -> str:
    """Return the code of the step after this one, which counts already."""
    return app.at(int(time.time()) + 30)


def give_code(somebody: Somebody, code: str) -> str:
    """Fill in the second form of the sign-in; return where it leads, empty if it is refused."""
    answer = somebody.post(f"{SIGN_IN}/code", {"code": code}, page=f"{SIGN_IN}/code")
    return str(answer.headers.get("location", ""))


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


def test_a_huge_password_is_not_hashed(visit: Visits) -> None:
    """Each would cost a core for as long as it is large."""
    answer = visit().sign_in("huge@example.com", "x" * 900_000)

    assert answer.status_code == 401
    assert answer.elapsed.total_seconds() < 1


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


def test_a_code_is_asked_for_after_the_password_and_works_once(
    control: ControlProcess, visit: Visits, owner: Somebody
) -> None:
    """The app's next code counts already; the same one never again, in whatever browser."""
    email, password = another(control)
    here, there = visit(), visit()
    here.sign_in(email, password)
    app, codes = turn_on(here)
    assert len(set(codes)) == 10

    assert there.sign_in(email, password, then=ACCOUNT).headers["location"] == f"{SIGN_IN}/code"
    assert there.get(ACCOUNT).headers["location"].startswith(SIGN_IN)  # the password alone is no session
    assert give_code(there, app.now()) == ""  # it turned codes on
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
    _, codes = turn_on(here)
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
    _, codes = turn_on(here)
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
    new = _CODES.search(again.text)
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
    app, _ = turn_on(here)
    here.age(proved_minutes=11)
    assert (
        here.post("/dashboard/prove", {"password": password}).status_code == 401
    )  # the code is asked for now
    assert here.post("/dashboard/prove", {"code": later(app)}).status_code == 303
    assert here.post(f"{ACCOUNT}/two-factor/off").headers["location"] == ACCOUNT
    assert visit().sign_in(email, password).headers["location"] == "/dashboard"


def test_a_session_ends_when_it_is_not_used_and_when_it_is_old(owner: Somebody, visit: Visits) -> None:
    """Twelve hours, and fourteen days, unless set otherwise."""
    for minutes in ({"seen_minutes": 721}, {"made_minutes": 14 * 24 * 60 + 1}):
        somebody = visit()
        somebody.sign_in(EMAIL, PASSWORD)
        assert somebody.get(ACCOUNT).status_code == 200

        somebody.age(**minutes)

        assert somebody.get(ACCOUNT).headers["location"].startswith(SIGN_IN)


def test_a_link_from_the_operator_sets_a_new_password_once(
    control: ControlProcess, visit: Visits, owner: Somebody
) -> None:
    """Two who have it at once don't both; all sessions end, and the code is asked for as before."""
    email, password = another(control)
    here = visit()
    here.sign_in(email, password)
    _, codes = turn_on(here)
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


def test_without_a_mail_server_the_page_says_whom_to_ask(visit: Visits) -> None:
    """No dead end."""
    page = visit().get("/dashboard/forgot")

    assert "keyturn users reset-link" in page.text


APPLICANT: Fields = {
    "email": "ada@example.com",
    "name": "Ada <script>alert(1)</script>",
    "account": "Analytical Engines",
    "password": "difference engine no 2",
    "terms": "on",
}


def test_who_signs_up_waits_for_the_operators_link_and_then_owns_an_account(
    control: ControlProcess, visit: Visits, owner: Somebody
) -> None:
    """The link alone is not enough: who signed up with another's address stays out."""
    without_terms = {name: value for name, value in APPLICANT.items() if name != "terms"}
    assert visit().post("/dashboard/sign-up", without_terms, page="/dashboard/sign-up").status_code == 400
    assert visit().post("/dashboard/sign-up", APPLICANT, page="/dashboard/sign-up").status_code == 200
    somebody = visit()
    assert "Open the link" in somebody.sign_in("ada@example.com", str(APPLICANT["password"])).text
    waiting = [
        one
        for one in control.operator.get("/api/v1/events").json()["data"]
        if one["kind"] == "sign_up.waiting"
    ]
    assert len(waiting) == 1

    url = control.operator.post("/api/v1/users/ada@example.com/verify-link").json()["data"]["url"]
    fields: Fields = {"token": url.partition("#")[2], "password": "wrong horse battery"}
    assert somebody.post("/dashboard/verify", fields, page="/dashboard/verify").status_code == 404
    right = fields | {"password": str(APPLICANT["password"])}
    assert somebody.post("/dashboard/verify", right, page="/dashboard/verify").status_code == 303

    page = somebody.get(ACCOUNT).text
    assert "owner in Analytical Engines" in page
    assert "<script>alert" not in page
    assert visit().post("/dashboard/verify", right, page="/dashboard/verify").status_code == 404
    user = control.operator.get("/api/v1/users/ada@example.com").json()["data"]
    projects = control.operator.get("/api/v1/projects", params={"account": user["account_id"]}).json()["data"]
    assert [one["name"] for one in projects] == ["Default"]


@pytest.mark.parametrize(
    "name", ["\x00", "a\x00b", "x" * 201, "line\nbreak", "\u202eevil", "user_VbXhUyUBKUlzDND0IYtt"]
)
def test_a_name_that_nobody_could_read_is_refused(visit: Visits, name: str) -> None:
    """And what else was typed is not lost."""
    fields = APPLICANT | {"email": "naughty@example.com", "name": name, "account": "Fine"}

    answer = visit().post("/dashboard/sign-up", fields, page="/dashboard/sign-up")

    assert answer.status_code == 400
    assert 'value="Fine"' in answer.text


def test_signing_up_again_tells_nobody_that_the_address_is_known(owner: Somebody, visit: Visits) -> None:
    """The same page; nothing about the other account is changed."""
    fields = APPLICANT | {"email": EMAIL, "password": "mallory was here too"}

    new = visit().post(
        "/dashboard/sign-up", APPLICANT | {"email": "new@example.com"}, page="/dashboard/sign-up"
    )
    known = visit().post("/dashboard/sign-up", fields, page="/dashboard/sign-up")

    def bare(text: str) -> str:
        return re.sub(r"[0-9A-Za-z]{32}", "", text)

    assert bare(known.text) == bare(new.text)
    assert visit().sign_in(EMAIL, "mallory was here too").status_code == 401
    assert visit().sign_in(EMAIL, PASSWORD).status_code == 303
