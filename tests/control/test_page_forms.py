"""Pages and forms that are asked for what no browser asks: they say no, as pages, and change nothing."""

import base64
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from html.parser import HTMLParser
from urllib.parse import quote, unquote, urlencode

import httpx
import pytest

from fakes.control_process import ControlProcess
from fakes.people import FORM, ORIGIN, PASSWORD, Human, crowd, long_ago, newcomer
from keyturn.services import passkeys

PROVE = "/dashboard/prove"
DEEP = '{"deep":' + "[" * 9_000


class FormOf(HTMLParser):
    """Finds the form that a browser would send, and what is in it."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.fields: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = given["action"]
        elif tag == "input":
            self.fields.append((given["name"], given["value"]))


@pytest.fixture(scope="module")
def people(control: ControlProcess) -> dict[str, Human]:
    """Somebody of every role."""
    return crowd(control)


@pytest.fixture(autouse=True)
def key_is_needed(control: ControlProcess, people: dict[str, Human]) -> Iterator[None]:
    """Nothing here may let calls in without a key."""
    yield
    shown = control.operator.get("/api/v1/settings").json()["data"]
    assert next(one["value"] for one in shown if one["path"] == "auth.required") is True


def ticket(human: Human, path: str, *, page: str) -> str:
    """Return what a browser sends back with the answer of a passkey; it asks for it on a page."""
    assert human.page(page).status_code == 200
    found: str = human.send("GET", path, headers={"host": "localhost"}).json()["ticket"]
    return found


@pytest.mark.parametrize("fields", [{}, {"required": ""}, {"required": "maybe"}])
def test_authentication_is_not_turned_off_by_a_form_that_does_not_say_so(
    people: dict[str, Human], fields: dict[str, str]
) -> None:
    """What is missing is no word for no."""
    answer = people["first owner"].form("/dashboard/settings/authentication", **fields)

    assert answer.status_code == 400
    assert "Say whether a key is needed" in answer.text


def test_a_setting_that_can_not_be_so_is_told_in_words_for_people(people: dict[str, Human]) -> None:
    """Whoever types a number wrong has never heard of types, nor of the setting's name in the file."""
    owner = people["first owner"]

    said = [
        owner.form("/dashboard/settings/other", **{"requests.kept_days": text}) for text in ("soon", "-1")
    ]

    assert [answer.status_code for answer in said] == [400, 400]
    assert all("A whole number, such as 30" in answer.text for answer in said)
    assert not any("expected int" in answer.text for answer in said)


def test_settings_and_credentials_ask_for_proof_whichever_way_they_are_changed(
    control: ControlProcess, people: dict[str, Human]
) -> None:
    """The API by session is the same session."""
    owner = people["first owner"]
    long_ago(control, owner)

    calls = [
        owner.call("PATCH", "/api/v1/settings", json={"auth.required": False}),
        owner.call("PATCH", "/api/v1/upstreams/demo", json={"api_keys": ["stolen"]}),
    ]
    form = owner.form("/dashboard/settings/authentication", required="no")
    owner.form("/dashboard/prove", page="/dashboard/prove", password=PASSWORD, next="/dashboard")

    assert [one.json()["error"]["code"] for one in calls] == ["CONFIRMATION_REQUIRED"] * 2
    assert form.headers["location"].startswith("/dashboard/prove")


def kept_path(answer: httpx.Response) -> str:
    """Return where the page that asks for proof leads on to."""
    assert answer.status_code == 303
    asked, _, then = answer.headers["location"].partition("?next=")
    assert asked == PROVE
    return unquote(then)


def test_what_was_typed_is_there_again_behind_the_proof_and_is_done_once(
    control: ControlProcess, people: dict[str, Human]
) -> None:
    """Ten minutes are over soon, and nobody types a form twice gladly."""
    owner, viewer = people["first owner"], people["first viewer"]
    long_ago(control, owner)
    path, page = f"/dashboard/team/{viewer.id}", "/dashboard/team"
    typed = {"name": 'Ada "of" <Example>\r\n& Söhne', "email": "ada@first.example"}

    then = kept_path(owner.form(path, page=page, **typed))
    asked = owner.page(f"{PROVE}?next={quote(then)}")
    too_early = owner.page(then)
    led = owner.form(PROVE, page=PROVE, password=PASSWORD, next=then)
    sent = owner.page(led.headers["location"])

    for page_that_asks in (asked, too_early):
        assert "change somebody&#39;s address or name" in page_that_asks.text
    assert "What you sent is kept" in asked.text
    assert 'name="password"' in too_early.text
    found = FormOf()
    found.feed(sent.text)
    assert found.action == path
    assert {name: value for name, value in found.fields if name in typed} == typed
    assert people["first admin"].page(then).headers["location"] == "/dashboard"  # it is not theirs
    body = urlencode(found.fields)
    done = owner.send("POST", found.action, content=body, headers=FORM)
    assert done.status_code == 400  # a name of two lines is none: the form is there with it
    assert "ada@first.example" in done.text
    again = owner.page(then)
    assert again.headers["location"] == "/dashboard"
    assert "was sent already" in owner.page("/dashboard").text


def test_who_is_asked_for_proof_is_told_for_what(control: ControlProcess, people: dict[str, Human]) -> None:
    """By a link, after a wrong password, and not where a page only holds the form."""
    owner, viewer = people["first owner"], people["first viewer"]
    long_ago(control, owner)
    then = kept_path(owner.page(f"/dashboard/team/{viewer.id}/delete"))

    asked = owner.page(f"{PROVE}?next={quote(then)}")
    wrong = owner.form(PROVE, page=PROVE, password="not it at all", next=then)
    other = owner.page(f"{PROVE}?next={quote(f'/dashboard/team/{viewer.id}')}")

    assert wrong.status_code == 401
    assert ["remove somebody" in one.text for one in (asked, wrong, other)] == [True, True, False]


def test_what_was_typed_is_done_behind_the_proof_whatever_asked_for_it(
    control: ControlProcess, people: dict[str, Human]
) -> None:
    """With its query and its many values; a form that is refused by role never gets so far."""
    owner = people["first owner"]
    long_ago(control, owner)
    body = urlencode({"csrf": owner.csrf("/dashboard/settings"), "place": ["header", "query"]}, doseq=True)

    answer = owner.send("POST", "/dashboard/settings/locations?a=b%26c", content=body, headers=FORM)
    then = kept_path(answer)
    owner.form(PROVE, page=PROVE, password=PASSWORD, next=then)
    found = FormOf()
    found.feed(owner.page(then).text)
    refused = people["first viewer"].form("/dashboard/settings/locations", place="header")

    assert found.action == "/dashboard/settings/locations?a=b%26c"
    assert [value for name, value in found.fields if name == "place"] == ["header", "query"]
    done = owner.send("POST", found.action, content=urlencode(found.fields), headers=FORM)
    assert done.headers["location"] == "/dashboard/settings"
    shown = control.operator.get("/api/v1/settings").json()["data"]
    control.operator.patch("/api/v1/settings", json={"auth.locations": None}).raise_for_status()
    assert next(one["value"] for one in shown if one["path"] == "auth.locations") == ["header", "query"]
    assert refused.status_code == 403


def test_a_page_that_asks_for_proof_is_led_back_to_with_its_query(
    control: ControlProcess, people: dict[str, Human]
) -> None:
    """The account that somebody is to be invited to was chosen on the page before."""
    owner = people["first owner"]
    long_ago(control, owner)

    then = kept_path(owner.page("/dashboard/team/invite?account=Other"))
    led = owner.form(PROVE, page=PROVE, password=PASSWORD, next=then)

    assert led.headers["location"] == "/dashboard/team/invite?account=Other"


def test_a_secret_that_was_typed_is_not_kept(control: ControlProcess, people: dict[str, Human]) -> None:
    """Neither on the node nor in a page: the form is led back to, empty, and says so."""
    owner = people["first owner"]
    page = "/dashboard/models/upstreams/demo/credentials"
    csrf = owner.csrf(page)
    long_ago(control, owner)
    fields = {"csrf": csrf, "api_keys[0]": "sk-very-secret"}
    headers = FORM | {"referer": f"{ORIGIN}{page}"}

    answer = owner.send("POST", page, content=urlencode(fields), headers=headers)
    asked = owner.page(PROVE)
    owner.form(PROVE, page=PROVE, password=PASSWORD, next=page)

    assert "kept" not in answer.headers["location"]
    assert "type it again" in asked.text
    assert "sk-very-secret" not in asked.text


def test_json_that_goes_on_and_on_is_refused_like_any_other(people: dict[str, Human]) -> None:
    """Also before anybody has signed in, and in a cookie; with the ticket that this visitor was given."""
    stranger, owner = people["signed out"], people["first owner"]
    assert len(DEEP) < passkeys._LONGEST
    coming = ticket(stranger, "/dashboard/sign-in/passkey", page="/dashboard/sign-in")
    adding = ticket(owner, "/dashboard/account/passkeys/options", page="/dashboard/account")

    answers = [
        stranger.form(
            "/dashboard/sign-in/passkey", page="/dashboard/sign-in", credential=DEEP, ticket=coming
        ),
        owner.form("/dashboard/account/passkeys", name="Mine", credential=DEEP, ticket=adding),
    ]
    toast = base64.urlsafe_b64encode(b"[" * 20_000).decode()
    page = stranger.send("GET", "/dashboard/sign-in", headers={"cookie": f"keyturn_toast={toast}"})

    assert [answer.status_code for answer in answers] == [401, 400]
    assert all(passkeys.NOT_ACCEPTED in answer.text for answer in answers)
    assert page.status_code == 200


def test_names_of_what_is_out_of_reach_are_not_said(
    control: ControlProcess, people: dict[str, Human]
) -> None:
    """Whoever guesses an identifier learns nothing by it."""
    project = control.operator.post("/api/v1/projects", json={"name": "Secret plans"}).json()["data"]

    page = people["other owner"].page(f"/dashboard/alerts/rules?owner={project['id']}")

    assert "Secret plans" not in page.text
    assert "Secret plans" in people["first owner"].page(f"/dashboard/alerts/rules?owner={project['id']}").text


SIGN_IN, PROJECTS = "/dashboard/sign-in", "/dashboard/team/projects"
OURS = {**FORM, "origin": ORIGIN}


def whose_session_is_over(control: ControlProcess, email: str) -> Human:
    """Return somebody whose browser still has the cookie of a session that nobody used for too long."""
    human = newcomer(control, email, "admin")
    with closing(sqlite3.connect(control.data.database, timeout=10)) as connection, connection:
        connection.execute(
            "UPDATE sessions SET last_seen_at = last_seen_at - 43200000 WHERE user_id = ?", [human.id]
        )
    return human


def led_to(answer: httpx.Response) -> str:
    """Return where the page that asks to sign in leads on to."""
    assert answer.status_code == 303
    asked, _, then = answer.headers["location"].partition("?next=")
    assert asked == SIGN_IN
    return unquote(then)


def test_what_was_typed_when_the_session_was_over_is_there_after_signing_in(
    control: ControlProcess, people: dict[str, Human]
) -> None:
    """It is sent when its writer says so: nobody could say then whose form it was."""
    human = whose_session_is_over(control, "over@first.example")
    body = urlencode({"csrf": "0" * 32, "name": "typed <before>"})

    then = led_to(human.send("POST", PROJECTS, content=body, headers=OURS))
    asked = human.page(f"{SIGN_IN}?next={quote(then)}")
    came_in = human.form(SIGN_IN, page=SIGN_IN, email=human.email, password=PASSWORD, next=then)
    shown = human.page(came_in.headers["location"])

    assert "Your session ended, and nothing was changed. What you typed is kept" in asked.text
    assert "You are signed in as over@first.example. Nothing was changed yet" in shown.text
    assert "typed &lt;before&gt;" in shown.text
    assert "data-send" not in shown.text
    other = newcomer(control, "next@first.example", "viewer")
    other.cookies = human.cookies | {"keyturn_session": other.cookies["keyturn_session"]}
    assert other.page(then).headers["location"] == "/dashboard"  # in the same browser, and yet not theirs
    form = FormOf()
    form.feed(shown.text)
    done = human.send("POST", form.action, content=urlencode(form.fields), headers=OURS)
    names = [one["name"] for one in control.operator.get("/api/v1/projects").json()["data"]]
    assert (done.status_code, names.count("typed <before>")) == (303, 1)
    assert human.page(then).headers["location"] == "/dashboard"


@pytest.mark.parametrize(
    ("headers", "fields", "said"),
    [
        (FORM, {"name": "planted"}, "nothing was changed"),
        ({**FORM, "origin": "https://evil.example"}, {"name": "planted"}, "nothing was changed"),
        (OURS, {}, "nothing was changed"),
        (OURS, {"name": "x", "password": "secret"}, "What you typed is not kept"),
    ],
)
def test_what_is_not_kept_leads_back_to_the_page_of_the_form(
    control: ControlProcess, headers: dict[str, str], fields: dict[str, str], said: str
) -> None:
    """What another site sends, what holds a secret, and what has nothing in it."""
    human = whose_session_is_over(control, f"lost{len(headers)}{len(fields)}@first.example")
    came_from = {"referer": f"{ORIGIN}/dashboard/team?a=b"}

    answer = human.send("POST", PROJECTS, content=urlencode(fields), headers={**headers, **came_from})

    assert led_to(answer) == "/dashboard/team?a=b"
    assert said in human.page(SIGN_IN).text


@pytest.mark.parametrize("token", ["", "made-up-by-a-stranger" * 100, "0" * 32])
def test_nothing_is_kept_for_who_has_never_signed_in(control: ControlProcess, token: str) -> None:
    """Whose form it would be is not known, and strangers could throw out what others typed."""
    stranger = Human(control)
    stranger.cookies = {"keyturn_session": token, "keyturn_left": "0" * 32}
    headers = {**OURS, "referer": f"{ORIGIN}{PROJECTS}"}

    answer = stranger.send("POST", PROJECTS, content=urlencode({"name": "planted"}), headers=headers)

    assert led_to(answer) == PROJECTS
    assert "it is not known any more whose session it was" in stranger.page(SIGN_IN).text


@pytest.mark.parametrize("search", ["sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ39Fg38", "of an imported key"])
def test_a_search_is_never_kept(control: ControlProcess, search: str) -> None:
    """It may be a secret, whatever it looks like; and it is typed again in a moment."""
    human = whose_session_is_over(control, f"searches{len(search)}@first.example")
    body = urlencode({"csrf": "0" * 32, "search": search})

    over = human.send("POST", "/dashboard/keys", content=body, headers=OURS)
    human.form(SIGN_IN, page=SIGN_IN, email=human.email, password=PASSWORD, next="/dashboard")
    stale = human.send("POST", "/dashboard/keys", content=body, headers=OURS)

    assert led_to(over) == "/dashboard/keys"
    assert stale.headers["location"] == "/dashboard/keys"
    assert "search once more" in human.page("/dashboard/keys").text


def test_who_was_signed_out_is_told_so_when_they_open_a_page(control: ControlProcess) -> None:
    """Who never signed in, or has signed out, is just asked to sign in."""
    human, stranger = whose_session_is_over(control, "told@first.example"), Human(control)

    for one in (human, stranger):
        assert led_to(one.page("/dashboard/keys?status=active")) == "/dashboard/keys?status=active"

    assert "Your session ended" in human.page(SIGN_IN).text
    assert "Your session ended" not in stranger.page(SIGN_IN).text
    assert human.send("POST", "/dashboard/sign-out", headers=OURS).headers["location"] == SIGN_IN
    assert "nothing was changed" not in human.page(SIGN_IN).text


def test_a_form_of_the_session_before_is_asked_about_once_more(control: ControlProcess) -> None:
    """Signed in anew in another window: what was typed in this one is there, and not sent unasked."""
    human = newcomer(control, "windows@first.example", "admin")
    body = urlencode({"csrf": human.csrf(), "name": "of the window before"})
    human.form(SIGN_IN, email=human.email, password=PASSWORD, next="/dashboard")
    long_ago(control, human)

    answer = human.send("POST", PROJECTS, content=body, headers=OURS)
    shown = human.page(answer.headers["location"])
    elsewhere = human.send("POST", PROJECTS, content=body, headers={**FORM, "origin": "https://evil.example"})

    assert answer.headers["location"].startswith(f"{PROVE}?kept=")
    assert "You have signed in anew" in shown.text
    assert "data-send" not in shown.text
    assert elsewhere.status_code == 403
    form = FormOf()
    form.feed(shown.text)
    assert human.send("POST", form.action, content=urlencode(form.fields), headers=OURS).status_code == 303
    names = [one["name"] for one in control.operator.get("/api/v1/projects").json()["data"]]
    assert names.count("of the window before") == 1


def test_opening_a_page_that_is_not_there_or_not_for_them_speaks_of_no_change(
    people: dict[str, Human],
) -> None:
    """Somebody who only looked wonders what they might have changed."""
    viewer, stranger = people["first viewer"], "/dashboard/keys/key_00000000000000000000"
    opened = [viewer.page(path) for path in ("/dashboard/nowhere", stranger, "/dashboard/settings")]
    sent = viewer.form(f"{stranger}/disable")

    assert [one.status_code for one in opened] == [404, 404, 403]
    assert ["Nothing was changed" in one.text for one in opened] == [False] * 3
    assert "Nothing was changed" in sent.text
