"""What every SDK sends, and what the demo's models answer."""

import base64
from typing import Any

from pydantic import BaseModel

HELLO = "hello big world"
GREETING = "You sent 3 words about world."

TOOL = "get_weather"
CALL = f"{TOOL} please"
PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
ARGUMENTS = {"city": "city"}
RESULT = "Sunny"
QUOTED = f"The tool {TOOL} answered: {RESULT}"

FORECAST: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
    "additionalProperties": False,
}


class Forecast(BaseModel):
    """The same, for SDKs that take a class."""

    city: str
    days: int


FORECASTED = {"city": "city", "days": 1}

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
LOOK = "what is this"
SEEN = "I see one image and no files."

WAV = (
    b"RIFF"
    + (36 + 8_000).to_bytes(4, "little")
    + b"WAVEfmt "
    + (16).to_bytes(4, "little")
    + b"\x01\x00\x01\x00"
    + (8_000).to_bytes(4, "little") * 2
    + b"\x01\x00\x08\x00data"
    + (8_000).to_bytes(4, "little")
    + b"\x80" * 8_000
)
"""One second of silence: 8 kHz, 8 bits, mono."""
HEARD = "You sent 1.0 seconds of sound"

WORDS = 500
LONG = " ".join(["word"] * WORDS)
"""Repeated by the model ``long``, word for word, which takes seconds."""
ENOUGH = 10
"""After as many pieces a client leaves. Some of the first may hold no word."""
LEAST_WORDS = 4

MOST_TOKENS = 1_000
IMPATIENT_S = 0.8
"""Less than the model ``slow`` takes to answer."""
PATIENT_S = 30.0
