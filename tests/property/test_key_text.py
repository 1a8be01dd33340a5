"""The text of a key."""

from hypothesis import given, settings, strategies as st

from keyturn.domain import key_hints, key_text
from keyturn.domain.base62 import ALPHABET
from keyturn.domain.key_text import Kind

RANDOM_PARTS = st.text(ALPHABET, min_size=26, max_size=26)
PREFIX_CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_0123456789"


def key(random_part: str) -> str:
    """Complete a key."""
    return "sk-" + random_part + key_text.checksum(random_part)


@settings(max_examples=100, derandomize=True)
@given(random_part=RANDOM_PARTS, kind=st.sampled_from(list(Kind)))
def test_every_minted_key_is_well_formed(random_part: str, kind: Kind) -> None:
    """Whatever is drawn, but for what must not be issued."""
    drawn = iter(random_part + "0" * 26)

    minted = key_text.mint(kind, lambda _alphabet: next(drawn)).reveal()

    assert key_text.is_well_formed(minted)
    assert key_text.FOREIGN_MARK not in minted


@settings(max_examples=300, derandomize=True)
@given(
    random_part=RANDOM_PARTS,
    place=st.integers(3, key_text.LENGTH - 1),
    typed=st.sampled_from(ALPHABET),
)
def test_any_single_wrong_character_is_refused(random_part: str, place: int, typed: str) -> None:
    """Mistyped keys never cost a look-up: CRC-32 finds every error within 32 bits in a row."""
    good = key(random_part)
    mistyped = good[:place] + typed + good[place + 1 :]

    assert key_text.is_well_formed(mistyped) is (mistyped == good)


@settings(max_examples=100, derandomize=True)
@given(random_part=RANDOM_PARTS, place=st.integers(0, key_text.LENGTH - 2))
def test_two_characters_in_the_wrong_order_are_refused(random_part: str, place: int) -> None:
    """The most common slip of a typist."""
    good = key(random_part)
    swapped = good[:place] + good[place + 1] + good[place] + good[place + 2 :]

    assert key_text.is_well_formed(swapped) is (swapped == good)


@settings(max_examples=100, derandomize=True)
@given(random_part=RANDOM_PARTS, place=st.integers(0, key_text.LENGTH), added=st.text(max_size=2))
def test_a_key_with_more_or_less_is_refused(random_part: str, place: int, added: str) -> None:
    """Cut short, with a blank, or pasted twice."""
    good = key(random_part)

    assert key_text.is_well_formed(good[:place] + added + good[place:]) is (not added)
    assert key_text.is_well_formed(good[:place]) is (place == len(good))


@settings(max_examples=150, derandomize=True)
@given(text=st.text())
def test_any_other_text_is_told_what_is_wrong_with_it(text: str) -> None:
    """Never an exception."""
    assert not key_text.is_well_formed(text)
    assert key_text.problem_with(text)


PUBLIC = (
    "sk-proj-",
    "sk-ant-",
    "sk-or-v1-",
    "AIza",
    "gsk_",
    "xai-",
    "r8_",
    "hf_",
    "AKIA",
    "sk-",
    "pk-",
    "ak-",
    "",
)
AROUND = ("", '"', "'", " ", "\n", "Bearer ", "<", "KEYTURN_API_KEY=", ";", "$", "{{")


@settings(max_examples=400, derandomize=True)
@given(
    prefix=st.sampled_from(PUBLIC),
    secret=st.text(ALPHABET + "-_", min_size=5, max_size=80),
    before=st.sampled_from(AROUND),
    after=st.sampled_from(AROUND),
)
def test_no_hint_repeats_what_was_sent(prefix: str, secret: str, before: str, after: str) -> None:
    """It stands in answers, traces and logs, and what was sent may be a key of another service."""
    hint = key_text.problem_with(before + prefix + secret + after) or ""

    assert hint in {*key_hints.HINTS, ""}
    if hint:
        assert not [
            secret[start : start + 5] for start in range(len(secret) - 4) if secret[start : start + 5] in hint
        ]


@settings(max_examples=200, derandomize=True)
@given(
    random_part=RANDOM_PARTS,
    place=st.integers(0, key_text.LENGTH - 1),
    before=st.sampled_from(AROUND),
    after=st.sampled_from(AROUND),
)
def test_no_hint_repeats_a_part_of_a_key(random_part: str, place: int, before: str, after: str) -> None:
    """Not even of one that is mistyped in a single place: the rest of it is right."""
    good = key(random_part)
    sent = before + good[:place] + "!" + good[place + 1 :] + after

    hint = key_text.problem_with(sent)

    assert hint in key_hints.HINTS
    assert not [
        good[start : start + 5] for start in range(3, len(good) - 4) if good[start : start + 5] in hint
    ]
