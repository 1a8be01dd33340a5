"""The table of reasons."""

import pytest

from keyturn.domain.refusals import REALM, RULES, Actor, Reason, Refused


def test_every_reason_has_a_rule() -> None:
    """A reason without one could not be answered."""
    assert set(RULES) == set(Reason)


@pytest.mark.parametrize("reason", list(Reason))
def test_the_status_says_who_must_act(reason: Reason) -> None:
    """4xx is the caller's, 5xx is not; a provider that refuses our credential keeps its own status."""
    rule = RULES[reason]

    if reason is not Reason.UPSTREAM_CREDENTIAL:
        assert (rule.status < 500) is (rule.actor is Actor.CLIENT)
    assert rule.message
    assert not rule.message.endswith(".")


@pytest.mark.parametrize("reason", list(Reason))
def test_a_401_carries_a_challenge(reason: Reason) -> None:
    """RFC 9110 15.5.2 asks for it."""
    rule = RULES[reason]

    assert rule.status != 401 or rule.challenge is not None
    assert rule.challenge is None or rule.status in {400, 401, 403}


def test_a_challenge_names_no_error_when_no_key_was_sent() -> None:
    """RFC 6750 3.1."""
    assert Refused(Reason.MISSING_API_KEY).challenge == f'Bearer realm="{REALM}"'


def test_a_challenge_names_the_error_and_the_permission_that_is_missing() -> None:
    """A client library can ask for it by name."""
    refused = Refused(Reason.INSUFFICIENT_PERMISSIONS, details={"required": "read"})

    assert refused.challenge == f'Bearer realm="{REALM}", error="insufficient_scope", scope="read"'


def test_other_refusals_carry_no_challenge() -> None:
    """Another credential would not help."""
    assert Refused(Reason.INVALID_JSON).challenge is None


@pytest.mark.parametrize("reason", list(Reason))
def test_what_can_pass_by_itself_is_not_called_hopeless(reason: Reason) -> None:
    """A client that is told to give up must not be told to come back as well."""
    rule = RULES[reason]

    assert not (rule.hopeless and rule.retry_after_s is not None)
    assert rule.retry_after_s is None or 0 < rule.retry_after_s <= 60


def test_a_store_that_cannot_be_asked_is_never_a_401() -> None:
    """Clients throw keys away on 401."""
    assert RULES[Reason.AUTH_UNAVAILABLE].status == 503


def test_a_refusal_shows_its_own_words_or_the_rules() -> None:
    """The rule's text is the default."""
    assert Refused(Reason.CONFLICT).text == RULES[Reason.CONFLICT].message
    assert Refused(Reason.CONFLICT, "There is one already").text == "There is one already"
