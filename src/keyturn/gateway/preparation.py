"""What goes to a provider: the client's own body with the provider's name of the model, or the same in another dialect.

The client's body stays in the request as long as another target may be asked: what goes to each of them is made of it.
"""

import re
from functools import partial
from hashlib import sha256
from typing import Any

import msgspec

from keyturn import system
from keyturn.dialects import errors, gemini_names, json_scan, passed_seals
from keyturn.dialects.calls import Call
from keyturn.dialects.gemini_array import ArrayFraming
from keyturn.dialects.json_scan import Members
from keyturn.dialects.openai_responses_written import LEAST_CAP
from keyturn.dialects.openai_unasked_usage import UnaskedUsage
from keyturn.domain import key_text
from keyturn.domain.events import EventKind
from keyturn.domain.keys import KeyRecord
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.secret import Secret
from keyturn.gateway import embedding, key_notes, translation as translating
from keyturn.gateway.growth import Growth, first_events
from keyturn.gateway.paths import PASS
from keyturn.gateway.route import Route
from keyturn.gateway.translation import Translation
from keyturn.gateway.ways import Way
from keyturn.providers.compatible import is_document
from keyturn.providers.provider import EMBEDDED, UNCHANGED, Codec

LOSSY = b"x-keyturn-lossy"
_ALLOW = b"allow"
_ASKED = msgspec.Raw(b'{"include_usage":true}')
_ALT_SSE = re.compile(rb"(?:^|&)(?:alt|%24alt)=sse(?:&|$)")
_JSON, _EVENTS = b"application/json", b"text/event-stream"
_RETRY = b"retry-after"
_LONGEST_LINE = 1024
_options = msgspec.json.Decoder(dict[str, Any])


class Preparation(Growth):
    """A call that is made ready for its provider.

    Attributes:
        call: What the gateway knows of it.
        way: How it gets there.
        translation: Turns the answer into the client's dialect; ``None``: it passes as it is.
        framing: Changes the frame of a stream or takes out what only we had asked for; ``None``: nothing to do.
        media_type: Of the answer, where it is not what the provider says; ``None``: it is.
        changes_stream: A stream does not pass byte for byte.
        dropped_line: The header line that names what the provider did not get; empty: it got everything.
    """

    __slots__ = ("call", "changes_stream", "dropped_line", "framing", "media_type", "translation", "way")

    call: Call
    way: Way
    translation: Translation | None
    framing: UnaskedUsage | ArrayFraming | None
    media_type: bytes | None
    changes_stream: bool
    dropped_line: bytes

    def prepare(self, members: Members, call: Call) -> bool:
        """Make the body that goes to the provider; ``False`` after a refusal."""
        self.call = call
        refused = self.turn_to(self.route, members)
        if refused is None or self.turn_to_next(members):
            if self.translation is not None:
                self.call = self._raised(call)
            return True
        self.refuse(refused, self.key.id)
        return False

    def _raised(self, call: Call) -> Call:
        """Return a translated call with the cap that its provider goes by, which may take none so low."""
        cap = call.output_cap
        if cap is None or cap >= LEAST_CAP or self.way.provider is not Codec.OPENAI_RESPONSES:
            return call
        return msgspec.structs.replace(call, output_cap=LEAST_CAP)

    def turn_to(self, route: Route, members: Members) -> Refused | None:
        """Make the body that goes to a target; after a refusal everything is as it was before.

        Args:
            route: Leads there.
            members: Of the client's body; afterwards those of the other.
        """
        way = route.way(self.operation, stream=self.call.stream)
        if way is None:
            return self._unsaid(route)
        translation, body = None, self.request.body
        if not way.passes:
            found = self._translated(route, way)
            if isinstance(found, Refused):
                return found
            translation, body = found
        elif way.named_inside:
            named = gemini_names.rename(body, members, self.call.model, route.target.model)
            if isinstance(named, Refused):
                return named
            body = named
        self.route, self.way, self.translation, self.body = route, way, translation, body
        self.media_type = self.framing = None
        self.dropped_line = b"" if translation is None else _dropped_line(translation.dropped)
        if translation is None:
            self._pass(members)
        else:
            if way.change is not UNCHANGED:
                self._change(json_scan.own_members(body))
            self.media_type = _EVENTS if self.call.stream else _JSON
        if self.operation.streams and not _ALT_SSE.search(self.query):
            self.framing, self.media_type = ArrayFraming(), _JSON
        self.changes_stream = translation is not None or self.framing is not None
        return None

    def cut(self) -> Members:
        """Cut the client's body into its members once more."""
        return json_scan.own_members(self.request.body)

    def turn_to_next(self, members: Members) -> bool:  # noqa: ARG002 -- for those that have another
        """Make the body for another target that can be told this; ``False``: there is none."""
        return False

    def _unsaid(self, route: Route) -> Refused:
        message = (
            f"The model '{self.model}' can't be used here: {route.state.who.title}, which runs it, "
            f"has nothing like '{self.operation.name}'"
        )
        return Refused(Reason.INVALID_MEMBER, message, "model")

    # ── as it is ────────────────────────────────────────────────────────────

    def _pass(self, members: Members) -> None:
        way, call, target = self.way, self.call, self.route.target.model
        if self.operation.shape == PASS:
            if target != call.model:
                self._put(members, "model", msgspec.json.encode(target))
        elif "model" not in members:
            if way.names_model:
                self._put(members, "model", msgspec.json.encode(target))
        elif target != call.model or way.model_prefix:
            self._put(
                members,
                "model",
                msgspec.json.encode(way.model_prefix + target.removeprefix(way.model_prefix)),
            )
        if call.stream and way.asks_usage:
            self._ask_usage(members)
        self._change(members)
        if way.mark and way.mark in self.body:
            self._clean(members)

    def _clean(self, members: Members) -> None:
        """Leave out what the provider would refuse because another one has sealed it."""
        cleaned = passed_seals.clean(self.way.provider, members)
        if cleaned is None:
            return
        for name, value in cleaned.members.items():
            if value is None:
                self.body = json_scan.remove(self.body, members, name)
                del members[name]
            else:
                self._put(members, name, value)
        self.dropped_line = _dropped_line(cleaned.dropped)

    def _change(self, members: Members) -> None:
        """Do to the body what its provider wants done to it."""
        change = self.way.change
        if change is UNCHANGED:
            return
        for name in change.drop & members.keys():
            self.body = json_scan.remove(self.body, members, name)
            del members[name]
        for name, value in change.add:
            self._put(members, name, value)

    def _put(self, members: Members, name: str, value: bytes) -> None:
        self.body = json_scan.replace(self.body, members, name, value)
        members[name] = msgspec.Raw(value)

    def _ask_usage(self, members: Members) -> None:
        """Ask for the usage of a stream whose client doesn't."""
        said = members.get("stream_options")
        options: dict[str, Any] = {}
        if said is not None and bytes(said) != b"null":
            try:
                options = _options.decode(said)
            except msgspec.DecodeError:
                return  # the provider's to refuse
            if options.get("include_usage") is True:
                return
        value = _ASKED if not options else msgspec.json.encode(options | {"include_usage": True})
        self._put(members, "stream_options", bytes(value))
        self.framing = UnaskedUsage()

    # ── what has no business there ──────────────────────────────────────────

    def look_for_keys(self) -> None:
        """Tell of keys of ours that stand in the body: a provider is about to read them."""
        for text in key_notes.keys_in(self.request.body):
            digest = sha256(text).digest()
            told = partial(self._tell_of_leak, key_text.display(Secret(text.decode())))
            known = self.plane.keys.get(digest)
            if known is not None:
                told(known, False)
            else:
                self.plane.keys.look(digest, told, system.monotonic())

    def _tell_of_leak(self, display: str, leaked: KeyRecord | None, _failed: bool) -> None:  # noqa: FBT001 -- the cache's callback
        if leaked is not None:
            self.plane.notices.add(
                EventKind.KEY_IN_PROMPT,
                system.now(),
                key_id=leaked.id,
                address=self.request.address,
                request_id=self.request_id,
                display=display,
                sent_by=self.key.id,
            )

    # ── in another dialect ──────────────────────────────────────────────────

    def _translated(self, route: Route, way: Way) -> tuple[Translation, bytes] | Refused:
        request = self.request
        lossy = request.headers.get(LOSSY, b"").strip().lower() == _ALLOW
        if way.provider in EMBEDDED:
            return self._embedded(route, way, lossy=lossy)
        asked = translating.ask(
            way, request.body, self.model, route.target, stream=self.call.stream, lossy=lossy
        )
        if isinstance(asked, Refused):
            return asked
        created, name = int(system.now()), self.request_id
        made = Translation(way, asked, route.withhold, created=created, request_id=name, model=self.model)
        return made, asked.body

    def _embedded(self, route: Route, way: Way, *, lossy: bool) -> tuple[Translation, bytes] | Refused:
        body, name, stream = self.request.body, self.operation.name, self.call.stream
        asked = embedding.ask(way, name, body, self.model, route.target, stream=stream, lossy=lossy)
        if isinstance(asked, Refused):
            return asked
        return embedding.EmbeddingTranslation(way, asked, operation=name, model=self.model), asked.body

    def request_length(self) -> int:
        """Of an embedding in another dialect the texts count, which stand in more words there than here."""
        return len(self.body) if self.translation is None else self.translation.length

    # ── the answer ──────────────────────────────────────────────────────────

    def comes_in_pieces(self) -> bool:
        """Say whether a translated answer is the stream that was asked for, of events or in its provider's frames."""
        return self.call.stream and (self._upstream.event_stream or self.in_frames())

    def in_frames(self) -> bool:
        """Say whether an answer is a stream in a framing of its provider's own."""
        return self.way.frames and not is_document(self._upstream.lines)

    def own_lines(self, status: int) -> list[bytes]:
        """Return the lines of a head that is not the provider's: of that, when to come again is left."""
        lines = [
            b"content-type: %b\r\n" % (_JSON if status >= 400 or self.media_type is None else self.media_type)
        ]
        upstream = self._upstream.lines
        for start in range(0, len(upstream), 4):
            if upstream[start].startswith(_RETRY):
                lines += upstream[start : start + 4]
        return lines

    def passes_after_all(self) -> None:
        """Let an answer go by as it is: it has no events to change."""
        self.framing = self.media_type = None
        self.changes_stream = False

    def changed(self, pieces: list[bytes]) -> bytes:
        """Return what the client gets of these pieces of a stream; raises ``gateway.translation.UNREADABLE``."""
        if self.translation is not None:
            data = self.translation.pieces(pieces)
            pieces = [data] if data else []
        return b"".join(pieces if self.framing is None else self.framing.take(pieces))

    def changed_end(self, pieces: list[bytes]) -> tuple[bytes, bool]:
        """Return what the client gets of the last pieces, and whether the stream came to its own end."""
        translation, whole = self.translation, True
        if translation is not None:
            data = translation.pieces(pieces) + translation.end()
            whole = translation.whole
            if not whole:
                data += translation.fail(Refused(Reason.UPSTREAM_CLOSED))
            pieces = [data] if data else []
        return self._framed(pieces), whole

    def _framed(self, pieces: list[bytes]) -> bytes:
        framing = self.framing
        return b"".join(pieces if framing is None else framing.take(pieces) + framing.end())

    def last_words(self, held: list[bytes], fitting: int) -> tuple[bytes | None, int]:
        """Return the end of a stream that may not go on, and how many of its output tokens were held."""
        assert self.meter is not None  # noqa: S101 -- it streams
        translation = self.translation
        if translation is not None:
            said, made = translation.first(held, fitting)
            return self._framed([said, translation.cut_short()]), made
        meter, data = self.meter, b"".join(held)
        whole = meter.ended_at_boundary(len(data))
        rest, made = first_events(data, fitting, overhead=meter.overhead, whole=whole)
        if rest is None:
            return None, 0
        seen = meter.before(len(data)) + rest
        return self._framed([rest, self.way.cut_short(meter.head, seen)]), made

    def in_pieces(self, body: bytes) -> bytes | None:
        """Return a provider's whole answer as the stream that the client has asked for; ``None``: it can't be read."""
        assert self.translation is not None  # noqa: S101 -- only there it is done
        said = self.translation.answer(body, stream=True)
        return None if said is None else self._framed([said])

    def may_say_so(self) -> bool:
        """Say whether an event of ours may follow what the client has."""
        if self.translation is not None:
            return True
        held = sum(map(len, self._held or ()))
        return self._upstream.event_stream and self.meter is not None and self.meter.ended_at_boundary(held)

    def has_ended(self) -> bool:
        """Say whether a stream had come to its own end when its connection broke: the client has all of it."""
        return self.translation is not None and self.translation.whole

    def failure(self, refused: Refused) -> bytes:
        """Return the end of a stream that has failed."""
        translation = self.translation
        if translation is not None:
            # Gemini's last words are told when nothing more comes, be it that the connection has broken.
            last = translation.end() if translation.whole else b""
            return self._framed([last + translation.fail(refused)])
        return self._framed([errors.render_event(self.operation.dialect, refused, self.request_id)])


def _dropped_line(paths: tuple[str, ...]) -> bytes:
    """Return the header line that names what was dropped; nothing when nothing was."""
    if not paths:
        return b""
    # A member's name is the client's own: a line end in it would begin another header field.
    return b"x-keyturn-dropped: %b\r\n" % ", ".join(paths).encode("unicode_escape")[:_LONGEST_LINE]
