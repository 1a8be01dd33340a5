"""A second factor that is lost: who may turn it off for somebody, and what is left of it then."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from fakes.codes_of_app import ACCOUNT, SIGN_IN, give_code, turn_on
from fakes.control_process import ControlProcess, control_process
from fakes.people import PASSWORD, Human, code, crowd, long_ago, made
from fakes.smtp_server import PASSWORD as MAIL_PASSWORD, USER, MailServer, mail_server
from fakes.strangers import Somebody, Visits, visits
from keyturn.config.sections import People, Smtp

USERS, TEAM = "/api/v1/users", "/dashboard/team"


@pytest.fixture(scope="module")
def mail() -> Iterator[MailServer]:
    """The mail server."""
    with mail_server() as found:
        yield found


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlProcess]:
    """A control process that sends no letters."""
    with control_process(tmp_path_factory.mktemp("node") / "data") as found:
        yield found


@pytest.fixture(scope="module")
def people(control: ControlProcess) -> dict[str, Human]:
    """Somebody of every role, in two accounts."""
    return crowd(control)


@pytest.fixture
def visit(control: ControlProcess) -> Iterator[Visits]:
    """Gives browsers without a screen."""
    with visits(control) as make:
        yield make


def with_codes(visit: Visits, human: Human) -> tuple[Somebody, list[str]]:
    """Have somebody turn codes on in another browser; return it, and the recovery codes."""
    browser = visit()
    assert browser.sign_in(human.email, PASSWORD).headers["location"] == "/dashboard"
    return browser, turn_on(browser)[2]


def give_passkey(control: ControlProcess, human: Human) -> None:
    """Give somebody a passkey that nobody keeps."""
    query = "INSERT INTO passkeys (id, user_id, name, public_key, sign_count, created_at) VALUES (?, ?, ?, ?, 0, 0)"
    with closing(sqlite3.connect(control.data.database, timeout=10)) as database, database:
        database.execute(query, (human.id.encode(), human.id, "Phone", b"none"))


def rows(control: ControlProcess, table: str, human: Human) -> int:
    """Count what somebody has."""
    with closing(sqlite3.connect(control.data.database, timeout=10)) as database:
        query = f"SELECT count(*) FROM {table} WHERE user_id = ?"  # noqa: S608 -- a table of ours
        return int(database.execute(query, (human.id,)).fetchone()[0])


def again(human: Human) -> None:
    """Have somebody sign in anew."""
    human.cookies.clear()
    assert human.sign_in().headers["location"] == "/dashboard"


def reset(by: Human, human: Human) -> Any:
    """Ask for it by the API."""
    return by.call("POST", f"{USERS}/{human.id}/reset-second-factor")


def test_the_password_alone_is_enough_again_and_everything_else_is_over(
    control: ControlProcess, people: dict[str, Human], visit: Visits
) -> None:
    """Codes, recovery codes, passkeys and sessions; also a sign-in that waits for its code."""
    member = people["first member"]
    before, codes = with_codes(visit, member)
    give_passkey(control, member)
    waiting = visit()
    assert waiting.sign_in(member.email, PASSWORD).headers["location"] == f"{SIGN_IN}/code"

    shown = made(reset(people["first admin"], member))

    assert (shown["id"], shown["two_factor"]) == (member.id, False)
    assert [rows(control, table, member) for table in ("passkeys", "recovery_codes", "sessions")] == [0, 0, 0]
    assert before.get(ACCOUNT).headers["location"].startswith(SIGN_IN)
    assert give_code(waiting, codes[0]) in {"", SIGN_IN}
    assert waiting.get(ACCOUNT).status_code == 303
    assert visit().sign_in(member.email, PASSWORD).headers["location"] == "/dashboard"
    [entry] = control.operator.get("/api/v1/audit?action=user.reset_second_factor").json()["data"]
    assert (entry["actor"], entry["target"]) == (people["first admin"].id, member.id)
    assert entry["before"] == {"app": True, "passkeys": ["Phone"], "recovery_codes": 10}
    assert code(reset(people["first admin"], member)) == (409, "CONFLICT")
    again(member)


def test_nobody_does_it_to_somebody_stronger_or_out_of_reach(
    control: ControlProcess, people: dict[str, Human], visit: Visits
) -> None:
    """An admin with an owner's password would be an owner; of other accounts nobody learns who is there."""
    owner, other = people["first owner"], people["other owner"]
    with_codes(visit, owner)
    with_codes(visit, other)

    assert code(reset(people["first admin"], owner)) == (403, "INSUFFICIENT_PERMISSIONS")
    assert code(reset(people["other admin"], other)) == (403, "INSUFFICIENT_PERMISSIONS")
    absent = people["other owner"].call("POST", f"{USERS}/user_{'0' * 20}/reset-second-factor")
    for stranger in ("other owner", "other admin"):
        abroad = reset(people[stranger], owner)
        assert (abroad.status_code, abroad.json()) == (404, absent.json())
    for weak in ("first member", "first viewer", "other member", "other viewer"):
        assert reset(people[weak], owner).status_code == 403, weak
    shown = control.operator.get(f"{USERS}/{owner.id}").json()["data"]
    assert shown["two_factor"] is True

    assert reset(people["first admin"], other).status_code == 200  # who administers the node, from outside
    assert control.operator.post(f"{USERS}/{owner.id}/reset-second-factor").status_code == 200
    for human in (owner, other):
        again(human)


def test_an_unlocked_screen_is_not_enough(
    control: ControlProcess, people: dict[str, Human], visit: Visits
) -> None:
    """The page asks to show again that it is them, and so does the API."""
    admin, viewer = people["first admin"], people["first viewer"]
    with_codes(visit, viewer)
    long_ago(control, admin)
    path = f"{TEAM}/{viewer.id}/second-factor"

    assert code(reset(admin, viewer)) == (403, "CONFIRMATION_REQUIRED")
    assert admin.page(path).headers["location"].startswith("/dashboard/prove")
    assert admin.form(path).headers["location"].startswith("/dashboard/prove")
    assert control.operator.get(f"{USERS}/{viewer.id}").json()["data"]["two_factor"] is True

    again(admin)
    link = f'href="{path}"'
    assert "codes of an app" in admin.page(f"{TEAM}/{viewer.id}").text
    assert link in admin.page(f"{TEAM}/{viewer.id}").text
    assert viewer.email in admin.page(path).text
    done = admin.form(path)
    assert done.headers["location"] == f"{TEAM}/{viewer.id}"
    assert link not in admin.page(f"{TEAM}/{viewer.id}").text
    assert visit().sign_in(viewer.email, PASSWORD).headers["location"] == "/dashboard"


def test_ones_own_goes_with_ones_session(people: dict[str, Human], visit: Visits) -> None:
    """An owner who does it to themselves signs in again."""
    owner = people["first owner"]
    with_codes(visit, owner)

    done = owner.form(f"{TEAM}/{owner.id}/second-factor")

    assert done.headers["location"] == "/dashboard"
    assert owner.page("/dashboard").headers["location"].startswith(SIGN_IN)
    again(owner)


def test_who_does_not_sign_in_has_nothing_to_lose(control: ControlProcess) -> None:
    """Keys can be issued to them, and that is all."""
    made(control.operator.post(USERS, json={"email": "keys@first.example"}))

    answer = control.operator.post(f"{USERS}/keys@first.example/reset-second-factor")

    assert code(answer) == (409, "CONFLICT")


def test_the_person_is_told_by_a_letter(mail: MailServer, tmp_path_factory: pytest.TempPathFactory) -> None:
    """It leads to the node's own address; who did not ask for it learns that something is wrong."""
    smtp = Smtp("127.0.0.1", mail.port, USER, MAIL_PASSWORD, "keys@example.com", "none")
    sections = {"smtp": smtp, "people": People(url="https://ai.example.com/")}
    data = tmp_path_factory.mktemp("node") / "data"
    with control_process(data, sections=sections) as control:
        human = Human(control, "kim@example.com")
        link = control.setup_token
        fields = {"token": link, "email": human.email, "name": "Kim", "password": PASSWORD}
        assert human.form("/dashboard/setup", page="/dashboard/setup", **fields).status_code == 303
        human.id = made(control.operator.get(f"{USERS}/{human.email}"))["id"]
        give_passkey(control, human)

        answer = control.operator.post(f"{USERS}/{human.email}/reset-second-factor")
        letter = mail.next_letter()

    assert answer.status_code == 200
    assert (letter["to"], letter["subject"]) == (human.email, "Your second factor was turned off")
    assert "https://ai.example.com/dashboard/account" in letter.get_content()
