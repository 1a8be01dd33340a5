"""How long a provider says is to be waited."""

from collections.abc import Sequence
from email.utils import parsedate_to_datetime

LONGEST_S = 86_400.0


def retry_after_s(lines: Sequence[bytes], now: float) -> float | None:
    """Read ``retry-after-ms`` or ``Retry-After`` (RFC 9110 10.2.3: seconds or a date).

    Args:
        lines: Of an answer, as ``name, ": ", value, CRLF`` over and over, the names in lower case.
        now: Seconds since 1970 UTC.

    Returns:
        Seconds, at most a day; ``None`` when it says nothing that makes sense.
    """
    found = {name: lines[index + 2] for index, name in enumerate(lines[:-2]) if name in _READ}
    seconds = _number(found.get(b"retry-after-ms", b""))
    if seconds is not None:
        seconds /= 1000
    elif b"retry-after" in found:
        text = found[b"retry-after"]
        seconds = _number(text)
        if seconds is None:
            seconds = _until(text, now)
    return None if seconds is None else min(seconds, LONGEST_S)


_READ = frozenset({b"retry-after", b"retry-after-ms"})


def _number(text: bytes) -> float | None:
    whole, _, rest = text.strip().partition(b".")
    if not whole.isdigit() or len(whole) > 12 or (rest and not rest.isdigit()):
        return None
    return float(whole + b"." + (rest[:6] or b"0"))


def _until(text: bytes, now: float) -> float | None:
    try:
        return max(0.0, parsedate_to_datetime(text.decode("latin-1")).timestamp() - now)
    except (ValueError, OverflowError):
        return None
