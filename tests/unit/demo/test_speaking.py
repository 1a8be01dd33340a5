"""Speech: texts as sound files."""

import base64
import io
import wave

from keyturn.demo import sounds
from support.demo_answers import events, post

SPEECH = "/v1/audio/speech"


def test_speech_is_a_wav_file_as_long_as_its_text() -> None:
    """A player plays it; twice the speed is half the time."""
    one, fast = (
        post(SPEECH, model="demo-speech", input="x" * 100, voice="alloy", speed=speed) for speed in (1, 2)
    )

    assert b"content-type: audio/wav\r\n" in one.head
    with wave.open(io.BytesIO(one.pieces[0])) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 1, sounds.RATE)
        assert file.getnframes() == 6 * sounds.RATE
    assert sounds.duration_ms(fast.pieces[0]) == 3_000
    assert one.served is not None
    assert (one.served.characters, one.served.input_tokens) == (100, 0)


def test_speech_comes_bare_or_in_events_when_it_is_asked_to() -> None:
    """Events tell the tokens."""
    bare = post(SPEECH, model="demo-speech", input="a b", voice="alloy", response_format="pcm")
    *sound, done = events(
        post(SPEECH, model="demo-speech", input="a b " * 10, voice={"id": "v"}, stream_format="sse")
    )

    assert b"content-type: audio/pcm\r\n" in bare.head
    assert bare.pieces[0] == sounds.hum("a b")
    assert b"".join(base64.b64decode(event["audio"]) for event in sound).startswith(b"RIFF")
    assert done == {
        "type": "speech.audio.done",
        "usage": {"input_tokens": 20, "output_tokens": 40, "total_tokens": 60},
    }
