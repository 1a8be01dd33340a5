"""What the demo models say, and how many tokens that is. Pure: the same words in, the same words out."""

import itertools
import re

import msgspec

_PIECE = re.compile(r"\w+|[^\w\s]")
_WORD = re.compile(r"\w+(?:['-]\w+)*")
_SPOKEN = re.compile(r"\s*\S+\s*|\s+")

_COMMON = frozenset(
    """
    about after again also answer been before being between can could describe does explain from give
    have hello here into just like make many more most much name only other over please say should
    some tell than thank thanks that the their them then there these they this those time using very
    want was were what when where which while who why will with word words would write you your
    """.split()  # noqa: SIM905 - ninety lines of one word each are no list
)

_TOPICS = 3
_TOPIC_LENGTH = 24

PIECES_LIMIT = 20_000
"""Most pieces of one stream; longer texts come in pieces of several words."""


class Passage(msgspec.Struct, frozen=True):
    """One answer of a model."""

    text: str
    tokens: int
    cut_short: bool
    """It ended at the limit on tokens, not by itself."""
    stop: str = ""
    """The text before which it was stopped; empty: none."""


def count_tokens(text: str) -> int:
    """Count words and punctuation marks: the tokens of this model."""
    return sum(1 for _ in _PIECE.finditer(text))


def reply_to(prompt: str) -> str:
    """Say something friendly about ``prompt`` that shows it was read."""
    words = _WORD.findall(prompt)
    if not words:
        return "You sent a message without a word in it. I am Keyturn's demo model: ask me anything."
    count = "one word" if len(words) == 1 else f"{len(words)} words"
    return (
        f"You sent {count}{_about(words)}. I am Keyturn's demo model: I do not think, "
        "but I answer at once, always the same way, and for free."
    )


def thought_about(prompt: str) -> str:
    """Think about ``prompt`` before something is said to it."""
    words = _WORD.findall(prompt)
    count = "one word" if len(words) == 1 else f"{len(words)} words"
    return f"They wrote {count}{_about(words)}. I shall say that I have read them, and who I am."


def _about(words: list[str]) -> str:
    topics: dict[str, None] = {}
    for word in words:
        lowered = word.lower()
        if len(word) > 3 and lowered not in _COMMON:
            topics[lowered[:_TOPIC_LENGTH]] = None
    chosen = list(topics)[:_TOPICS]
    if not chosen:
        return ""
    *some, last = chosen
    return f" about {', '.join(some)} and {last}" if some else f" about {last}"


def stretch(text: str, words: int) -> str:
    """Repeat or cut ``text`` so that it has exactly this many words; an empty one repeats ``word``."""
    return " ".join(itertools.islice(itertools.cycle(text.split() or ["word"]), words))


def finish(text: str, *, limit: int | None, stops: list[str]) -> Passage:
    """End ``text`` where a client asked for it.

    Args:
        text: The whole answer.
        limit: Most tokens, or ``None``.
        stops: Texts before the first of which the answer ends; empty ones are ignored.
    """
    found = [(at, stop) for stop in stops if stop and (at := text.find(stop)) >= 0]
    stopped_by = ""
    if found:
        at, stopped_by = min(found)
        text = text[:at]
    tokens = 0
    for piece in _PIECE.finditer(text):
        if tokens == limit:
            return Passage(text[: piece.start()].rstrip(), tokens, cut_short=True)
        tokens += 1
    return Passage(text, tokens, cut_short=False, stop=stopped_by)


def spoken_pieces(text: str) -> list[str]:
    """Split into words with the space that follows them; joined, they are ``text`` again."""
    words = _SPOKEN.findall(text)
    if len(words) <= PIECES_LIMIT:
        return words
    step = -(-len(words) // PIECES_LIMIT)
    return ["".join(words[start : start + step]) for start in range(0, len(words), step)]
