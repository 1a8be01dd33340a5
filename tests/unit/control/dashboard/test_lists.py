"""Pages of lists."""

import pytest

from keyturn.control.dashboard import lists
from keyturn.control.errors import RefusedError
from keyturn.domain import ids

KEY_ID = "key_VbXhUyUBKUlzDND0IYtt"


def test_a_page_comes_after_what_the_one_before_ended_with() -> None:
    """The first comes after nothing."""
    assert (lists.after("", ids.KEY), lists.after(KEY_ID, ids.KEY)) == (None, KEY_ID)
    assert (lists.after_number(""), lists.after_number("17")) == (None, 17)


@pytest.mark.parametrize("cursor", ["x", "1", KEY_ID.replace("key_", "user_"), "key_"])
def test_what_ends_no_page_of_a_list_is_refused(cursor: str) -> None:
    """Another list's cursor would show an arbitrary part of this one."""
    with pytest.raises(RefusedError) as refused:
        lists.after(cursor, ids.KEY)

    assert (refused.value.refused.rule.status, refused.value.refused.param) == (400, "cursor")


@pytest.mark.parametrize("cursor", ["x", "0", "-1", "\N{SUPERSCRIPT TWO}", "9" * 19, "9" * 5_000])
def test_what_is_no_number_of_an_entry_is_refused(cursor: str) -> None:
    """A number that no database holds is none of its either."""
    with pytest.raises(RefusedError):
        lists.after_number(cursor)
