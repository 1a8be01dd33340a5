"""The demo models: two that are useful, one that repeats, and those that misbehave on purpose."""

import msgspec


class Behaviour(msgspec.Struct, frozen=True):
    """What one demo model does."""

    chats: bool = True
    """Answers chat completions, completions and responses."""
    embeds: bool = True
    """Answers embeddings."""
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


MODELS: dict[str, Behaviour] = {
    "demo-chat": Behaviour(embeds=False, interval_ms=10),
    "demo-embed": Behaviour(chats=False),
    "echo": Behaviour(embeds=False, echoes=True),
    "demo-503": Behaviour(fails_with=503),
    "demo-429": Behaviour(fails_with=429),
    "demo-slow": Behaviour(delay_ms=2_000),
    "demo-cut": Behaviour(cuts=True),
    "demo-no-usage": Behaviour(counts=False),
}
"""Every model that the demo upstream lists. ``demo-chat`` pauses so that a person sees it stream."""
