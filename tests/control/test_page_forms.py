"""Pages and forms that are asked for what no browser asks: they say no, as pages, and change nothing."""

import base64
from collections.abc import Iterator

import pytest

from fakes.control_process import ControlProcess
from fakes.people import PASSWORD, Human, crowd, long_ago
from keyturn.services import passkeys

DEEP = '{"deep":' + "[" * 9_000


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
