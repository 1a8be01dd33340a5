"""What is said of a form that was sent before."""

import pytest

from keyturn.control.dashboard.once import SENT_OTHERWISE, in_words
from keyturn.domain.refusals import Reason, Refused


@pytest.mark.parametrize(
    ("reason", "says"),
    [
        (Reason.IDEMPOTENCY_KEY_REUSED, SENT_OTHERWISE),
        (Reason.IDEMPOTENCY_IN_FLIGHT, "is being worked on"),
    ],
)
def test_a_form_that_was_sent_before_is_told_of_as_a_form(reason: Reason, says: str) -> None:
    """Nobody who clicked twice has heard of an Idempotency-Key."""
    told = in_words(Refused(reason))

    assert told.reason is reason
    assert says in told.text


def test_any_other_refusal_is_told_as_it_is() -> None:
    """With its field."""
    refused = Refused(Reason.INVALID_MEMBER, "Say why in the note", "note")

    assert in_words(refused) is refused
