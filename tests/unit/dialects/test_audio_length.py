"""How long recordings are, by their first bytes."""

import pytest

from gateway.forms import wave
from keyturn.dialects.audio_length import LONGEST_MS, UNKNOWN_RATE, duration_ms

FLAC = b"fLaC\0\0\0\x22" + bytes(10)


def flac(rate: int, samples: int) -> bytes:
    """Return the beginning of a FLAC file."""
    return FLAC + (rate << 44 | samples).to_bytes(8, "big")


@pytest.mark.parametrize(
    ("head", "length", "expected"),
    [
        (wave(3), len(wave(3)), 3_006),
        (wave(3)[:30], 80_000, 10_000),
        (b"RIFF\0\0\0\0WAVE", 80_000, 10_000),
        (flac(44_100, 441_000), 700_000, 10_000),
        (flac(0, 0), 80_000, 10_000),
        (flac(44_100, 0), 80_000, 10_000),
        (flac(1, (1 << 36) - 1), 80_000, LONGEST_MS),
        (FLAC, 80_000, 10_000),
        (b"\xff\xfb\x90\x00" + bytes(100), 160_000, 10_000),
        (b"\xff\xf3\x80\x00" + bytes(100), 80_000, 10_000),
        (b"ID3\x04\0\0\0\0\0\x05AAAAA\xff\xfb\x90\x00", 160_000, 10_000),
        (b"ID3\x04\0\0", 80_000, 10_000),
        (b"\xff\xfb\xf0\x00", 80_000, 10_000),
        (b"\xff\xf1\x90\x00", 80_000, 10_000),
        (b"OggS", 80_000, 10_000),
        (b"", 0, 0),
        (b"", 10**12, LONGEST_MS),
    ],
)
def test_a_recording_is_as_long_as_its_head_says(head: bytes, length: int, expected: int) -> None:
    """And as its length says at the rate of speech, where the head says nothing."""
    assert UNKNOWN_RATE == 8_000
    assert duration_ms(head, length) == expected
