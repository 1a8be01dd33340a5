"""What a stream in frames has used."""

from fakes.aws_frames import frame
from keyturn.domain.usage import Usage
from keyturn.gateway.frame_meter import FrameMeter
from keyturn.gateway.meter import ESTIMATED


def delta(text: str) -> bytes:
    """Return a padded frame that brings a text."""
    said = {"contentBlockIndex": 0, "delta": {"text": text}, "p": "a" * 60}
    return frame("event", "contentBlockDelta", said)


def test_what_frames_say_is_counted_wherever_they_are_cut() -> None:
    """A token each, or by their text where that is more; the padding is none."""
    whole = frame("event", "messageStart", {"role": "assistant"}) + delta("a") * 3 + delta("x" * 40)
    found = []
    for cut in (1, 100, len(whole)):
        meter = FrameMeter()
        meter.take([whole[:cut], whole[cut:]])
        found.append(meter.usage(40, whole=False))

    assert found == [(Usage(10, 11), ESTIMATED)] * 3


def test_frames_are_a_token_each_at_least() -> None:
    """Some tokens are one letter."""
    meter = FrameMeter()
    meter.take([delta("a") * 3])

    assert meter.made == 3


def test_what_is_damaged_is_not_counted() -> None:
    """It is never passed on."""
    meter = FrameMeter()
    meter.take([delta("a"), b"garbage that is no frame", delta("b")])

    assert meter.made == 1
