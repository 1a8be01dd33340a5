"""The order of the checks."""

import pytest

from keyturn.domain.checks import CHECKS, Check, results
from keyturn.domain.refusals import RULES, Actor, Reason


def test_a_reason_stands_in_one_check_at_most() -> None:
    """Otherwise it would not say how far a request came."""
    listed = [reason for _, reasons in CHECKS for reason in reasons]

    assert len(listed) == len(set(listed))


def test_what_the_provider_or_keyturn_fails_at_is_no_check() -> None:
    """All checks have passed when a request goes upstream."""
    listed = {reason for _, reasons in CHECKS for reason in reasons}

    assert not {reason for reason in listed if RULES[reason].actor in {Actor.UPSTREAM, Actor.GATEWAY}}


@pytest.mark.parametrize("reason", [reason for _, reasons in CHECKS for reason in sorted(reasons)])
def test_the_checks_before_the_refusal_have_passed_and_those_behind_it_were_not_reached(
    reason: Reason,
) -> None:
    """`keyturn explain` shows it so."""
    found = [check.passed for check in results(reason)]

    at = found.index(False)
    assert found == [True] * at + [False] + [None] * (len(CHECKS) - at - 1)
    assert reason in CHECKS[at][1]


def test_a_request_that_was_let_in_has_passed_every_check() -> None:
    """An empty reason stands for yes."""
    assert results("") == [Check(name, passed=True) for name, _ in CHECKS]


def test_a_missing_path_is_not_said_to_have_passed_anything() -> None:
    """A request to nowhere is refused before its key is looked at."""
    assert results(Reason.PATH_NOT_FOUND)[1:3] == [
        Check("path", passed=False),
        Check("credential found", passed=None),
    ]


def test_what_a_check_was_decided_by_stands_beside_it() -> None:
    """A holder who reads that an address is refused wants to know which."""
    found = results(Reason.IP_NOT_ALLOWED, "192.0.2.1", {"known": "key_1", "origin": "never reached"})

    told = {check.name: check.detail for check in found if check.detail}
    assert told == {"known": "key_1", "address": "192.0.2.1"}
