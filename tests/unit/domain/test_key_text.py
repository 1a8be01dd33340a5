"""The text of a key."""

from itertools import cycle

import pytest

from keyturn.domain import key_text
from keyturn.domain.key_text import EXAMPLES, FOREIGN_MARK, LENGTH, PREFIXES, Kind
from keyturn.domain.secret import Secret


@pytest.mark.parametrize("example", sorted(EXAMPLES))
def test_the_published_vectors_are_well_formed(example: str) -> None:
    """Another implementation checks itself against them."""
    assert len(example) == LENGTH
    assert key_text.is_well_formed(example)


def test_a_key_ends_in_the_checksum_of_its_random_part() -> None:
    """The vector's checksum, written out."""
    assert key_text.checksum("ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "39Fg38"
    assert key_text.checksum("0" * 26) == "3vSKjy"


@pytest.mark.parametrize("prefix", ["sk-", "pk-", "ak-", "ck-", "cs-", "tk-"])
def test_every_prefix_of_ours_is_recognised(prefix: str) -> None:
    """A scanner finds all of them."""
    assert key_text.is_well_formed(prefix + "0" * 26 + "3vSKjy")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sk-",
        "SK-000000000000000000000000003vSKjy",
        "xk-000000000000000000000000003vSKjy",
        "000000000000000000000000003vSKjy",
        "sk-000000000000000000000000003vSKjY",
        "sk-000000000000000000000000003vSKj",
        "sk-000000000000000000000000003vSKjy\n",
        " sk-000000000000000000000000003vSKjy",
        "sk_000000000000000000000000003vSKjy",
        "sk-0000000000000000000000000\N{DIGIT ZERO}3vSKjy"[:-1],
        "sk-0000000000000000000000000\N{ARABIC-INDIC DIGIT ZERO}3vSKjy",
    ],
)
def test_other_text_is_refused_without_a_look_up(text: str) -> None:
    """Wrong prefix, length, alphabet, case or checksum."""
    assert not key_text.is_well_formed(text)


@pytest.mark.parametrize("kind", list(Kind))
def test_a_minted_key_is_well_formed_and_says_its_kind(kind: Kind) -> None:
    """Whoever reads a leaked key sees what it can do."""
    drawn = cycle("Keyturn0123456789")

    minted = key_text.mint(kind, lambda _alphabet: next(drawn))

    assert key_text.is_well_formed(minted.reveal())
    assert minted.reveal().startswith(PREFIXES[kind])


def test_a_key_that_looks_like_openais_is_never_issued() -> None:
    """Scanners would report it to OpenAI."""
    first = FOREIGN_MARK + "0" * (26 - len(FOREIGN_MARK))
    drawn = iter(first + "A" * 26)

    minted = key_text.mint(Kind.SECRET, lambda _alphabet: next(drawn))

    assert minted.reveal() == "sk-" + "A" * 26 + key_text.checksum("A" * 26)


def test_every_character_is_drawn_from_the_whole_alphabet() -> None:
    """154 bits are promised."""
    asked: list[str] = []

    def choose(alphabet: str) -> str:
        asked.append(alphabet)
        return "0"

    key_text.mint(Kind.SECRET, choose)

    assert len(asked) == 26
    assert {len(set(alphabet)) for alphabet in asked} == {62}


def test_only_the_prefix_and_four_characters_are_shown() -> None:
    """The rest stays secret, the checksum too: it would give away 24 bits."""
    assert key_text.display(Secret("sk-AbCd0000000000000000000000000000")) == "sk-AbCd…"


def test_a_reference_stands_for_a_key_that_is_not_known() -> None:
    """The same one each time, so that a caller's reports can be matched; it leads nowhere else."""
    assert key_text.reference(b"a") == key_text.reference(b"a")
    assert key_text.reference(b"a") != key_text.reference(b"b")
    assert len(key_text.reference(b"a")) == len("key_") + 20


KEY = "sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ39Fg38"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (KEY, KEY),
        (f"Bearer {KEY}", KEY),
        (f'"{KEY}",', KEY),
        (f"OPENAI_API_KEY={KEY}\n", KEY),
        (f"OPENAI_API_KEY%3D{KEY}.", KEY),
        (KEY[:-1] + "9", KEY[:-1] + "9"),  # mistyped
        (f"'{KEY[:14]}a1'", KEY[:14] + "a1"),  # cut short
        ("sk-or-v1-0123456789abcdef0123456789abcdef", "sk-or-v1-0123456789abcdef0123456789abcdef"),
        ("key: sk-xUq-4mVPbq8fTzRo2uLAkw", "sk-xUq-4mVPbq8fTzRo2uLAkw"),
    ],
)
def test_a_secret_is_found_whatever_was_copied_with_it(text: str, secret: str) -> None:
    """Of all lines that have a key in them, few have nothing else."""
    assert key_text.secret_in(text) == secret


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sk-",
        "sk-AbCd",
        "sk-learn training job",
        "tk-backend-2026-staging-eu",
        "Task-Force9 risk-Model2026A",
        "key_0",
    ],
)
def test_a_name_that_begins_like_a_key_is_no_secret(text: str) -> None:
    """People name keys after what they are for."""
    assert key_text.secret_in(text) == ""
