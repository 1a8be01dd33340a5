"""Top-level members of a JSON object: find, check, splice and remove them without re-encoding the rest.

The whole body is validated once, in C, while it is cut into raw members. A decoder keeps the last of two
members with the same name, and an upstream may keep the first, so duplicates have to be found: a body
without insignificant white space is proved free of them by its length alone (every byte is accounted for);
any other is walked member by member, comparing each raw value with what the decoder kept.
"""

import re

import msgspec

from keyturn.domain.refusals import Reason, Refused

Members = dict[str, msgspec.Raw]

_decoder = msgspec.json.Decoder(Members)
_string = msgspec.json.Decoder(str)
_NAME = re.compile(rb'[ \t\r\n]*("(?:[^"\\]|\\.)*")[ \t\r\n]*:[ \t\r\n]*', re.DOTALL)
_NEXT = re.compile(rb"[ \t\r\n]*([,}])")
_POSITION = re.compile(r"\(byte (\d+)\)")


class Span(msgspec.Struct, frozen=True):
    """Where a member stands: its name starts at ``start``, its value is ``body[value:end]``."""

    start: int
    value: int
    end: int


def members(body: bytes) -> Members | Refused:
    """Cut a JSON object into its top-level members; the values stay encoded.

    Refuses what is not a JSON object (with the position) and what has a member twice.
    """
    if not body.isascii():
        try:
            body.decode()  # the decoder leaves the inside of a raw value unchecked
        except UnicodeDecodeError as error:
            return Refused(
                Reason.INVALID_JSON,
                f"The request body is not valid JSON at byte {error.start}: it is not UTF-8",
            )
    try:
        found = _decoder.decode(body)
    except msgspec.ValidationError:
        return Refused(Reason.INVALID_MEMBER, "The request body must be a JSON object")
    except (msgspec.DecodeError, RecursionError) as error:
        return invalid(error)
    expected = 4 * len(found) + 1
    for name, value in found.items():
        expected += len(name) + len(value)
    if expected == len(body):
        return found
    spans = locate(body, found)
    return spans if isinstance(spans, Refused) else found


def own_members(body: bytes) -> Members:
    """Cut an object of our own making into its members."""
    found = members(body)
    if isinstance(found, Refused):
        raise TypeError("a body of our own making was refused")
    return found


def locate(body: bytes, found: Members) -> dict[str, Span] | Refused:
    """Find where each member of ``found`` stands in the body it was cut from; refuses a member that comes twice."""
    spans: dict[str, Span] = {}
    position = body.index(b"{") + 1
    if not found:
        return spans
    while True:
        match = _NAME.match(body, position)
        if match is None:  # the decoder has accepted it: nothing but a name can stand here
            raise AssertionError("the walk lost its way")
        name = _string.decode(match[1])
        raw = bytes(found[name])
        value = match.end()
        end = value + len(raw)
        if name in spans or not body.startswith(raw, value):
            return Refused(Reason.DUPLICATE_MEMBER, f"The request body has the member '{name}' twice", name)
        after = _NEXT.match(body, end)
        if (
            after is None
        ):  # the kept value is a prefix of this one, so it belongs to another member of this name
            return Refused(Reason.DUPLICATE_MEMBER, f"The request body has the member '{name}' twice", name)
        spans[name] = Span(match.start(1), value, end)
        if after[1] == b"}":
            return spans
        position = after.end()


def replace(body: bytes, found: Members, name: str, value: bytes) -> bytes:
    """Return the body with the value of one member replaced, or with the member added at the front."""
    if name not in found:
        start = body.index(b"{") + 1
        comma = b"," if found else b""
        return body[:start] + msgspec.json.encode(name) + b":" + value + comma + body[start:]
    span = _spans(body, found)[name]
    return body[: span.value] + value + body[span.end :]


def remove(body: bytes, found: Members, name: str) -> bytes:
    """Return the body without one member and its comma."""
    span = _spans(body, found)[name]
    after = _NEXT.match(body, span.end)
    if after is not None and after[1] == b",":
        return body[: span.start] + body[after.end() :].lstrip(b" \t\r\n")
    before = body[: span.start].rstrip(b" \t\r\n")
    return before.removesuffix(b",") + body[span.end :]


def _spans(body: bytes, found: Members) -> dict[str, Span]:
    spans = locate(body, found)
    if isinstance(spans, Refused):
        raise TypeError("members() has let a duplicate pass")
    return spans


def invalid(error: Exception) -> Refused:
    """Return the refusal for what a decoder has raised of text that is no JSON, or is nested too deeply."""
    if isinstance(error, RecursionError):
        return Refused(Reason.INVALID_JSON, "The request body is not valid JSON: it is nested too deeply")
    text = str(error)
    position = _POSITION.search(text)
    where = f" at byte {position[1]}" if position else ""
    cause = _POSITION.sub("", text).removeprefix("JSON is malformed: ").strip()
    return Refused(Reason.INVALID_JSON, f"The request body is not valid JSON{where}: {cause}")
