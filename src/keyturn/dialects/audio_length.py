"""How long a recording takes, as far as its first bytes tell: for what is reserved before a provider says it.

Sources: the RIFF WAVE format (fmt chunk), RFC 9639 8.2 (FLAC's STREAMINFO), ISO/IEC 11172-3 2.4.2.3 (bit rates of MPEG
audio layer III).
"""

import struct

LOOKED_AT = 65_536
"""First bytes of a file that are looked at."""
UNKNOWN_RATE = 8_000
"""Bytes a second of a file that does not tell: what 64 kbit/s make, little for music and usual for speech."""
LONGEST_MS = 10**9

_RATES_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0)
_RATES_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0)
"""Kilobits a second of layer III, by the index in the frame's header: MPEG 1, and MPEG 2 and 2.5."""
_ID3_HEADER = 10


def duration_ms(head: bytes, length: int) -> int:
    """Return how many milliseconds a file takes.

    Args:
        head: Its first ``LOOKED_AT`` bytes, or all of it.
        length: Of the file, in bytes.
    """
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        rate = _wave_rate(head)
    elif head[:4] == b"fLaC" and len(head) >= 26:
        return _flac_ms(head) or _at(UNKNOWN_RATE, length)
    else:
        rate = _mpeg_rate(head)
    return _at(rate or UNKNOWN_RATE, length)


def _at(rate: int, length: int) -> int:
    return min(-(-length * 1000 // rate), LONGEST_MS)


def _wave_rate(head: bytes) -> int:
    at = head.find(b"fmt ")
    if at < 0 or len(head) < at + 20:
        return 0
    rate: int = struct.unpack_from("<I", head, at + 16)[0]
    return rate


def _flac_ms(head: bytes) -> int:
    packed = int.from_bytes(head[18:26], "big")
    rate, samples = packed >> 44, packed & (1 << 36) - 1
    return min(-(-samples * 1000 // rate), LONGEST_MS) if rate else 0


def _mpeg_rate(head: bytes) -> int:
    """Return the rate of the first frame; 0: there is none where it would have to be."""
    at = 0
    if head[:3] == b"ID3" and len(head) >= _ID3_HEADER:
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        at = _ID3_HEADER + size
    frame = head[at : at + 4]
    if len(frame) < 4 or frame[0] != 0xFF or frame[1] & 0xE6 != 0xE2:
        return 0
    rates = _RATES_1 if frame[1] & 0x18 == 0x18 else _RATES_2
    return rates[frame[2] >> 4] * 125
