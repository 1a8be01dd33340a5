"""Estimates of usage."""

import pytest

from keyturn.domain.usage import streamed_output_tokens, tokens_in


@pytest.mark.parametrize(("length", "tokens"), [(0, 0), (1, 1), (4, 1), (5, 2), (4000, 1000)])
def test_text_runs_at_four_bytes_a_token(length: int, tokens: int) -> None:
    """Rounded up: an estimate must not give anything away."""
    assert tokens_in(length) == tokens


def test_a_stream_of_short_events_has_a_token_in_each() -> None:
    """That is how most providers stream."""
    assert streamed_output_tokens(events=10, length=1000, event_overhead=100) == 10


def test_a_stream_of_long_events_counts_their_text() -> None:
    """Some providers put several tokens into one event."""
    assert streamed_output_tokens(events=10, length=1000 + 400, event_overhead=100) == 100


def test_a_stream_shorter_than_its_envelopes_counts_its_events() -> None:
    """The first event may be longer than the others."""
    assert streamed_output_tokens(events=3, length=100, event_overhead=100) == 3
    assert streamed_output_tokens(events=0, length=0, event_overhead=0) == 0
