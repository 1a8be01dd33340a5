"""What Claude models take and what they refuse, as far as a request has to be written another way for them.

| version             | thought                        | sampling                       | system mid-conversation |
|---------------------|--------------------------------|--------------------------------|-------------------------|
| up to 4.5           | a budget of tokens             | yes; since 4.1 one of ``temperature`` and ``top_p`` | no |
| 4.6                 | a budget, or an effort to max  | as before                      | no                      |
| 4.7                 | an effort, with xhigh          | none                           | no                      |
| Opus 4.8, from 5 on | an effort, with xhigh          | none                           | yes, but Sonnet 5       |

A model whose name has no version of Claude's (another maker's, or a deployment's) is spoken to as to the oldest, which is
what other makers of this API take; a Claude without a number is spoken to as to the newest.

Source: https://platform.claude.com/docs/en/about-claude/models/migration-guide,
https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking,
https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages.
"""

import re
from typing import Literal

import msgspec

_VERSION = re.compile(
    r"claude-(?:(\d{1,2})(?:[-.](\d{1,2}))?-([a-z]+)|([a-z]+)-(\d{1,2})(?:[-.](\d{1,2}))?)(?!\d)"
)
_NEWEST = (99, 0)


class Claude(msgspec.Struct, frozen=True):
    """A model, by its version; ``(0, 0)`` for any that is no Claude."""

    version: tuple[int, int]
    family: str = ""

    @property
    def takes_effort(self) -> bool:
        """Thought is steered by an effort."""
        return self.version >= (4, 6)

    @property
    def takes_budget(self) -> bool:
        """Thought may be counted in tokens."""
        return self.version < (4, 7)

    @property
    def highest_effort(self) -> Literal["max", "xhigh"]:
        """The word for an effort above ``high``."""
        return "max" if self.version == (4, 6) else "xhigh"

    @property
    def takes_sampling(self) -> bool:
        """Temperature and the like may be set."""
        return self.version < (4, 7)

    @property
    def takes_both(self) -> bool:
        """Temperature and ``top_p`` may be set together."""
        return self.version < (4, 1)

    @property
    def takes_system_turns(self) -> bool:
        """Instructions may stand in mid-conversation."""
        if self.version < (5, 0):
            return self.family == "opus" and self.version >= (4, 8)
        return (self.family, self.version) != ("sonnet", (5, 0))


def claude(model: str) -> Claude:
    """Read a provider's name of a model (``claude-opus-4-1-20250805``, ``anthropic.claude-3-haiku-…``)."""
    found = _VERSION.search(model)
    if found is None:
        return Claude(_NEWEST if "claude" in model else (0, 0))
    major, minor, family, other_family, other_major, other_minor = found.groups()
    version = int(major or other_major), int(minor or other_minor or 0)
    return Claude(version, family or other_family)
