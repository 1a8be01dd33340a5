"""Transcriptions and translations, in every form."""

from keyturn.demo import sounds
from keyturn.demo.replies import Reply
from openai_schema import problems
from support.demo_answers import events, form, send, value

TRANSCRIPTIONS, TRANSLATIONS = "/v1/audio/transcriptions", "/v1/audio/translations"
RECORDING = sounds.wav(sounds.hum("x" * 25))
"""Of 1.5 seconds."""


def test_a_transcription_tells_of_what_was_sent() -> None:
    """The same file, the same words; another, others."""
    body = form(("file", RECORDING), model="demo-transcribe")

    reply = send(TRANSCRIPTIONS, body)

    answer = value(reply)
    assert answer["text"].startswith("You sent 1.5 seconds of sound, 12044 bytes that begin with ")
    assert answer["usage"] == {"type": "duration", "seconds": 1.5}
    assert problems(answer, "CreateTranscriptionResponseJson") == []
    assert reply.served is not None
    assert reply.served.audio_ms == 1_500
    assert value(send(TRANSCRIPTIONS, body.replace(b"\x80", b"\x81"))) != answer
    assert "usage" not in value(send(TRANSCRIPTIONS, body.replace(b"demo-transcribe", b"demo-no-usage")))


def test_a_transcription_comes_in_every_form() -> None:
    """Subtitles too."""

    def written(kind: str, path: str = TRANSCRIPTIONS) -> Reply:
        return send(path, form(("file", RECORDING), model="demo-transcribe", response_format=kind))

    verbose, translated = value(written("verbose_json")), value(written("verbose_json", TRANSLATIONS))
    assert (verbose["duration"], verbose["segments"][0]["end"]) == (1.5, 1.5)
    assert (verbose["task"], translated["task"]) == ("transcribe", "translate")
    assert problems(verbose, "CreateTranscriptionResponseVerboseJson") == []
    assert problems(value(written("json", TRANSLATIONS)), "CreateTranslationResponseJson") == []
    assert written("text").pieces[0] == f"{verbose['text']}\n".encode()
    assert written("srt").pieces[0].startswith(b"1\n00:00:00,000 --> 00:00:01,500\nYou sent")
    assert written("vtt").pieces[0].startswith(b"WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nYou sent")
    assert b"content-type: text/plain; charset=utf-8\r\n" in written("vtt").head


def test_a_transcription_streams_and_tells_its_tokens() -> None:
    """As those models do that stream."""
    reply = send(TRANSCRIPTIONS, form(("file", RECORDING), model="demo-transcribe", stream="true"))
    silent = send(TRANSCRIPTIONS, form(("file", RECORDING), model="demo-no-usage", stream="true"))

    *words, done = events(reply)
    assert "".join(event["delta"] for event in words) == done["text"]
    assert reply.served is not None
    assert done["usage"]["input_tokens"] == reply.served.input_tokens == 15
    assert done["usage"]["output_tokens"] == reply.served.output_tokens
    assert "usage" not in events(silent)[-1]
