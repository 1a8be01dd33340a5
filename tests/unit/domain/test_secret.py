"""Text that does not print itself."""

import copy
import pickle
import traceback

import msgspec
import pytest

from keyturn.domain.secret import REDACTED, Secret

TEXT = "sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ39Fg38"
SECRET = Secret(TEXT)


def test_a_secret_is_shown_redacted_wherever_it_is_printed() -> None:
    """Logs, errors and debuggers print what they are given."""
    shown = [str(SECRET), repr(SECRET), f"{SECRET}", f"{[SECRET]}", f"{SECRET!r:>20}", "%s" % SECRET]  # noqa: UP031

    assert not [text for text in shown if TEXT in text]
    assert str(SECRET) == REDACTED


def test_a_secret_does_not_show_in_a_traceback() -> None:
    """Tracebacks with local variables are logged."""

    def fail(secret: Secret) -> None:
        raise ValueError(secret)

    with pytest.raises(ValueError, match="redacted") as caught:
        fail(SECRET)

    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    assert TEXT not in "".join(shown)


def test_a_secret_comes_out_by_name_only() -> None:
    """Every place that uses one can be found."""
    assert SECRET.reveal() == TEXT


@pytest.mark.parametrize("serialise", [pickle.dumps, copy.copy, msgspec.json.encode, msgspec.msgpack.encode])
def test_a_secret_is_not_serialised(serialise: object) -> None:
    """It would lie around in the clear."""
    with pytest.raises(TypeError):
        serialise(SECRET)  # type: ignore[operator]


def test_secrets_compare_by_their_text() -> None:
    """Two reads of one file are one secret."""
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
