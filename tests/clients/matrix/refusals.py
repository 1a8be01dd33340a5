"""What the gateway refuses by design, cell by cell: everything else works."""

from collections.abc import Mapping
from enum import Enum

import msgspec

from clients.matrix.cells import Check, Dialect


class Why(Enum):
    """Why something is refused, as the page says it, in the order of its notes."""

    NOTHING_LIKE_IT = "400: the provider has nothing like it."
    ONLY_GEMINI = (
        "400: these SDKs ask for it within a chat, with `generationConfig.responseModalities` and `speechConfig`, "
        "and no other dialect knows those."
    )
    NOT_SERVED = "404: this SDK asks Gemini's Interactions API for it, which Keyturn does not serve."


class Expected(msgspec.Struct, frozen=True):
    """A refusal.

    Attributes:
        status: Of the answer.
        says: Stands in its message.
        why: In words.
    """

    status: int
    says: str
    why: Why


_OPENAI = ("openai", "openai for Node", "ai + @ai-sdk/openai for Node")
_GOOGLE = ("google-genai", "ai + @ai-sdk/google for Node")
_OPERATIONS = {
    (Dialect.ANTHROPIC, Check.EMBEDDINGS): "embeddings",
    (Dialect.ANTHROPIC, Check.IMAGES): "images",
    (Dialect.ANTHROPIC, Check.SPEECH): "speech",
    (Dialect.ANTHROPIC, Check.TRANSCRIPTION): "transcriptions",
    (Dialect.GEMINI, Check.SPEECH): "speech",
    (Dialect.GEMINI, Check.TRANSCRIPTION): "transcriptions",
}
"""What providers have nothing like, by the operation of OpenAI's."""
_MEMBERS = {
    Check.IMAGES: "'generationConfig.responseModalities'",
    Check.SPEECH: "'generationConfig.speechConfig'",
}
_OTHERS = (Dialect.OPENAI, Dialect.ANTHROPIC)

EXPECTED: Mapping[tuple[str, Check, Dialect], Expected] = {
    **{
        (sdk, check, dialect): Expected(400, f"has nothing like '{operation}'", Why.NOTHING_LIKE_IT)
        for sdk in _OPENAI
        for (dialect, check), operation in _OPERATIONS.items()
    },
    **{
        (sdk, Check.EMBEDDINGS, Dialect.ANTHROPIC): Expected(
            400, "has nothing like 'batch_embed_contents'", Why.NOTHING_LIKE_IT
        )
        for sdk in _GOOGLE
    },
    **{
        (sdk, check, dialect): Expected(400, f"{member} can't be passed on to", Why.ONLY_GEMINI)
        for sdk in _GOOGLE
        for check, member in _MEMBERS.items()
        for dialect in _OTHERS
    },
    **{
        ("ai + @ai-sdk/google for Node", Check.TRANSCRIPTION, dialect): Expected(
            404, "There is nothing at /v1beta/interactions", Why.NOT_SERVED
        )
        for dialect in Dialect
    },
}
