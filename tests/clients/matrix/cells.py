"""What the matrix is made of: SDKs, what each is tried with, and the dialects of the providers that answer."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import msgspec


class Check(StrEnum):
    """What an SDK is tried with, in the order of the page's columns."""

    CHAT = "chat"
    STREAM = "stream"
    TOOLS = "tools"
    VISION = "vision"
    JSON = "JSON"
    EMBEDDINGS = "embeddings"
    IMAGES = "images"
    SPEECH = "speech"
    TRANSCRIPTION = "transcription"
    ERRORS = "errors"
    TIME_OUT = "time-out"
    ABORT = "abort"


class Dialect(StrEnum):
    """What the provider speaks."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"


UPSTREAMS = {
    Dialect.OPENAI: "demo",
    Dialect.ANTHROPIC: "demo-anthropic",
    Dialect.GEMINI: "demo-gemini",
}
MODELS = {
    "chat": "demo-chat",
    "long": "echo-slow",
    "slow": "demo-slow",
    "busy": "demo-429",
    "embed": "demo-embed",
    "image": "demo-image",
    "speech": "demo-speech",
    "hear": "demo-transcribe",
}
"""The demo's model for each task; every upstream has all of them."""

PREFIXES = {
    Dialect.OPENAI: "openai-",
    Dialect.ANTHROPIC: "anthropic-",
    Dialect.GEMINI: "google-",
}
"""What stands before the model's name for clients. None has ``gemini`` in it: by that Google's SDK knows a model that makes
one vector of all texts."""
IMAGE_PREFIX = "gemini-"
"""What stands before that for images: by that Vercel's SDK knows a model of Google's that makes some."""


class Place(msgspec.Struct, frozen=True):
    """Where one check goes."""

    url: str
    key: str
    dialect: Dialect

    def model(self, task: str) -> str:
        """Return the name under which the dialect's model for a task is known."""
        return PREFIXES[self.dialect] + MODELS[task]


class Sdk(msgspec.Struct, frozen=True):
    """An SDK for Python, and what it can be tried with.

    Attributes:
        name: As its users install it.
        version: Installed.
        refusal: What it raises for an answer that says no.
        status_of: Returns the status of that.
        checks: Each raises ``refusal`` or ``AssertionError``; what is missing, the SDK can't do.
    """

    name: str
    version: str
    refusal: type[Exception]
    status_of: Callable[[Any], int]
    checks: Mapping[Check, Callable[[Place], None]]


class Cell(msgspec.Struct, frozen=True, order=True):
    """One SDK, one check, one dialect."""

    sdk: str
    check: Check
    dialect: Dialect

    def __str__(self) -> str:
        """Return its name in test ids."""
        return f"{self.sdk}, {self.check}, {self.dialect}"


class Refusal(msgspec.Struct, frozen=True):
    """The gateway said no, as it should."""

    status: int
    detail: str


Outcome = Refusal | None
"""``None``: it works."""
