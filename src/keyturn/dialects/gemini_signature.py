"""What stands in ``thoughtSignature``: bytes to Gemini, a text of any kind to the meeting point.

A signature that is base64 stands as it is. A client of Gemini's dialect hands back whatever it was given, in either
alphabet of base64, so what another provider wants back beside or instead of it (a text that is no base64, sealed
thoughts, an id) goes into it, packed behind a mark, and comes out again when the client sends it.
"""

import base64
import binascii

import msgspec

NO_SIGNATURE = "skip_thought_signature_validator"
"""What Google takes for the signature of a call that another model has made, where a call must have one."""
_MARK = b"keyturn\x00\x01"
"""Nine bytes, so that their base64 is a prefix of the whole's."""
PREFIX = base64.b64encode(_MARK).decode()
"""How everything begins that is packed."""
_packed = msgspec.json.Decoder(tuple[str, str, str])
_URL_SAFE = str.maketrans("-_", "+/")


def standard(text: str) -> str:
    """Return base64 in the standard alphabet, padded: Google's own client sends the other one."""
    if "-" in text or "_" in text:
        text = text.translate(_URL_SAFE)
    return text + "=" * (-len(text) % 4)


def is_base64(text: str) -> bool:
    """Say whether it is base64 in the one spelling that survives being decoded and encoded."""
    try:
        return base64.b64encode(base64.b64decode(text, validate=True)).decode() == text
    except (binascii.Error, ValueError):
        return False


def pack(signature: str, sealed: str = "", name: str = "") -> str:
    """Return what a client of Gemini's dialect is given; ``name`` is the thought's id."""
    if not sealed and not name and (not signature or is_base64(signature)):
        return signature
    return base64.b64encode(_MARK + msgspec.json.encode((signature, sealed, name))).decode()


def unpack(text: str) -> tuple[str, str, str]:
    """Return signature, sealed thoughts and id; of what was never packed, the signature alone."""
    if not text.startswith(PREFIX):
        return text, "", ""
    try:
        return _packed.decode(base64.b64decode(text)[len(_MARK) :])
    except (binascii.Error, ValueError):  # a decode error is one
        return text, "", ""
