"""Media types by endings, and media inside of an address."""

import pytest

from keyturn.dialects.media_types import ENDINGS, read_data_url, type_of


@pytest.mark.parametrize(
    ("name", "mime_type"),
    [
        ("a.PDF", "application/pdf"),
        ("https://example.com/b/a.jpeg?x=1.txt", "image/jpeg"),
        ("a.xyz", ""),
        ("pdf", ""),
        ("", ""),
    ],
)
def test_an_ending_tells_the_type(name: str, mime_type: str) -> None:
    """Of a name and of an address, without its query."""
    assert type_of(name) == mime_type


def test_each_type_has_one_ending() -> None:
    """So that a file gets a name by which it is known again."""
    assert all(type_of(f"a.{ending}") == mime_type for mime_type, ending in ENDINGS.items())


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("data:image/png;base64,AAAA", ("image/png", "AAAA")),
        ("DATA:Image/PNG;charset=x; BASE64,AA,A", ("image/png", "AA,A")),
        ("data:image/png,AAAA", ("", "")),
        ("data:;base64,AAAA", ("", "AAAA")),
        ("data:png;base64,AAAA", ("", "")),
        ("data:image/png;base64", ("", "")),
        ("https://example.com/a;base64,b", ("", "")),
    ],
)
def test_a_data_url_holds_a_type_and_base64(url: str, found: tuple[str, str]) -> None:
    """Anything else can't be carried as data (RFC 2397)."""
    assert read_data_url(url) == found
