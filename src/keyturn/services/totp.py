"""Codes that an app makes from a seed and the time.

Source: RFC 6238, https://www.rfc-editor.org/rfc/rfc6238
"""

import base64
import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import pyotp

STEP_S, DIGITS = 30, 6
SEED_LENGTH = 20
"""Bytes; RFC 4226 section 4 recommends as many as the hash has."""
DRIFT = 1
"""Steps that a clock may be wrong by, before and after."""
ISSUER = "Keyturn"


def write_seed(random: bytes) -> str:
    """Return a seed as apps take it: base32 without padding."""
    return base64.b32encode(random).decode().rstrip("=")


def address(seed: str, who: str) -> str:
    """Return what a QR code for apps holds; ``who`` is shown there."""
    return pyotp.TOTP(seed, digits=DIGITS, interval=STEP_S).provisioning_uri(name=who, issuer_name=ISSUER)


def matching_step(
    seed: str,
    code: str,
    now_s: float,
    *,
    after: int = -1,
    digits: int = DIGITS,
    digest: Callable[..., Any] = hashlib.sha1,
) -> int | None:
    """Return the step of time that a code belongs to; ``None``: to none of those that count now.

    Args:
        seed: In base32.
        code: As it was typed, without spaces.
        now_s: Seconds since 1970 UTC.
        after: The step of the last code that was used: that one and those before it count no more.
        digits: How many a code has.
        digest: What codes are made with.
    """
    codes = pyotp.HOTP(seed, digits=digits, digest=digest)
    now = int(now_s) // STEP_S
    found = None
    for step in range(max(0, now - DRIFT), now + DRIFT + 1):
        same = hmac.compare_digest(codes.at(step).encode(), code.encode("utf-8", "surrogatepass"))
        if same and step > after:
            found = step
    return found
