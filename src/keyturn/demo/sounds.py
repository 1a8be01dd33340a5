"""Sounds without a model: WAV files that hum a text, a tone for each of its characters, and how long others last.

Source: RFC 2361 and http://soundfile.sapp.org/doc/WaveFormat/.
"""

import math
import struct

RATE = 8_000
"""Samples a second, a byte each."""

_CHARACTER_S = 0.06
_SILENCE = 128
_LOUDNESS = 60
_TONES_HZ = (220, 247, 262, 294, 330, 349, 392, 440)
_BYTES_PER_S = 16_000
"""What is no WAV file is taken for music in 128 kbit/s."""


def hum(text: str, *, speed: float = 1.0) -> bytes:
    """Return the samples of a text: unsigned bytes, ``RATE`` a second; silence for what is no letter or digit."""
    length = max(1, round(RATE * _CHARACTER_S / speed))
    tones = [
        bytes(_SILENCE + round(_LOUDNESS * math.sin(2 * math.pi * tone * at / RATE)) for at in range(length))
        for tone in _TONES_HZ
    ]
    silence = bytes([_SILENCE]) * length
    return b"".join(tones[ord(one) % len(tones)] if one.isalnum() else silence for one in text)


def wav(samples: bytes) -> bytes:
    """Return a WAV file: PCM, one channel, 8 bits."""
    padding = b"\x00" * (len(samples) % 2)
    form = struct.pack("<4sI2H2I2H", b"fmt ", 16, 1, 1, RATE, RATE, 1, 8)
    data = struct.pack("<4sI", b"data", len(samples)) + samples + padding
    return struct.pack("<4sI4s", b"RIFF", 4 + len(form) + len(data), b"WAVE") + form + data


def duration_ms(file: bytes) -> int:
    """Return how long a file plays: what a WAV file says, otherwise by its size; at least 1."""
    per_second, length = _BYTES_PER_S, len(file)
    if file[:4] == b"RIFF" and file[8:16] == b"WAVEfmt " and len(file) >= 44:
        (told,) = struct.unpack_from("<I", file, 28)
        at = file.find(b"data", 36)
        if told and 0 <= at <= len(file) - 8:
            (size,) = struct.unpack_from("<I", file, at + 4)
            per_second, length = told, min(size, len(file) - at - 8)
    return max(1, length * 1_000 // per_second)
