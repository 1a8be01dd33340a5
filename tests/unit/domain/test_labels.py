"""Names, descriptions and metadata."""

import msgspec
import pytest

from keyturn.domain import ids
from keyturn.domain.labels import (
    DESCRIPTION_LENGTH,
    METADATA_NAME_LENGTH,
    METADATA_PAIRS,
    METADATA_VALUE_LENGTH,
    NAME_LENGTH,
    problem_with_description,
    problem_with_metadata,
    problem_with_name,
    read_metadata,
    write_metadata,
)

FAMILY = "\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL} Kim"
PERSIAN = "\u0645\u06cc\N{ZERO WIDTH NON-JOINER}\u0634\u0648\u062f"


@pytest.mark.parametrize(
    "name", ["a", "a" * NAME_LENGTH, "Müller & Söhne", "名前", FAMILY, PERSIAN, msgspec.UNSET]
)
def test_a_name_is_whatever_can_be_printed(name: str | msgspec.UnsetType) -> None:
    """In any language."""
    assert problem_with_name(name) is None


HIDDEN = [
    "ad\u200dmin",
    "admin\u200d",
    "\u200d",
    "\N{MAN}\u200d",
    "\N{MAN}\u200d\u200d\N{WOMAN}",
    "\N{MAN}\u200dx",
    "\u00e9\u200d\u00e9",
]
"""With joiners that join nothing: two that look alike would be told apart by nobody."""


@pytest.mark.parametrize("name", ["", " ", "a" * (NAME_LENGTH + 1), "a\nb", "\x1b[2J", "a\u202eb", *HIDDEN])
def test_a_name_that_can_not_be_shown_is_refused(name: str) -> None:
    """It would move the cursor of whoever lists it."""
    refused = problem_with_name(name)

    assert refused is not None
    assert refused.param == "name"


@pytest.mark.parametrize("prefix", [ids.KEY, ids.PROJECT, ids.ACCOUNT, ids.USER])
def test_a_name_is_no_identifier(prefix: str) -> None:
    """Or whoever goes by the identifier of something deleted would find what somebody else has named so."""
    refused = problem_with_name(ids.mint(prefix, now_ms=1, entropy=1))

    assert refused is not None
    assert refused.param == "name"


def test_a_description_has_an_end() -> None:
    """It is shown in lists."""
    assert problem_with_description(msgspec.UNSET) is None
    assert problem_with_description("d" * DESCRIPTION_LENGTH) is None
    refused = problem_with_description("d" * (DESCRIPTION_LENGTH + 1))
    assert refused is not None
    assert refused.param == "description"


@pytest.mark.parametrize(
    ("metadata", "param"),
    [
        ({str(number): "" for number in range(METADATA_PAIRS + 1)}, "metadata"),
        ({"": "x"}, "metadata"),
        ({"a\n": "x"}, "metadata"),
        ({"n" * (METADATA_NAME_LENGTH + 1): "x"}, "metadata"),
        ({"a": "v" * (METADATA_VALUE_LENGTH + 1)}, "metadata.a"),
    ],
)
def test_metadata_has_bounds(metadata: dict[str, str], param: str) -> None:
    """It is not a place to keep files."""
    refused = problem_with_metadata(metadata)

    assert refused is not None
    assert refused.param == param


def test_metadata_is_read_as_it_was_written() -> None:
    """Whatever the values hold; the text is the same for the same pairs."""
    metadata = {"b": "line\nline", "a": "ü"}

    assert problem_with_metadata(metadata) is None
    assert problem_with_metadata(msgspec.UNSET) is None
    assert read_metadata(write_metadata(metadata)) == metadata
    assert write_metadata({"a": "ü", "b": "line\nline"}) == write_metadata(metadata)
