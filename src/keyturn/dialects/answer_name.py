"""The id of a translated answer and the name of its model, where its provider gives none: official SDKs want both."""

from typing import TypeVar

import msgspec

from keyturn.dialects.canonical import Answer, Event, Started

_PREFIXES = {"openai_chat": "chatcmpl-", "openai_responses": "resp_", "anthropic_messages": "msg_"}
"""As ids begin that clients know, by the name of the codec; Google's have none."""
_OURS = "req_"

T = TypeVar("T", Answer, Started)


class AnswerName:
    """What one answer is called where nobody has named it."""

    __slots__ = ("_begun", "_id", "_model")

    def __init__(self, dialect: str, *, request_id: str, model: str) -> None:
        """Make one.

        Args:
            dialect: The codec in which the client speaks.
            request_id: Of the gateway's own.
            model: As the client has asked for it.
        """
        self._id = _PREFIXES.get(dialect, "") + request_id.removeprefix(_OURS)
        self._model = model
        self._begun = False

    def answer(self, answer: Answer | None) -> Answer | None:
        """Return the answer with a name, if there is one."""
        return None if answer is None else self._named(answer)

    def events(self, events: list[Event]) -> list[Event]:
        """Return events of a stream, the first of all with a name."""
        if self._begun or not events or not isinstance(events[0], Started):
            return events
        self._begun = True
        return [self._named(events[0]), *events[1:]]

    def beginning(self) -> list[Event]:
        """Return the first event of a stream that has to end before it has begun; nothing for one that has."""
        return [] if self._begun else [Started("", "")]

    def _named(self, told: T) -> T:
        if told.id and told.model:
            return told
        return msgspec.structs.replace(told, id=told.id or self._id, model=told.model or self._model)
