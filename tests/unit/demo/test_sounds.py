"""How long recordings last."""

import pytest

from keyturn.demo import sounds

RECORDING = sounds.wav(sounds.hum("x" * 25))
"""Of 1.5 seconds."""


@pytest.mark.parametrize(
    ("file", "length_ms"),
    [
        (RECORDING, 1_500),
        (sounds.wav(b"\x80" * 801), 100),
        (RECORDING[:-4_000], 1_000),
        (RECORDING[:36] + b"LIST\x04\x00\x00\x00abcd" + RECORDING[36:], 1_500),
        (RECORDING[:36] + b"x" * 16, 3),
        (b"\xff" * 32_000, 2_000),
        (b"", 1),
    ],
)
def test_a_recording_lasts_as_long_as_it_says(file: bytes, length_ms: int) -> None:
    """Seconds are billed; a file that is cut off lasts as long as what is there."""
    assert sounds.duration_ms(file) == length_ms
