"""Google's SDK for Python."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from operator import attrgetter

import httpx2
import pytest
from google import genai
from google.genai import types
from google.genai.errors import APIError, ClientError

from clients.matrix import samples
from clients.matrix.cells import Check, Place, Sdk
from support.node import NO_TLS

TOOLS = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(name=samples.TOOL, parameters_json_schema=samples.PARAMETERS)
    ]
)
CALLING = types.GenerateContentConfig(tools=[TOOLS])


@contextmanager
def connected(place: Place, *, key: str = "", timeout_s: float = samples.PATIENT_S) -> Iterator[genai.Client]:
    """Yield a client; it does not retry unless it is told to."""
    plain = {"verify": NO_TLS}
    options = types.HttpOptions(
        base_url=place.url, timeout=int(timeout_s * 1_000), client_args=plain, async_client_args=plain
    )
    with genai.Client(api_key=key or place.key, http_options=options) as client:
        yield client


def chat(place: Place) -> None:
    """An answer and what it took."""
    with connected(place) as client:
        answer = client.models.generate_content(model=place.model("chat"), contents=samples.HELLO)

    assert (answer.text or "").startswith(samples.GREETING)
    assert answer.candidates is not None
    assert answer.candidates[0].finish_reason is types.FinishReason.STOP
    assert answer.usage_metadata is not None
    assert answer.usage_metadata.prompt_token_count == 3


def stream(place: Place) -> None:
    """The same in pieces."""
    with connected(place) as client:
        pieces = list(
            client.models.generate_content_stream(model=place.model("chat"), contents=samples.HELLO)
        )

    assert len(pieces) > 10
    assert "".join(piece.text or "" for piece in pieces).startswith(samples.GREETING)
    assert pieces[-1].usage_metadata is not None
    assert pieces[-1].usage_metadata.prompt_token_count == 3


def tools(place: Place) -> None:
    """A call in a stream, its result, and the answer to that."""
    asked = types.Content(role="user", parts=[types.Part(text=samples.CALL)])
    with connected(place) as client:
        pieces = client.models.generate_content_stream(
            model=place.model("chat"), contents=[asked], config=CALLING
        )
        parts = [
            part
            for piece in pieces
            for candidate in piece.candidates or []
            if candidate.content is not None
            for part in candidate.content.parts or []
        ]
        (call,) = [part.function_call for part in parts if part.function_call is not None]
        assert call.name is not None
        result = types.Part(
            function_response=types.FunctionResponse(
                id=call.id, name=call.name, response={"result": samples.RESULT}
            )
        )
        answer = client.models.generate_content(
            model=place.model("chat"),
            contents=[
                asked,
                types.Content(role="model", parts=parts),
                types.Content(role="user", parts=[result]),
            ],
            config=CALLING,
        )

    assert (call.name, call.args) == (samples.TOOL, samples.ARGUMENTS)
    assert (answer.text or "").startswith(f"The tool {samples.TOOL} answered:")
    assert samples.RESULT in (answer.text or "")


def vision(place: Place) -> None:
    """An image goes in."""
    image = types.Part.from_bytes(data=samples.PNG, mime_type="image/png")
    with connected(place) as client:
        answer = client.models.generate_content(model=place.model("chat"), contents=[image, samples.LOOK])

    assert (answer.text or "").startswith(samples.SEEN)


def structured(place: Place) -> None:
    """An answer of a type of the caller's."""
    with connected(place) as client:
        answer = client.models.generate_content(
            model=place.model("chat"),
            contents=samples.HELLO,
            config=types.GenerateContentConfig(
                response_mime_type="application/json", response_schema=samples.Forecast
            ),
        )

    assert answer.parsed == samples.Forecast(city="city", days=1)


def embeddings(place: Place) -> None:
    """A vector for each text."""
    with connected(place) as client:
        answer = client.models.embed_content(model=place.model("embed"), contents=["one", "two"])

    assert answer.embeddings is not None
    first, second = (each.values or [] for each in answer.embeddings)
    assert first != second
    assert len(first) == len(second) > 100


def made(place: Place, task: str, config: types.GenerateContentConfig) -> types.Blob:
    """Return what a model makes that is no text."""
    with connected(place) as client:
        answer = client.models.generate_content(
            model=place.model(task), contents=samples.HELLO, config=config
        )
    (found,) = [part.inline_data for part in answer.parts or [] if part.inline_data is not None]
    return found


def images(place: Place) -> None:
    """An image comes out."""
    image = made(place, "image", types.GenerateContentConfig(response_modalities=["IMAGE"]))

    assert image.mime_type == "image/png"
    assert (image.data or b"").startswith(b"\x89PNG")


def speech(place: Place) -> None:
    """Sound comes out."""
    voice = types.VoiceConfig(prebuilt_voice_config=types.PrebuiltVoiceConfig(voice_name="Kore"))
    config = types.GenerateContentConfig(
        response_modalities=["AUDIO"], speech_config=types.SpeechConfig(voice_config=voice)
    )

    sound = made(place, "speech", config)

    assert (sound.mime_type or "").startswith("audio/")
    assert len(sound.data or b"") > 100


def errors(place: Place) -> None:
    """Each failure is the class that programs catch, with the status that they look at."""
    seen = []
    for key, model, role in (
        ("sk-wrong", place.model("chat"), "user"),
        ("", "nobody", "user"),
        ("", place.model("busy"), "user"),
        ("", place.model("chat"), "nobody"),
    ):
        content = types.Content(role=role, parts=[types.Part(text=samples.HELLO)])
        with connected(place, key=key) as client, pytest.raises(ClientError) as caught:
            client.models.generate_content(model=model, contents=[content])
        seen.append((caught.value.code, caught.value.status))

    assert seen == [
        (401, "UNAUTHENTICATED"),
        (404, "NOT_FOUND"),
        (429, "RESOURCE_EXHAUSTED"),
        (400, "INVALID_ARGUMENT"),
    ]


def time_out(place: Place) -> None:
    """A client that has waited for long enough leaves."""
    with (
        connected(place, timeout_s=samples.IMPATIENT_S) as client,
        pytest.raises(httpx2.TimeoutException),
    ):
        client.models.generate_content(model=place.model("slow"), contents=samples.HELLO)


def abort(place: Place) -> None:
    """A client leaves in the middle of a stream."""
    with connected(place) as client:
        pieces = client.models.generate_content_stream(model=place.model("long"), contents=samples.LONG)
        for _, _ in zip(range(samples.ENOUGH), pieces, strict=False):
            pass
        assert isinstance(pieces, Generator)
        pieces.close()


SDK = Sdk(
    name="google-genai",
    version=genai.__version__,
    refusal=APIError,
    status_of=attrgetter("code"),
    checks={
        Check.CHAT: chat,
        Check.STREAM: stream,
        Check.TOOLS: tools,
        Check.VISION: vision,
        Check.JSON: structured,
        Check.EMBEDDINGS: embeddings,
        Check.IMAGES: images,
        Check.SPEECH: speech,
        Check.ERRORS: errors,
        Check.TIME_OUT: time_out,
        Check.ABORT: abort,
    },
)
