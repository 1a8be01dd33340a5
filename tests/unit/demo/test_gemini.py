"""What Gemini offers beside chats: embeddings, lists of models, streams as arrays."""

import base64
import json

from keyturn.demo.replies import Reply
from support.demo_answers import get, post, status, value

HELLO = {"contents": [{"role": "user", "parts": [{"text": "hello big world"}]}]}


def test_gemini_embeds_one_text_or_many() -> None:
    """The vectors are those that OpenAI's endpoint gives."""
    content = {"parts": [{"text": "hello"}]}

    one = post("/v1beta/models/demo-embed:embedContent", {"content": content, "outputDimensionality": 8})
    many = post(
        "/v1beta/models/demo-embed:batchEmbedContents",
        {"requests": [{"model": "models/demo-embed", "content": content}] * 2},
    )
    compatible = post("/v1beta/openai/embeddings", {"model": "demo-embed", "input": "hello"})

    assert len(value(one)["embedding"]["values"]) == 8
    assert [len(each["values"]) for each in value(many)["embeddings"]] == [256, 256]
    assert value(many)["embeddings"][0]["values"] == value(compatible)["data"][0]["embedding"]
    assert value(many)["usageMetadata"]["promptTokenCount"] == 2
    assert many.served is not None
    assert many.served.input_tokens == 2
    assert status(post("/v1beta/models/demo-chat:embedContent", {"content": content})) == 404
    assert "usageMetadata" not in value(
        post("/v1beta/models/demo-no-usage:embedContent", {"content": content})
    )


def test_a_stream_of_gemini_is_an_array_unless_events_are_asked_for() -> None:
    """Both hold the same answers."""
    array = post("/v1beta/models/echo:streamGenerateContent", HELLO)
    events = post("/v1beta/models/echo:streamGenerateContent?alt=sse", HELLO)

    def joined(reply: Reply) -> str:
        chunks = [piece.partition(b"\r\n")[2].removesuffix(b"0\r\n\r\n")[:-2] for piece in reply.pieces]
        return b"".join(chunks).decode()

    pieces = json.loads(joined(array))
    lines = [line.removeprefix("data: ") for line in joined(events).splitlines() if line]
    assert b"content-type: application/json\r\n" in array.head
    assert [json.loads(line)["candidates"] for line in lines] == [one["candidates"] for one in pieces]
    assert len(array.pieces) > 3


def test_gemini_lists_its_models() -> None:
    """A page at a time; names begin with ``models/``."""
    first = value(get("/v1beta/models?pageSize=3"))
    rest = value(get(f"/v1beta/models?pageToken={first['nextPageToken']}"))

    names = [one["name"] for one in first["models"] + rest["models"]]
    assert len(first["models"]) == 3
    assert {"models/demo-gemini", "models/demo-embed"} < set(names)
    assert "models/demo-speech" not in names
    assert value(get("/v1beta/models/demo-gemini"))["name"] == "models/demo-gemini"
    assert status(get("/v1beta/models/nobody")) == 404


def test_models_of_gemini_that_make_images_or_speech_are_asked_as_those_that_write() -> None:
    """Google has no other way to ask for them."""
    image = post("/v1beta/models/demo-image:generateContent", HELLO)
    sound = post("/v1beta/models/demo-speech:generateContent", HELLO)

    (drawn,) = value(image)["candidates"][0]["content"]["parts"]
    (spoken,) = value(sound)["candidates"][0]["content"]["parts"]
    assert drawn["inlineData"]["mimeType"] == "image/png"
    assert base64.b64decode(drawn["inlineData"]["data"]).startswith(b"\x89PNG")
    assert base64.b64decode(spoken["inlineData"]["data"]).startswith(b"RIFF")
    assert value(image)["usageMetadata"]["candidatesTokenCount"] == 1_290
    assert value(sound)["usageMetadata"]["candidatesTokenCount"] == 23
    assert image.served is not None
    assert sound.served is not None
    assert (image.served.images, sound.served.characters) == (1, 15)


def test_what_is_no_request_for_an_image_is_refused() -> None:
    """As a request for words would be."""
    path = "/v1beta/models/demo-image:generateContent"

    assert status(post(path, {"contents": [{"role": "nobody"}]})) == 400
    assert status(post(path, HELLO | {"demo_delay_ms": -1})) == 400
    assert status(post("/v1beta/models/demo-transcribe:generateContent", HELLO)) == 404
