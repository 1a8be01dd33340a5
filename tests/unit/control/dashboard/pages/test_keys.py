"""The list of keys, without the page."""

import msgspec
import pytest
from msgspec.structs import asdict

from keyturn.control.dashboard.guard import Form
from keyturn.control.dashboard.pages.keys import A_PAGE, Row, chosen_in, key_status, said_of_many, what_may
from keyturn.domain.keys import Status
from keyturn.domain.roles import Person, Role
from keyturn.services.keys import Key
from keyturn.store.usage import KeyUsage
from unit.control.dashboard.test_key_forms import KEY

KEY_ID = "key_VbXhUyUBKUlzDND0IYtt"


def test_what_was_chosen_comes_from_the_form_or_from_what_undoes_it() -> None:
    """Only identifiers, each once, no more than a page has."""
    form = Form({"act": ["disable"], "id": [KEY_ID, KEY_ID, "odd"]})
    many = " ".join(f"key_VbXhUyUBKUlzDND0I{number:03d}" for number in range(A_PAGE + 5))

    assert chosen_in(form, {}) == ("disable", [KEY_ID])
    assert chosen_in(Form(), {"act": ["enable"], "id": [KEY_ID]}) == ("enable", [KEY_ID])
    assert len(chosen_in(Form(), {"id": [many]})[1]) == A_PAGE


@pytest.mark.parametrize(
    ("names", "refusals", "said"),
    [
        (["a"], [], "Revoked: a"),
        (["a", "b", "c", "d", "e"], [], "Revoked: a, b, c and 2 more"),
        ([], ["no", "no"], "2 keys were not revoked: no"),
        (["a"], ["no"], "Revoked: a. 1 key was not revoked: no"),
    ],
)
def test_what_was_done_with_many_keys_is_said_in_a_line(
    names: list[str], refusals: list[str], said: str
) -> None:
    """Also what was not."""
    assert said_of_many("revoke", names, refusals) == said


@pytest.mark.parametrize(
    ("role", "denied"),
    [
        (Role.OWNER, set()),
        (Role.ADMIN, set()),
        (Role.MEMBER, {"audit", "hygiene"}),
        (
            Role.VIEWER,
            {"audit", "create", "delete", "edit", "reveal", "revoke", "rotate", "simulate", "switch"},
        ),
    ],
)
def test_pages_offer_what_a_role_may_do(role: Role, denied: set[str]) -> None:
    """A button that is refused is a dead end."""
    found = asdict(what_may(Person("user_1", "acct_1", role, first_account=True)))

    assert {name for name, allowed in found.items() if not allowed} == denied


def test_a_key_in_the_list_draws_its_course_and_says_the_rest_in_short() -> None:
    """The busiest day reaches the top, and a key that rests has no line."""
    used = KeyUsage(KEY_ID, seen_in_url=True)
    stored = msgspec.structs.replace(KEY, tags="a b c d e f", frozen_at=None)
    key = Key(stored, "acct_1", [], used, Status.DISABLED)
    row = Row(key, "sk-AbCd…", [0, 5, 10], "Default", "")

    assert row.points == "0,22 1,12 2,2"
    assert (row.recent, row.on, row.switchable, row.labelled) == (15, False, True, True)
    assert (row.tags, row.more_tags) == (["a", "b", "c", "d"], 2)
    assert msgspec.structs.replace(row, days=[0, 0, 0]).points == ""


@pytest.mark.parametrize(
    ("status", "frozen_at", "said"),
    [
        (Status.ACTIVE, None, "active"),
        (Status.ACTIVE, 1, "quarantined"),
        (Status.REVOKED, 1, "revoked"),
        (Status.DISABLED, 1, "disabled"),
    ],
)
def test_a_key_is_said_to_be_what_it_would_be_refused_for(
    status: Status, frozen_at: int | None, said: str
) -> None:
    """A revoked key that was quarantined before does not look as if it could be enabled."""
    stored = msgspec.structs.replace(KEY, frozen_at=frozen_at)

    assert key_status(Key(stored, "acct_1", [], KeyUsage(KEY_ID), status)) == said
