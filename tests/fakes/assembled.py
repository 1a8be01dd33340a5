"""Streams of canonical events put together again, for tests that compare what was told in pieces with the whole."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from keyturn.dialects.canonical import (
    Answer,
    Closed,
    Event,
    Failed,
    Finished,
    Grew,
    Opened,
    Part,
    Signed,
    Started,
    Stopped,
    ToolCall,
)


def assembled(events: Iterable[Event]) -> Answer:
    """Put the events of a stream together: the answer they tell.

    Raises:
        AssertionError: They break the rules of ``canonical``.
    """
    parts: list[Any] = []
    still_open: set[int] = set()
    seen: list[Event] = []
    for event in events:
        _check(event, seen, still_open, len(parts))
        seen.append(event)
        if isinstance(event, Opened):
            parts.append(event.part)
            still_open.add(event.index)
        elif isinstance(event, Grew):
            name = "arguments" if isinstance(parts[event.index], ToolCall) else "text"
            grown = getattr(parts[event.index], name) + event.text
            parts[event.index] = msgspec.structs.replace(parts[event.index], **{name: grown})
        elif isinstance(event, Signed):
            parts[event.index] = msgspec.structs.replace(parts[event.index], signature=event.signature)
        elif isinstance(event, Closed):
            still_open.remove(event.index)
    return _answer(seen, tuple(parts))


def _check(event: Event, seen: Sequence[Event], still_open: set[int], parts: int) -> None:
    stopped = any(isinstance(one, Stopped) for one in seen)
    if isinstance(event, Started) != (not seen):
        raise AssertionError(f"{event} at place {len(seen)}")
    if seen and isinstance(seen[-1], Finished | Failed):
        raise AssertionError(f"{event} behind the end")
    if isinstance(event, Opened) and (event.index != parts or stopped):
        raise AssertionError(f"{event} as part {parts}")
    if isinstance(event, Grew | Signed | Closed) and event.index not in still_open:
        raise AssertionError(f"{event} of a part that is not open")
    if isinstance(event, Stopped) and (still_open or stopped):
        raise AssertionError(f"{event} with {still_open} open")
    if isinstance(event, Finished) and not stopped:
        raise AssertionError(f"{event} without a stop")


def _answer(seen: Sequence[Event], parts: tuple[Part, ...]) -> Answer:
    match seen:
        case [Started() as first, *_, Stopped() as end, Finished() as last]:
            return Answer(
                id=first.id,
                model=first.model,
                parts=parts,
                stop=end.stop,
                stop_sequence=end.stop_sequence,
                usage=last.usage,
                created=first.created,
            )
    raise AssertionError(f"the last events are {seen[-2:]}")
