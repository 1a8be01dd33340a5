"""Speech, in OpenAI's dialect. Every format but ``pcm`` comes as a WAV file, which is what this model can make.

Source: https://github.com/openai/openai-openapi (API version 2.3.0), ``CreateSpeechRequest``.
"""

import base64
from typing import Annotated, Literal

import msgspec

from keyturn.demo import bodies, prose, replies, sounds
from keyturn.demo.bodies import Body, Invalid
from keyturn.demo.models import Task
from keyturn.demo.replies import Reply, Served
from keyturn.demo.shapes import encode
from keyturn.demo.wording import OPENAI

_MOST = 4_096
_PIECE = 16_384


class _Speech(Body, frozen=True, kw_only=True):
    input: Annotated[str, msgspec.Meta(min_length=1, max_length=_MOST)]
    voice: str | dict[str, msgspec.Raw]
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"
    speed: Annotated[float, msgspec.Meta(ge=0.25, le=4)] = 1.0
    stream_format: Literal["audio", "sse"] = "audio"


def speak(raw: bytes) -> Reply:
    """Read a text aloud."""
    asked = bodies.read(raw, _Speech)
    if isinstance(asked, Invalid):
        return replies.invalid(asked)
    behaviour = OPENAI.model(asked.model, Task.SPEECH)
    if isinstance(behaviour, Reply):
        return behaviour
    samples = sounds.hum(asked.input, speed=asked.speed)
    is_bare = asked.response_format == "pcm"
    sound = samples if is_bare else sounds.wav(samples)
    headers = OPENAI.headers(raw)
    streamed = asked.stream_format == "sse"
    given, made = prose.count_tokens(asked.input), len(asked.input)
    if streamed:
        pieces = [_delta(sound[at : at + _PIECE]) for at in range(0, len(sound), _PIECE)]
        reply = replies.stream(pieces, _done(given, made), headers=headers)
    else:
        kind = b"audio/pcm" if is_bare else b"audio/wav"
        reply = replies.plain(sound, headers=headers, content_type=kind)
    served = Served(
        model=asked.model,
        input_tokens=given if streamed else 0,
        output_tokens=made if streamed else 0,
        streamed=streamed,
        status=200,
        characters=len(asked.input),
    )
    return replies.pace(reply, asked, behaviour, served)


def _delta(sound: bytes) -> bytes:
    event = {"type": "speech.audio.delta", "audio": base64.b64encode(sound).decode()}
    return b"data: %b\n\n" % encode(event)


def _done(given: int, made: int) -> bytes:
    usage = {"input_tokens": given, "output_tokens": made, "total_tokens": given + made}
    return b"data: %b\n\n" % encode({"type": "speech.audio.done", "usage": usage})
