"""Whose thoughts are whose: a maker of models takes back what it has sealed itself, and refuses what others have.

A client hands back what it was given, and the next turn may be answered by a model of another make. So where an answer
is turned into another dialect, what is opaque in it (the signature of a thought or of a call, sealed thoughts) says in
plain words who has sealed it: ``keyturn:anthropic:EqQB…``. No base64 has a colon, and each dialect carries any text in
its own way. When it comes back, the words are taken off, and what another maker has sealed is left out.

| a client sends                     | sealed by                                                        |
|------------------------------------|------------------------------------------------------------------|
| something marked                   | whom the mark names                                              |
| something without a mark           | the maker of the client's own dialect: it came as it was         |
| a call's signature without a mark  | Google: nobody else signs calls                                  |

What the maker of the client's dialect takes back with a seal only is marked even without one: sent there as it is
(``passed_seals``), it would be refused.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from keyturn.dialects.canonical import (
    Answer,
    Chat,
    Closed,
    Event,
    Grew,
    Loss,
    Message,
    Opened,
    Part,
    Reasoning,
    Signed,
    ToolCall,
)

MARK = "keyturn:"
_ANTHROPIC, _BEDROCK, _GEMINI, _OPENAI = "anthropic", "bedrock", "gemini", "openai"
_MARKED = re.compile(r"keyturn:([a-z0-9-]*):")
_WHY = "only who has sealed it can make use of it"
_OWN: Mapping[str, str] = {"anthropic_messages": _ANTHROPIC, "gemini": _GEMINI, "openai_responses": _OPENAI}
"""The maker of a client's dialect; OpenAI's chats know no seals but those of third parties."""
_HOSTS: Mapping[str, Mapping[str, str]] = {
    "anthropic_messages": {"vertex": _ANTHROPIC},
    "gemini": {"vertex": _GEMINI},
    "openai_responses": {"azure": _OPENAI, "compatible": _OPENAI},
}
"""Providers of another name that run the maker's own models, by codec."""
_SEALED_ONLY: Mapping[str, type[Part]] = {
    "anthropic_messages": Reasoning,
    "openai_responses": Reasoning,
    "gemini": ToolCall,
}
"""What the maker of a client's dialect takes back with a seal only."""
_NOT_CLAUDE = re.compile(r"(?!.*(anthropic|claude)).*\b[a-z0-9]+\.[a-z]")


def maker(codec: str, host: str, model: str) -> str:
    """Return who seals the thoughts of a model: lower-case letters, digits, hyphens.

    Args:
        codec: In which its provider is spoken to.
        host: The provider's id.
        model: Its name there. At Bedrock it begins with who has made it, unless the operator has given it a number.
    """
    if codec == "bedrock_converse":
        return _BEDROCK if _NOT_CLAUDE.match(model) else _ANTHROPIC
    return _HOSTS.get(codec, {}).get(host, host)


# ── on the way to a client ──────────────────────────────────────────────────


class Marker:
    """Marks what is sealed in one answer."""

    __slots__ = ("_bare", "_calls", "_name", "_thoughts", "_unsealed", "_words")

    def __init__(self, client: str, made_by: str) -> None:
        """Get ready.

        Args:
            client: The client's codec.
            made_by: Who seals, as ``maker`` says.
        """
        foreign = made_by != _OWN.get(client)
        self._name = f"{MARK}{made_by}:"
        self._thoughts = self._name if foreign else ""
        self._calls = "" if client == _GEMINI else f"{MARK}{_GEMINI}:"
        self._bare = _SEALED_ONLY.get(client) if foreign else None
        self._words: set[int] = set()
        self._unsealed: set[int] = set()

    def answer(self, answer: Answer) -> Answer:
        """Mark a whole answer."""
        return replace(answer, parts=tuple(map(self._whole, answer.parts)))

    def events(self, events: Sequence[Event]) -> list[Event]:
        """Mark events of a stream; all of them have to come by, in order."""
        found: list[Event] = []
        for event in events:
            if isinstance(event, Grew):  # nearly all of them
                found.append(event)
            elif isinstance(event, Opened):
                found.append(self._begun(event))
            elif isinstance(event, Signed):
                self._unsealed.discard(event.index)
                mark = self._thoughts if event.index in self._words else self._calls
                found.append(replace(event, signature=mark + event.signature))
            else:
                if isinstance(event, Closed) and event.index in self._unsealed:
                    found.append(Signed(event.index, self._name))
                found.append(event)
        return found

    def _whole(self, part: Part) -> Part:
        marked = self._marked(part)
        return replace(marked, signature=self._name) if self._is_bare(part) else marked

    def _begun(self, event: Opened) -> Opened:
        part = event.part
        if isinstance(part, Reasoning):
            self._words.add(event.index)
        if self._is_bare(part):
            self._unsealed.add(event.index)
        return replace(event, part=self._marked(part))

    def _is_bare(self, part: Part) -> bool:
        return type(part) is self._bare and not _is_sealed(part)

    def _marked(self, part: Part) -> Part:
        if isinstance(part, ToolCall) and part.signature:
            return replace(part, signature=self._calls + part.signature)
        if isinstance(part, Reasoning) and self._thoughts and _is_sealed(part):
            signature = part.signature and self._thoughts + part.signature
            return replace(part, signature=signature, sealed=part.sealed and self._thoughts + part.sealed)
        return part


# ── and back ────────────────────────────────────────────────────────────────


def own_only(chat: Chat, client: str, target: str) -> tuple[Chat, tuple[Loss, ...]]:
    """Return a request without what another maker has sealed, and that by path.

    Args:
        chat: What a client asks.
        client: Its codec.
        target: Who is to read it, as ``maker`` says.
    """
    losses: list[Loss] = []
    messages: list[Message] = []
    for message in chat.messages:
        if any(map(_is_sealed, message.parts)):
            parts = tuple(_kept(message.parts, _OWN.get(client), target, losses))
            if parts:
                messages.append(replace(message, parts=parts))
        else:
            messages.append(message)
    return replace(chat, messages=tuple(messages)), tuple(losses)


def _is_sealed(part: Part) -> bool:
    return (isinstance(part, Reasoning | ToolCall) and bool(part.signature)) or (
        isinstance(part, Reasoning) and bool(part.sealed)
    )


def _kept(parts: Sequence[Part], own: str | None, target: str, losses: list[Loss]) -> Iterator[Part]:
    for part in parts:
        kept: Part | None = part
        if isinstance(part, ToolCall) and part.signature:
            left = _left(part.signature, _GEMINI, target)
            kept, lost = replace(part, signature=left or ""), left is None
        elif isinstance(part, Reasoning) and _is_sealed(part):
            left, sealed = _left(part.signature, own, target), _left(part.sealed, own, target)
            kept, lost = replace(part, signature=left or "", sealed=sealed or ""), None in {left, sealed}
            if not (part.text or left or sealed):
                kept = None
        else:
            lost = False
        if lost:
            losses.append(Loss(part.path or "messages", _WHY, minor=True))
        if kept is not None:
            yield kept


def _left(text: str, own: str | None, target: str) -> str | None:
    """Return what is behind the mark; ``None``: it is no affair of the target's."""
    match = _MARKED.match(text)
    sealed_by, sealed = (own, text) if match is None else (match[1], text[match.end() :])
    return sealed if sealed_by == target or not sealed else None
