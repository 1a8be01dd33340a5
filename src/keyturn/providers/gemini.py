"""Google's Gemini API: the model and the method in the path, the key in a header of its own.

Source: https://ai.google.dev/api
"""

from collections.abc import Mapping

import msgspec

from keyturn.providers import provider
from keyturn.providers.gemini_methods import method_of
from keyturn.providers.provider import CHATS, Codec, Headers, Provider, in_path

_CODECS: Mapping[str, Codec] = {
    provider.EMBED_CONTENT: Codec.GEMINI_EMBEDDINGS,
    provider.BATCH_EMBED_CONTENTS: Codec.GEMINI_EMBEDDINGS,
    provider.CONTENT_TOKENS: Codec.GEMINI_TOKENS,
    provider.EMBEDDINGS: Codec.GEMINI_EMBEDDINGS,
    provider.IMAGES: Codec.OPENAI_IMAGES,
}
_COMPATIBLE: Mapping[str, str] = {
    provider.IMAGES: "/openai/images/generations",
}
"""What it takes in OpenAI's dialect as well: https://ai.google.dev/gemini-api/docs/openai"""
_LISTED_AS = "models/"


class Gemini(Provider, frozen=True, kw_only=True):
    """The API of Google AI Studio."""

    def codec(self, operation: str, model: str = "") -> Codec | None:
        """Every chat becomes contents to generate, embeddings a batch; OpenAI's images are taken as they are."""
        del model
        return Codec.GEMINI if operation in CHATS else _CODECS.get(operation)

    def path(self, operation: str, model: str = "", *, stream: bool = False) -> str:
        """Streams are asked for as events: without ``alt=sse`` they come as one JSON array."""
        if operation in _COMPATIBLE:
            return _COMPATIBLE[operation]
        return f"/models/{in_path(model.removeprefix(_LISTED_AS))}:{method_of(operation, stream=stream)}"

    def headers(self, credential: str, operation: str = provider.CHAT) -> Headers:
        """The key in ``x-goog-api-key``; as a bearer token where OpenAI's dialect is spoken."""
        if operation in _COMPATIBLE:
            return Provider.headers(self, credential, operation)
        return (("x-goog-api-key", credential),) if credential else ()

    def models_url(self, base_url: str) -> str:
        """All of them on one page."""
        return f"{base_url}/models?pageSize=1000"

    def read_models(self, body: bytes) -> list[str]:
        """Names come as ``models/gemini-…``; clients write them without."""
        return [one.name.removeprefix(_LISTED_AS) for one in _LISTING.decode(body).models]


class _Listed(msgspec.Struct):
    name: str


class _Listing(msgspec.Struct):
    models: list[_Listed]


_LISTING = msgspec.json.Decoder(_Listing)


GEMINI = Gemini(
    id="gemini",
    title="Google Gemini",
    base_url="https://generativelanguage.googleapis.com/v1beta",
    root="/v1beta",
    variables=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    source="https://ai.google.dev/api",
)
