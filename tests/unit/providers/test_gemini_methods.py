"""The methods of Gemini's paths."""

from keyturn.providers.gemini_methods import method_of


def test_only_chats_are_streamed() -> None:
    """Whatever the client says of an embedding."""
    assert method_of("chat", stream=False) == "generateContent"
    assert method_of("chat", stream=True) == "streamGenerateContent?alt=sse"
    assert method_of("embed_content", stream=True) == "embedContent"
    assert method_of("batch_embed_contents", stream=False) == "batchEmbedContents"
