"""The chat dialects that can be turned into one another, by the name of their codec."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from keyturn.dialects import anthropic_messages, bedrock_converse, gemini, openai_chat, openai_responses
from keyturn.dialects.canonical import Answer, Event, ProviderError, Read
from keyturn.domain.refusals import Refused
from keyturn.domain.usage import Usage


class StreamReader(Protocol):
    """Reads a provider's stream."""

    @property
    def whole(self) -> bool:
        """Whether it has come to its own end."""

    def take(self, data: bytes) -> list[Event]:
        """Return the events that are whole now; raises ``ValueError`` for what is no stream of the dialect."""

    def end(self) -> list[Event]:
        """Return the last events of a stream whose connection has ended; none when it was cut off."""


class StreamWriter(Protocol):
    """Writes a client's stream."""

    def write(self, events: Sequence[Event]) -> bytes:
        """Return the bytes that say so; none when there is nothing to say yet."""

    def cut_short(self) -> bytes:
        """End the stream as one that has become long enough."""

    def fail(self, refused: Refused) -> bytes:
        """End the stream with an error."""


class MakesReader(Protocol):
    """A class of readers."""

    def __call__(self) -> StreamReader:
        """Begin a stream."""


class MakesWriter(Protocol):
    """A class of writers."""

    def __call__(self, *, created: int, usage: bool) -> StreamWriter:
        """Begin a stream.

        Args:
            created: Seconds since 1970 UTC, for a provider that does not say.
            usage: The client wants to be told what it used, where that is a choice.
        """


class ClientDialect(Protocol):
    """A dialect's module, as it is used where clients speak it."""

    @property
    def StreamWriter(self) -> MakesWriter:  # noqa: N802 -- a class
        """Writes a client's stream."""

    def read_request(self, body: bytes, *, model: str = "", stream: bool = False) -> Read | Refused:
        """Read what a client asks."""

    def write_answer(self, answer: Answer, *, created: int) -> bytes:
        """Write what a client is answered."""

    def write_error(self, status: int, error: ProviderError, request_id: str) -> bytes:
        """Write an error."""


class ProviderDialect(Protocol):
    """A dialect's module, as it is used where a provider speaks it."""

    @property
    def StreamReader(self) -> MakesReader:  # noqa: N802 -- a class
        """Reads a provider's stream."""

    def read_answer(self, body: bytes) -> Answer | None:
        """Read what a provider answers; ``None``: it is no answer."""

    def read_error(self, body: bytes) -> ProviderError | None:
        """Read an error; ``None``: it is none."""

    def usage_of_answer(self, body: bytes) -> Usage | None:
        """Read the usage of an answer that passes."""


CLIENT_DIALECTS: Mapping[str, ClientDialect] = {
    "openai_chat": openai_chat,
    "openai_responses": openai_responses,
    "anthropic_messages": anthropic_messages,
    "gemini": gemini,
}
"""By ``providers.provider.Codec``."""
PROVIDER_DIALECTS: Mapping[str, ProviderDialect] = {
    "openai_chat": openai_chat,
    "openai_responses": openai_responses,
    "anthropic_messages": anthropic_messages,
    "gemini": gemini,
    "bedrock_converse": bedrock_converse,
}
"""Likewise; how requests are written, each does in its own way."""
