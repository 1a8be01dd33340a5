"""Signing up where everybody may, and no mail server sends the link."""

import re
from collections.abc import Iterator

import pytest

from fakes.control_process import ControlProcess, control_process
from fakes.strangers import EMAIL, PASSWORD, Fields, Somebody, Visits, owner_of, visits
from keyturn.config.sections import People

SIGN_IN, ACCOUNT = "/dashboard/sign-in", "/dashboard/account"


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
    ada = control.operator.get("/api/v1/users/ada@example.com").json()["data"]
    listed = f"/dashboard/team?account={ada['account_id']}"
    assert "to be confirmed" in owner.get(listed).text
    assert f"keyturn users verify-link {ada['id']}" in owner.get(f"/dashboard/team/{ada['id']}").text

    url = control.operator.post("/api/v1/users/ada@example.com/verify-link").json()["data"]["url"]
    fields: Fields = {"token": url.partition("#")[2], "password": "wrong horse battery"}
    assert somebody.post("/dashboard/verify", fields, page="/dashboard/verify").status_code == 404
    right = fields | {"password": str(APPLICANT["password"])}
    assert somebody.post("/dashboard/verify", right, page="/dashboard/verify").status_code == 303

    assert "to be confirmed" not in owner.get(listed).text
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


def test_an_invitation_is_not_taken_by_signing_up_with_its_address(
    control: ControlProcess, owner: Somebody, visit: Visits
) -> None:
    """A stranger who knows whom an administrator invited gets an account of their own at most, and no role in ours."""
    email = "invited@example.com"
    wanted = {"email": email, "role": "admin"}
    made = control.operator.post("/api/v1/invitations", json=wanted).json()["data"]
    stranger: Fields = APPLICANT | {"email": email, "account": "Mallory", "password": "mallory was here too"}

    assert visit().post("/dashboard/sign-up", stranger, page="/dashboard/sign-up").status_code == 200
    link = control.operator.post(f"/api/v1/users/{made['user']['id']}/verify-link")
    fields: Fields = {
        "token": made["link"].partition("#")[2],
        "name": "Ida",
        "password": "an invitation of mine",
    }
    came = visit().post("/dashboard/invite", fields, page="/dashboard/invite")

    assert link.status_code == 409
    assert came.status_code == 303, came.text
