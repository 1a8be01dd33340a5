"""Requests that can't be answered, at all endpoints for images, sounds and moderations."""

import json

import pytest

from keyturn.demo import sounds
from support.demo_answers import form, send, status

GENERATIONS, EDITS, VARIATIONS = "/v1/images/generations", "/v1/images/edits", "/v1/images/variations"
SPEECH = "/v1/audio/speech"
TRANSCRIPTIONS, TRANSLATIONS = "/v1/audio/transcriptions", "/v1/audio/translations"
RECORDING = sounds.wav(sounds.hum("x" * 25))
"""Of 1.5 seconds."""


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        (GENERATIONS, b'{"model":"demo-image"}', "prompt"),
        (GENERATIONS, b'{"prompt":"x","size":"big"}', "size"),
        (GENERATIONS, b'{"prompt":"x","size":"4096x1"}', "size"),
        (GENERATIONS, b'{"prompt":"x","n":11}', "n"),
        (EDITS, form(("image", b"1")), "prompt"),
        (EDITS, form(prompt="x"), "image"),
        (EDITS, form(("image", b"1"), prompt="x", n="many"), "n"),
        (VARIATIONS, b'{"image":"x"}', None),
        (VARIATIONS, form(), None),
        (VARIATIONS, form(size="8x8"), "image"),
        (TRANSCRIPTIONS, form(model="demo-transcribe"), "file"),
        (TRANSCRIPTIONS, form(("file", b"x")), "model"),
        (TRANSCRIPTIONS, b"--edge", None),
        (SPEECH, b'{"model":"demo-speech","input":"x"}', "voice"),
        (SPEECH, b'{"model":"demo-speech","input":"","voice":"v"}', "input"),
        ("/v1/moderations", b"{}", "input"),
    ],
)
def test_a_request_that_cannot_be_answered_is_a_400(path: str, body: bytes, param: str | None) -> None:
    """It is told which member is wrong."""
    reply = send(path, body)

    assert status(reply) == 400
    assert json.loads(reply.pieces[0])["error"]["param"] == param


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (GENERATIONS, b'{"prompt":"x","model":"%b"}'),
        (SPEECH, b'{"input":"x","voice":"v","model":"%b"}'),
        ("/v1/moderations", b'{"input":"x","model":"%b"}'),
        (TRANSLATIONS, form(("file", b"x"), model="%b")),
    ],
)
def test_models_misbehave_at_every_endpoint(path: str, body: bytes) -> None:
    """Those that fail do so here too, and those that can't do it are not there."""
    assert status(send(path, body.replace(b"%b", b"demo-429"))) == 429
    assert status(send(path, body.replace(b"%b", b"demo-chat"))) == 404
    assert send(path, body.replace(b"%b", b"demo-cut")).cut
