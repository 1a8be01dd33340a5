"""A whole answer as the events of a stream: for a client that streams and a provider that doesn't."""

from keyturn.dialects.canonical import (
    Answer,
    Closed,
    Event,
    Finished,
    Grew,
    Media,
    Opened,
    Part,
    Reasoning,
    Refusal,
    Signed,
    Started,
    Stopped,
    Text,
    ToolCall,
    ToolResult,
)
from keyturn.domain.usage import NOTHING


def events_of(answer: Answer) -> list[Event]:
    """Return the events that the answer could have come in."""
    events: list[Event] = [Started(answer.id, answer.model, answer.created, answer.usage or NOTHING)]
    for index, part in enumerate(answer.parts):
        events += _part(index, part)
    return [*events, Stopped(answer.stop, answer.stop_sequence), Finished(answer.usage)]


def _part(index: int, part: Part) -> list[Event]:
    if isinstance(part, ToolResult):
        raise TypeError("an assistant has no results of tools")
    if isinstance(part, Media):
        return [Opened(index, part), Closed(index)]
    if isinstance(part, ToolCall):
        begun: Text | ToolCall | Reasoning | Refusal = ToolCall(part.id, part.name, "")
        text, signature = part.arguments, part.signature
    elif isinstance(part, Reasoning):
        begun = Reasoning("", sealed=part.sealed, id=part.id)
        text, signature = part.text, part.signature
    else:
        begun, text, signature = type(part)(""), part.text, ""
    events: list[Event] = [Opened(index, begun)]
    if text:
        events.append(Grew(index, text))
    if signature:
        events.append(Signed(index, signature))
    return [*events, Closed(index)]
