"""How tidy keys are."""

from keyturn.control.dashboard.pages.key_hygiene import tidy_share
from keyturn.domain.hygiene import Finding


def test_keys_without_findings_are_tidy_and_those_with_all_are_not() -> None:
    """0 to 100, weighed as the report is sorted."""
    worst: dict[Finding, int] = {one: 2 for one in Finding if one is not Finding.NEVER_USED}

    assert tidy_share(0, {}) == 100
    assert tidy_share(2, {}) == 100
    assert tidy_share(2, worst) == 0
    assert tidy_share(2, {Finding.NO_EXPIRY: 2}) > tidy_share(2, {Finding.SEEN_IN_URL: 1})
