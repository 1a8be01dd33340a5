"""Identifiers."""

import pytest

from keyturn.domain import ids

NOW_MS = 1_790_000_000_000


@pytest.mark.parametrize("prefix", [ids.KEY, ids.SECRET, ids.PROJECT, ids.ACCOUNT, ids.REQUEST])
def test_an_identifier_says_what_it_names(prefix: str) -> None:
    """The prefix tells a key's id from a request's at a glance, to people and to us."""
    minted = ids.mint(prefix, now_ms=NOW_MS, entropy=1 << 79)

    assert ids.is_id(minted, prefix)
    assert len(minted) == len(prefix) + 20
    assert not ids.is_id(minted, "user_")


def test_identifiers_sort_by_time() -> None:
    """A later one sorts behind an earlier one, whatever their entropy."""
    earlier = ids.mint(ids.KEY, now_ms=NOW_MS, entropy=(1 << 80) - 1)
    later = ids.mint(ids.KEY, now_ms=NOW_MS + 1, entropy=0)

    assert earlier < later


def test_identifiers_of_one_millisecond_differ_by_their_entropy() -> None:
    """Two nodes mint at the same time."""
    assert ids.mint(ids.KEY, now_ms=NOW_MS, entropy=1) != ids.mint(ids.KEY, now_ms=NOW_MS, entropy=2)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "key_",
        "key_short",
        "key_" + "0" * 21,
        "key_" + "0" * 19 + "-",
        "KEY_" + "0" * 20,
        "key_" + "0" * 20 + "\n",
    ],
)
def test_other_text_is_no_identifier(text: str) -> None:
    """What is asked for by id is looked up only when it can be one."""
    assert not ids.is_id(text, ids.KEY)
