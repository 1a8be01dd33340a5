"""The weights of what is untidy."""

from keyturn.domain.hygiene import WEIGHTS, Finding


def test_a_finding_outweighs_all_that_are_below_it() -> None:
    """And the sum says which they are: only two that exclude each other weigh the same."""
    weights = list(WEIGHTS.values())

    assert set(WEIGHTS) == set(Finding)
    assert weights == sorted(weights, reverse=True)
    assert all(weight & (weight - 1) == 0 for weight in weights)
    assert WEIGHTS[Finding.IDLE] == WEIGHTS[Finding.NEVER_USED]
    assert len(set(weights)) == len(weights) - 1
