"""A call in another dialect than the client's: the request on its way out, and the answer on its way back.

Everything goes through ``dialects.canonical``: what the client wrote is read into it, and the provider's request written
from it; the answer likewise, event by event, in the turn of the loop in which it came.
"""

from collections.abc import Callable, Sequence

import msgspec

from keyturn.dialects.answer_name import AnswerName
from keyturn.dialects.canonical import Answer, Chat, Event, Failed, Finished, Grew, Loss, ProviderError
from keyturn.dialects.member_names import member_name
from keyturn.dialects.pieces import events_of
from keyturn.dialects.seals import Marker, maker, own_only
from keyturn.dialects.sse import EventTooLargeError
from keyturn.dialects.translators import CLIENT_DIALECTS, PROVIDER_DIALECTS, ClientDialect, ProviderDialect
from keyturn.domain.models import Target
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.usage import Usage, tokens_in
from keyturn.gateway.ways import Way

UNREADABLE = (msgspec.DecodeError, ValueError, RecursionError, EventTooLargeError)
"""What a codec raises for an answer that it can't read; a ``ValidationError`` is a ``DecodeError``."""
_UNREADABLE_ERROR = ProviderError(
    "The model's provider answered with an error that can't be read", Reason.UPSTREAM_MALFORMED.value
)
_CACHE_HINT = "cache_control"
"""Tells a provider what to keep for the next request: it makes that cheaper, and no answer different."""


class Asked(msgspec.Struct, frozen=True):
    """A request as the provider gets it.

    Attributes:
        body: JSON.
        chat: What it says.
        dropped: What the client wrote and the provider does not get, by path.
        made_by: Who seals the thoughts of the answer, as ``dialects.seals.maker`` says.
    """

    body: bytes
    chat: Chat
    dropped: tuple[str, ...]
    made_by: str


def ask(way: Way, body: bytes, model: str, target: Target, *, stream: bool, lossy: bool) -> Asked | Refused:
    """Say a client's request in the provider's dialect.

    Args:
        way: How it gets there.
        body: The client's.
        model: The name by which the client asked for the model.
        target: The provider's model.
        stream: The answer is to come in pieces.
        lossy: The client allows what can't be said to be dropped.
    """
    read = CLIENT_DIALECTS[way.client].read_request(body, model=model, stream=stream)
    if isinstance(read, Refused):
        return read
    made_by = maker(way.provider, way.who.id, target.model)
    chat, foreign = own_only(msgspec.structs.replace(read.chat, model=target.model), way.client, made_by)
    written = way.write(chat, output_cap=target.output_cap)
    dropped = drop(way, read.losses + foreign + written.losses, lossy=lossy)
    return dropped if isinstance(dropped, Refused) else Asked(written.body, chat, dropped, made_by)


def drop(way: Way, losses: Sequence[Loss], *, lossy: bool) -> tuple[str, ...] | Refused:
    """Return the paths of what is dropped, or a refusal that names the first that may not be.

    Args:
        way: How the request gets there.
        losses: What can't be said there.
        lossy: The client allows that.
    """
    if losses and not lossy:
        for loss in losses:
            if not (loss.minor or loss.path.endswith(_CACHE_HINT)):
                return _refused(way, loss)
    return tuple(dict.fromkeys(member_name(way.client, loss.path) for loss in losses))


def _refused(way: Way, loss: Loss) -> Refused:
    path = member_name(way.client, loss.path)
    message = (
        f"'{path}' can't be passed on to {way.whose}: {loss.why}. "
        "Leave it out, or send 'x-keyturn-lossy: allow' to have it dropped."
    )
    return Refused(Reason.INVALID_MEMBER, message, path)


class Translation:
    """The answer to one translated request.

    Attributes:
        dropped: What of the request the provider did not get, by path.
        usage: What a stream that came to its end says it used; ``None``: nothing.
        length: Of the request, in bytes, by which its tokens are estimated.
    """

    _ours: ClientDialect
    _theirs: ProviderDialect
    usage: Usage | None

    __slots__ = (
        "_created",
        "_marker",
        "_name",
        "_ours",
        "_reader",
        "_theirs",
        "_usage",
        "_withhold",
        "_writer",
        "dropped",
        "length",
        "usage",
    )

    def __init__(
        self,
        way: Way,
        asked: Asked,
        withhold: Callable[[bytes], bytes],
        *,
        created: int,
        request_id: str,
        model: str,
    ) -> None:
        """Get ready.

        Args:
            way: How the request got there.
            asked: What it was.
            withhold: Takes our credentials out of what the provider says of them.
            created: Seconds since 1970 UTC, for answers that don't tell.
            request_id: By which an answer is called that has no id.
            model: As the client has asked for it, for answers that name none.
        """
        self._name = AnswerName(way.client, request_id=request_id, model=model)
        self._ours, self._theirs = CLIENT_DIALECTS[way.client], PROVIDER_DIALECTS[way.provider]
        self._marker = Marker(way.client, asked.made_by)
        self._created, self._usage = created, asked.chat.stream_usage
        self._withhold = withhold
        self.dropped, self.length = asked.dropped, len(asked.body)
        self.usage = None

    def begin(self) -> None:
        """Begin a stream."""
        self._reader = self._theirs.StreamReader()
        self._writer = self._ours.StreamWriter(created=self._created, usage=self._usage)

    def pieces(self, pieces: list[bytes]) -> bytes:
        """Return what the client gets of these pieces of a stream.

        Raises:
            ValueError: They are no stream of the provider's dialect (a ``msgspec.DecodeError`` is one).
        """
        events: list[Event] = []
        for piece in pieces:
            events += self._reader.take(piece)
        return self._write(events) if events else b""

    def first(self, pieces: list[bytes], tokens: int) -> tuple[bytes, int]:
        """Return what the client gets of the first tokens in these pieces, and how many those are by estimate.

        What can't be read ends them; the stream is not read on after this.
        """
        events: list[Event] = []
        for piece in pieces:
            try:
                events += self._reader.take(piece)
            except UNREADABLE:
                break
        made = grown = length = 0
        for place, event in enumerate(events):
            if isinstance(event, Grew):
                grown, length = grown + 1, length + len(event.text.encode())
                if max(grown, tokens_in(length)) > tokens:
                    events = events[:place]
                    break
                made = max(grown, tokens_in(length))
        return self._write(events) if events else b"", made

    def end(self) -> bytes:
        """Return what the client gets at the end of the stream; ``whole`` says whether it is one."""
        return self._write(self._reader.end())

    def _write(self, events: list[Event]) -> bytes:
        events = self._name.events(events)
        last = events[-1] if events else None
        if isinstance(last, Finished):
            self.usage = last.usage
        elif isinstance(last, Failed):
            message = self._withhold(last.message.encode()).decode()
            events[-1] = Failed(message, last.code)
        return self._writer.write(self._marker.events(events))

    @property
    def whole(self) -> bool:
        """Whether the stream has come to its own end."""
        return self._reader.whole

    def cut_short(self) -> bytes:
        """End the stream as one that has become long enough."""
        return self._write(self._name.beginning()) + self._writer.cut_short()

    def fail(self, refused: Refused) -> bytes:
        """End the stream with an error."""
        return self._writer.fail(refused)

    def answer(self, body: bytes, *, stream: bool = False) -> bytes | None:
        """Return a whole answer as the client reads it; ``None``: it is none.

        Args:
            body: The provider's.
            stream: The client has asked for pieces all the same, and gets the events it could have come in.
        """
        answer = self._name.answer(self._theirs.read_answer(body))
        if answer is None:
            return None
        answer = self._marker.answer(answer)
        return self._in_pieces(answer) if stream else self._ours.write_answer(answer, created=self._created)

    def _in_pieces(self, answer: Answer) -> bytes:
        writer = self._ours.StreamWriter(created=self._created, usage=self._usage)
        return writer.write(events_of(answer))

    def error(self, status: int, body: bytes, request_id: str) -> bytes:
        """Return a provider's error as the client reads it; in our words where it has none that can be read."""
        error = self._theirs.read_error(body) or _UNREADABLE_ERROR
        return self._ours.write_error(status, error, request_id)
