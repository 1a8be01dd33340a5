"""What the demo models say."""

import pytest
from hypothesis import given, strategies as st

from keyturn.demo import prose


def test_tokens_are_words_and_punctuation_marks() -> None:
    """Tests all over the project compute expected usage by this rule."""
    assert prose.count_tokens("Hello, big world!") == 5
    assert prose.count_tokens("") == 0


def test_the_answer_is_about_the_prompt() -> None:
    """A person who tries the demo must see that the message arrived."""
    answer = prose.reply_to("Explain how gravity bends light around black holes")

    assert answer.startswith("You sent 8 words about gravity, bends and light.")


@pytest.mark.parametrize(
    ("prompt", "beginning"),
    [
        ("Cats", "You sent one word about cats."),
        ("cats and dogs", "You sent 3 words about cats and dogs."),
        ("to be or not", "You sent 4 words."),
        ("  ?!", "You sent a message without a word in it."),
    ],
)
def test_any_prompt_gets_an_answer(prompt: str, beginning: str) -> None:
    """There is no prompt that breaks the demo."""
    assert prose.reply_to(prompt).startswith(beginning)


@given(st.text())
def test_streamed_pieces_join_to_the_text(text: str) -> None:
    """A client that joins the pieces has the answer that a plain request gives."""
    assert "".join(prose.spoken_pieces(text)) == text


def test_a_long_text_streams_in_bounded_pieces() -> None:
    """An echo of a book must not become a million chunks in memory."""
    text = "word " * (prose.PIECES_LIMIT + 1)

    pieces = prose.spoken_pieces(text)

    assert len(pieces) <= prose.PIECES_LIMIT
    assert "".join(pieces) == text


@given(st.text(), st.integers(min_value=0, max_value=40))
def test_an_answer_never_has_more_tokens_than_allowed(text: str, limit: int) -> None:
    """``max_tokens`` is a promise, and usage counts what is really there."""
    passage = prose.finish(text, limit=limit, stops=[])

    assert passage.tokens == prose.count_tokens(passage.text) <= limit
    assert text.startswith(passage.text)
    assert passage.cut_short == (prose.count_tokens(text) > limit)


def test_an_answer_ends_before_the_first_stop_text() -> None:
    """Clients never see their stop text; an empty one stops nothing."""
    passage = prose.finish("one two three four", limit=None, stops=["", "four", "three"])

    assert passage == prose.Passage("one two ", 2, cut_short=False, stop="three")


@pytest.mark.parametrize("text", ["one two three", ""])
def test_an_answer_is_stretched_to_the_words_asked_for(text: str) -> None:
    """Benchmarks ask for streams of a known length."""
    assert len(prose.stretch(text, 50).split()) == 50
