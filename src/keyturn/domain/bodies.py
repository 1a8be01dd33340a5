"""What was asked and answered, word for word: kept only where a project wants it."""

import re

import msgspec

from keyturn.domain.key_text import is_well_formed
from keyturn.domain.secret import REDACTED

LONGEST_BODY = 65_536
"""Bytes of a body that are kept; the rest is cut off."""

_LIKE_A_KEY = re.compile(rb"[a-z]k-[0-9A-Za-z]{32}")


class Body(msgspec.Struct, frozen=True, array_like=True):
    """A body without its framing."""

    data: bytes
    cut: bool
    """There was more."""


class Exchanged(msgspec.Struct, frozen=True, array_like=True):
    """Both bodies of a request that has ended."""

    request_id: str
    key_id: str
    request: Body
    """As it went to the provider: a credential that stood in it is gone."""
    answer: Body
    """As far as the client had got it."""


def without_keys(body: Body) -> Body:
    """Return a body without the keys of ours that people have pasted into it."""
    return msgspec.structs.replace(body, data=_LIKE_A_KEY.sub(_redacted, body.data))


def _redacted(found: re.Match[bytes]) -> bytes:
    return REDACTED.encode() if is_well_formed(found[0].decode()) else found[0]
