"""Transcriptions and translations, in OpenAI's dialect: words about what was sent, which nobody has listened to.

Source: https://github.com/openai/openai-openapi (API version 2.3.0), ``CreateTranscriptionRequest``.
"""

import hashlib
from typing import Any, Literal

import msgspec

from keyturn.demo import forms, prose, replies, sounds
from keyturn.demo.bodies import Body, Invalid
from keyturn.demo.models import Task
from keyturn.demo.prose import spoken_pieces
from keyturn.demo.replies import Reply, Served
from keyturn.demo.shapes import encode
from keyturn.demo.wording import OPENAI

_TEXT = b"text/plain; charset=utf-8"


class _Recording(Body, frozen=True, kw_only=True):
    response_format: Literal["json", "text", "srt", "verbose_json", "vtt"] = "json"
    language: str = "english"


class Heard(msgspec.Struct, frozen=True):
    """What was heard."""

    task: str
    text: str
    length_ms: int


def transcribe(raw: bytes) -> Reply:
    """Write down what is said."""
    return _answer(raw, task="transcribe")


def translate(raw: bytes) -> Reply:
    """Write down in English what is said."""
    return _answer(raw, task="translate")


def _answer(raw: bytes, *, task: str) -> Reply:
    form = forms.read(raw)
    if isinstance(form, Invalid):
        return replies.invalid(form)
    asked = forms.convert(form, _Recording)
    if isinstance(asked, Invalid):
        return replies.invalid(asked)
    if not form.files.get("file"):
        return replies.invalid(
            Invalid("Missing required parameter: 'file'.", "file", "missing_required_parameter")
        )
    behaviour = OPENAI.model(asked.model, Task.HEARING)
    if isinstance(behaviour, Reply):
        return behaviour
    content = form.files["file"][-1].content
    length_ms = sounds.duration_ms(content)
    text = _words(content, length_ms)
    streamed = bool(asked.stream) and task == "transcribe"
    served = Served(
        model=asked.model,
        # Ten tokens a second, as models count that stream; the others tell how long it was.
        input_tokens=-(-length_ms // 100) if streamed else 0,
        output_tokens=prose.count_tokens(text) if streamed else 0,
        streamed=streamed,
        status=200,
        audio_ms=length_ms,
    )
    if streamed:
        reply = _streamed(raw, text, served if behaviour.counts else None)
    else:
        usage = {"type": "duration", "seconds": length_ms / 1_000} if behaviour.counts else None
        body, kind = _whole(asked, Heard(task, text, length_ms), usage)
        reply = replies.plain(body, headers=OPENAI.headers(raw), content_type=kind)
    return replies.pace(reply, asked, behaviour, served)


def _words(content: bytes, length_ms: int) -> str:
    digest = hashlib.sha256(content).hexdigest()[:8]
    return (
        f"You sent {length_ms / 1_000:.1f} seconds of sound, {len(content)} bytes that begin with {digest}."
    )


def _whole(asked: _Recording, heard: Heard, usage: dict[str, Any] | None) -> tuple[bytes, bytes]:
    """Return an answer in the form that was asked for, and what form that is; only JSON tells the usage."""
    text, length_s = heard.text, heard.length_ms / 1_000
    match asked.response_format:
        case "text":
            return f"{text}\n".encode(), _TEXT
        case "srt":
            return f"1\n{_clock(0, ',')} --> {_clock(heard.length_ms, ',')}\n{text}\n\n".encode(), _TEXT
        case "vtt":
            times = f"{_clock(0, '.')} --> {_clock(heard.length_ms, '.')}"
            return f"WEBVTT\n\n{times}\n{text}\n\n".encode(), _TEXT
        case "verbose_json":
            told = {
                "task": heard.task,
                "language": "english" if heard.task == "translate" else asked.language,
                "duration": length_s,
                "text": text,
                "segments": [_segment(text, length_s)],
            }
        case _:
            told = {"text": text}
    return encode(told if usage is None else told | {"usage": usage}), replies.JSON


def _segment(text: str, length_s: float) -> dict[str, Any]:
    return {
        "id": 0,
        "seek": 0,
        "start": 0.0,
        "end": length_s,
        "text": text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": 0.0,
        "compression_ratio": 1.0,
        "no_speech_prob": 0.0,
    }


def _clock(at_ms: int, point: str) -> str:
    seconds, ms = divmod(at_ms, 1_000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{ms:03}"


def _streamed(raw: bytes, text: str, counted: Served | None) -> Reply:
    done: dict[str, Any] = {"type": "transcript.text.done", "text": text}
    if counted is not None:
        done["usage"] = {
            "type": "tokens",
            "input_tokens": counted.input_tokens,
            "input_token_details": {"text_tokens": 0, "audio_tokens": counted.input_tokens},
            "output_tokens": counted.output_tokens,
            "total_tokens": counted.input_tokens + counted.output_tokens,
        }
    pieces = [_event({"type": "transcript.text.delta", "delta": word}) for word in spoken_pieces(text)]
    return replies.stream(pieces, _event(done), headers=OPENAI.headers(raw))


def _event(event: dict[str, Any]) -> bytes:
    return b"data: %b\n\n" % encode(event)
