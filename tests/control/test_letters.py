"""Letters to people, through a real mail server: the link for a new password, and the one that confirms an address."""

import re
from collections.abc import Iterator

import pytest

from fakes.control_process import ControlProcess, control_process
from fakes.smtp_server import PASSWORD as MAIL_PASSWORD, USER, MailServer, mail_server
from fakes.strangers import EMAIL, PASSWORD, Fields, Somebody, Visits, another, owner_of, visits
from keyturn.config.sections import People, Smtp
from support.node import until

_LINK = re.compile(r"https://ai\.example\.com/dashboard/(\w+)#([0-9A-Za-z]{32})\s")


@pytest.fixture(scope="module")
def mail() -> Iterator[MailServer]:
    """The mail server."""
    with mail_server() as found:
        yield found


@pytest.fixture(scope="module")
def control(mail: MailServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlProcess]:
    """A control process that sends letters, where everybody may sign up."""
    smtp = Smtp("127.0.0.1", mail.port, USER, MAIL_PASSWORD, "keys@example.com", "none")
    people = People(url="https://ai.example.com/", sign_up="open")
    data = tmp_path_factory.mktemp("node") / "data"
    with control_process(data, sections={"smtp": smtp, "people": people}) as found, owner_of(found):
        yield found


@pytest.fixture
def visit(control: ControlProcess) -> Iterator[Visits]:
    """Gives browsers without a screen."""
    with visits(control) as make:
        yield make


def ask(somebody: Somebody, email: str) -> str:
    """Ask for a link; return the page, without what differs each time."""
    answer = somebody.post("/dashboard/forgot", {"email": email}, page="/dashboard/forgot")
    return re.sub(r"[0-9A-Za-z]{32}", "", answer.text.replace(email, ""))


def link_in(mail: MailServer, page: str) -> str:
    """Return the token of the link in the next letter."""
    text = mail.next_letter().get_content()
    found = _LINK.search(text)
    assert found is not None, text
    assert found[1] == page
    return found[2]


def test_who_forgot_their_password_gets_a_link(
    control: ControlProcess, mail: MailServer, visit: Visits
) -> None:
    """It leads to the node's own address, whatever host the request named; nobody else gets a letter."""
    email, _ = another(control)
    somebody = visit()
    somebody.http.headers["host"] = "evil.example"

    assert ask(visit(), "nobody@example.com") == ask(visit(), email)
    letter = mail.next_letter()

    assert (letter["to"], letter["from"]) == (email, "Keyturn <keys@example.com>")
    assert letter["auto-submitted"] == "auto-generated"
    first = _LINK.search(letter.get_content())
    assert first is not None
    ask(somebody, email)
    token = link_in(mail, "reset")
    fields: Fields = {"token": first[2], "password": "staple correct horse"}
    assert visit().post("/dashboard/reset", fields, page="/dashboard/reset").status_code == 404
    fresh = fields | {"token": token}
    assert visit().post("/dashboard/reset", fresh, page="/dashboard/reset").status_code == 303
    assert visit().sign_in(email, "staple correct horse").status_code == 303
    assert mail.letters.empty()


def test_nobodys_mailbox_is_flooded(control: ControlProcess, mail: MailServer, visit: Visits) -> None:
    """Five letters in a quarter of an hour, and no more, from wherever they are asked for."""
    email, _ = another(control)

    answers = [
        visit().post("/dashboard/forgot", {"email": email}, page="/dashboard/forgot").status_code
        for _ in range(6)
    ]

    assert answers == [200] * 5 + [429]
    for _ in range(5):
        mail.next_letter()


def test_who_signs_up_confirms_the_address_by_the_letter(mail: MailServer, visit: Visits) -> None:
    """Somebody who has an account is told so by letter only."""
    fields: Fields = {"email": "Ada@Example.com", "name": "Ada", "password": "difference engine no 2"}
    page = "/dashboard/sign-up"
    assert visit().post(page, fields, page=page).status_code == 200
    token = link_in(mail, "verify")
    somebody = visit()

    right: Fields = {"token": token, "password": "difference engine no 2"}
    assert somebody.post("/dashboard/verify", right, page="/dashboard/verify").status_code == 303
    assert "owner in Ada" in somebody.get("/dashboard/account").text

    assert visit().post(page, fields | {"email": EMAIL}, page=page).status_code == 200
    assert mail.next_letter()["subject"] == "You have an account already"


def test_who_signs_up_again_before_confirming_begins_anew(mail: MailServer, visit: Visits) -> None:
    """The first link is worth nothing then, and neither is its password: whoever was first, the mailbox decides."""
    page, verify = "/dashboard/sign-up", "/dashboard/verify"
    thief: Fields = {"email": "bob@example.com", "name": "Mallory", "password": "mallory was here"}
    assert visit().post(page, thief, page=page).status_code == 200
    stolen = link_in(mail, "verify")
    mine = thief | {"password": "bob's own long words"}
    assert visit().post(page, mine, page=page).status_code == 200
    token = link_in(mail, "verify")

    def confirm(token: str, password: str) -> int:
        return visit().post(verify, {"token": token, "password": password}, page=verify).status_code

    assert confirm(stolen, "mallory was here") == 404
    assert confirm(token, "mallory was here") == 404
    assert confirm(token, "bob's own long words") == 303


def test_a_mail_server_that_refuses_is_said_in_the_log_and_nowhere_else(
    control: ControlProcess, mail: MailServer, visit: Visits
) -> None:
    """The page must not tell who is known."""
    mail.refuses = True
    ask(visit(), EMAIL)
    assert EMAIL in mail.refused.get(timeout=10)
    mail.refuses = False
    ask(visit(), EMAIL)
    mail.next_letter()

    until(lambda: "an e-mail could not be sent" in control.log.read_text(), what="the line in the log")
    log = control.log.read_text()
    assert "nobody of that name" in log
    assert PASSWORD not in log
