"""Which dialect an error is told in."""

import pytest

from keyturn.dialects import errors
from keyturn.dialects.errors import Dialect, of_nowhere
from keyturn.domain.refusals import Reason, Refused


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        (b"/api/v1/nothing", Dialect.ENVELOPE),
        (b"/api", Dialect.ENVELOPE),
        (b"/apix", Dialect.OPENAI),
        (b"/mj/submit/imagine", Dialect.ENVELOPE),
        (b"/suno/submit/music", Dialect.ENVELOPE),
        (b"/v1/generate/x", Dialect.ENVELOPE),
        (b"/v1/tasks/task_1", Dialect.ENVELOPE),
        (b"/v1/messages/batches", Dialect.ANTHROPIC),
        (b"/v1beta/x", Dialect.GEMINI),
        (b"/v1/x", Dialect.OPENAI),
        (b"/chat/completions", Dialect.OPENAI),
        (b"/", Dialect.OPENAI),
        (b"", Dialect.OPENAI),
    ],
)
def test_a_path_that_leads_nowhere_is_told_as_its_clients_expect(path: bytes, dialect: Dialect) -> None:
    """A client with a wrong base URL still gets an error that it can read."""
    assert of_nowhere(path, anthropic=False) is dialect
    assert of_nowhere(path, anthropic=True) is Dialect.ANTHROPIC


@pytest.mark.parametrize("dialect", list(Dialect))
def test_every_dialect_has_its_statuses(dialect: Dialect) -> None:
    """Only the one for used-up credit differs, and only where its clients know 402."""
    others = {reason: errors.status_of(dialect, Refused(reason)) for reason in Reason}

    credit = others.pop(Reason.INSUFFICIENT_CREDITS)

    assert credit == (402 if dialect in {Dialect.ANTHROPIC, Dialect.ENVELOPE} else 429)
    assert others == {reason: Refused(reason).rule.status for reason in others}


def test_what_is_no_fault_of_the_caller_is_worth_another_try_and_says_so() -> None:
    """A status alone says it to some clients only."""
    refused = Refused(Reason.AUTH_UNAVAILABLE)

    assert dict(errors.headers(Dialect.OPENAI, refused, "req_1")) == {
        "x-should-retry": "true",
        "retry-after": "1",
        "retry-after-ms": "1000",
    }


def test_anthropics_clients_get_the_request_id_where_they_look_for_it() -> None:
    """Their SDK reads ``request-id`` and nothing else."""
    refused = Refused(Reason.METHOD_NOT_ALLOWED, allow="POST")

    assert errors.headers(Dialect.ANTHROPIC, refused, "req_1") == [
        ("request-id", "req_1"),
        ("x-should-retry", "false"),
        ("allow", "POST"),
    ]
