"""Google's own ways."""

import msgspec
import pytest

from keyturn.providers.gemini import GEMINI
from keyturn.providers.provider import Codec


@pytest.mark.parametrize(
    ("operation", "stream", "path"),
    [
        ("generate_content", False, "/models/gemini-2.5-flash:generateContent"),
        ("chat", True, "/models/gemini-2.5-flash:streamGenerateContent?alt=sse"),
        ("embed_content", False, "/models/gemini-2.5-flash:embedContent"),
        ("batch_embed_contents", False, "/models/gemini-2.5-flash:batchEmbedContents"),
        ("content_tokens", False, "/models/gemini-2.5-flash:countTokens"),
        ("embeddings", False, "/models/gemini-2.5-flash:batchEmbedContents"),
        ("images", False, "/openai/images/generations"),
    ],
)
def test_the_path_names_model_and_method(operation: str, path: str, *, stream: bool) -> None:
    """The body names neither."""
    assert GEMINI.path(operation, "gemini-2.5-flash", stream=stream) == path
    assert GEMINI.path(operation, "models/gemini-2.5-flash", stream=stream) == path


def test_each_operation_has_its_dialect() -> None:
    """Chats are translated, and so are embeddings."""
    asked = ["messages", "generate_content", "embed_content", "content_tokens", "embeddings", "speech"]

    assert [GEMINI.codec(operation) for operation in asked] == [
        Codec.GEMINI,
        Codec.GEMINI,
        Codec.GEMINI_EMBEDDINGS,
        Codec.GEMINI_TOKENS,
        Codec.GEMINI_EMBEDDINGS,
        None,
    ]


def test_the_key_stands_in_a_header_of_its_own() -> None:
    """In the query, as its examples had it once, it would stand in every log on the way."""
    assert GEMINI.headers("AIza1") == (("x-goog-api-key", "AIza1"),)
    assert GEMINI.headers("AIza1", "images") == (("authorization", "Bearer AIza1"),)
    assert GEMINI.headers("") == GEMINI.headers("", "images") == ()


def test_names_of_models_lose_their_folder() -> None:
    """Clients write `gemini-2.5-flash`."""
    assert GEMINI.models_url("https://h/v1beta") == "https://h/v1beta/models?pageSize=1000"
    assert GEMINI.read_models(b'{"models":[{"name":"models/gemini-2.5-flash"}]}') == ["gemini-2.5-flash"]
    with pytest.raises(msgspec.DecodeError):
        GEMINI.read_models(b'{"data":[]}')
