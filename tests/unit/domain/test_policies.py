"""What a project's policy may say, and how it is kept."""

import pytest

from keyturn.domain.policies import (
    MOST_DAYS,
    NO_POLICY,
    ProjectPolicy,
    problem_with,
    read_policy,
    write_policy,
)

FULL = ProjectPolicy(("header", "body"), 365, 90, recoverable=False, rotate_every_days=MOST_DAYS)


@pytest.mark.parametrize("policy", [ProjectPolicy(), FULL, ProjectPolicy(unused_days=1)])
def test_a_policy_is_read_as_it_was_written(policy: ProjectPolicy) -> None:
    """It is kept as text."""
    assert read_policy(write_policy(policy)) == policy
    assert problem_with(policy) is None


def test_a_policy_without_a_rule_is_kept_as_nothing() -> None:
    """Look-ups recognise it by its text and decode nothing."""
    assert write_policy(ProjectPolicy()) == NO_POLICY


@pytest.mark.parametrize(
    ("policy", "member"),
    [
        (ProjectPolicy(locations=()), "locations"),
        (ProjectPolicy(locations=("HEADER",)), "locations[0]"),
        (ProjectPolicy(locations=("body", "body")), "locations[1]"),
        (ProjectPolicy(longest_life_days=0), "longest_life_days"),
        (ProjectPolicy(unused_days=-1), "unused_days"),
        (ProjectPolicy(rotate_every_days=MOST_DAYS + 1), "rotate_every_days"),
    ],
)
def test_a_rule_that_makes_no_sense_is_named(policy: ProjectPolicy, member: str) -> None:
    """As a path inside the policy."""
    found = problem_with(policy)

    assert found is not None
    assert found[0] == member
