"""``countTokens`` of Gemini's dialect: a question that is counted instead of answered.

It stands there as bare ``contents`` or as a whole ``generateContentRequest``, one of both.
Source: https://ai.google.dev/api/tokens.
"""

from typing import Annotated

import msgspec

from keyturn.dialects import gemini_shapes as wire, json_scan
from keyturn.dialects.canonical import Chat, Loss, Read, Written
from keyturn.dialects.gemini_request import read_object
from keyturn.dialects.gemini_request_out import request_of
from keyturn.dialects.strict_json import MOST_UNKNOWN
from keyturn.domain.refusals import Reason, Refused

_WHOLE = ("generateContentRequest", "generate_content_request")


class _Counted(msgspec.Struct, rename="camel", gc=False):
    total_tokens: Annotated[int, msgspec.Meta(ge=0, le=10**9)]


class _Question(msgspec.Struct, rename="camel"):
    generate_content_request: wire.Request


_counted = msgspec.json.Decoder(_Counted)
_encoder = msgspec.json.Encoder()


def read_count(body: bytes, *, model: str = "") -> Read | Refused:
    """Read what is to be counted."""
    found = json_scan.members(body)
    if isinstance(found, Refused):
        return found
    whole = next((name for name in _WHOLE if name in found), None)
    if whole is None:
        return read_object(body, model=model)
    if "contents" in found:
        return Refused(Reason.INVALID_MEMBER, f"Give 'contents' or '{whole}', not both", "contents")
    read = read_object(bytes(found[whole]), model=model, prefix=f"{_WHOLE[0]}.")
    names = [name for name in found if name not in {whole, "model"}][:MOST_UNKNOWN]
    others = tuple(Loss(name, "no other dialect knows it") for name in names)
    return read if isinstance(read, Refused) or not others else Read(read.chat, (*read.losses, *others))


def write_count_request(chat: Chat) -> Written:
    """Write what is to be counted, with instructions and tools."""
    losses: list[Loss] = []
    request = request_of(chat, losses)
    request.model = f"models/{chat.model}"
    return Written(_encoder.encode(_Question(request)), tuple(losses))


def read_count_answer(body: bytes) -> int | None:
    """Read how many tokens there are; ``None``: it doesn't say."""
    try:
        return _counted.decode(body).total_tokens
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def write_count(tokens: int) -> bytes:
    """Write how many tokens there are."""
    return _encoder.encode(_Counted(tokens))
