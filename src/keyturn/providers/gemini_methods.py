"""What stands behind the colon of a path of Gemini's, at whoever runs it."""

from collections.abc import Mapping

from keyturn.providers import provider

_METHODS: Mapping[str, str] = {
    provider.EMBED_CONTENT: "embedContent",
    provider.BATCH_EMBED_CONTENTS: "batchEmbedContents",
    provider.CONTENT_TOKENS: "countTokens",
    provider.EMBEDDINGS: "batchEmbedContents",
}


def method_of(operation: str, *, stream: bool) -> str:
    """Return it; a stream is asked for as events: without ``alt=sse`` it comes as one JSON array."""
    return _METHODS.get(operation) or ("streamGenerateContent?alt=sse" if stream else "generateContent")
