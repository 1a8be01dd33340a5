"""The demo models: some that are useful, one that repeats, and those that misbehave on purpose."""

from enum import StrEnum

import msgspec


class Task(StrEnum):
    """What a model can be asked for."""

    TEXT = "text"
    """Chats in any dialect, completions, responses."""
    EMBEDDINGS = "embeddings"
    IMAGES = "images"
    SPEECH = "speech"
    HEARING = "hearing"
    """Transcriptions and translations."""
    MODERATION = "moderation"


class Behaviour(msgspec.Struct, frozen=True):
    """What one demo model does."""

    does: frozenset[Task] = frozenset(Task)
    """What it answers; the others say that it does not exist."""
    echoes: bool = False
    """Answers with the last user message, not about it."""
    fails_with: int = 0
    """The status of its answers when it never succeeds."""
    delay_ms: int = 0
    """How long it waits before the first byte."""
    interval_ms: int = 0
    """How long it pauses between two words of a stream."""
    cuts: bool = False
    """Drops the connection in the middle of the answer."""
    counts: bool = True
    """Says how many tokens it used."""


def _only(task: Task) -> frozenset[Task]:
    return frozenset({task})


MODELS: dict[str, Behaviour] = {
    "demo-chat": Behaviour(_only(Task.TEXT), interval_ms=10),
    "demo-embed": Behaviour(_only(Task.EMBEDDINGS)),
    "echo": Behaviour(_only(Task.TEXT), echoes=True),
    "echo-slow": Behaviour(_only(Task.TEXT), echoes=True, interval_ms=10),
    "demo-503": Behaviour(fails_with=503),
    "demo-429": Behaviour(fails_with=429),
    "demo-slow": Behaviour(delay_ms=2_000),
    "demo-cut": Behaviour(cuts=True),
    "demo-no-usage": Behaviour(counts=False),
    "demo-claude": Behaviour(_only(Task.TEXT), interval_ms=10),
    "demo-gemini": Behaviour(frozenset({Task.TEXT, Task.EMBEDDINGS}), interval_ms=10),
    "demo-image": Behaviour(_only(Task.IMAGES)),
    "demo-speech": Behaviour(_only(Task.SPEECH)),
    "demo-transcribe": Behaviour(_only(Task.HEARING)),
    "demo-moderation": Behaviour(_only(Task.MODERATION)),
}
"""Every model that the demo upstream lists, in each dialect. Chat models pause so that a person sees them stream."""


def find(name: str, task: Task) -> Behaviour | None:
    """Return the model of this name; ``None`` when there is none, or it can't do that."""
    found = MODELS.get(name)
    return found if found is not None and task in found.does else None
