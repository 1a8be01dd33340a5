"""The list of keys, without the page."""

import pytest

from keyturn.control.dashboard.guard import Form
from keyturn.control.dashboard.pages.keys import A_PAGE, chosen_in, said_of_many

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
