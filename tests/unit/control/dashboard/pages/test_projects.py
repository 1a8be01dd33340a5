from keyturn.control.dashboard.pages.projects import rules
from keyturn.domain.policies import ProjectPolicy


def test_a_policy_is_told_in_words() -> None:
    """What it leaves open is not told."""
    policy = ProjectPolicy(
        ("header", "body"), 90, 1, recoverable=False, rotate_every_days=30, store_bodies=True
    )

    assert rules(ProjectPolicy()) == []
    assert rules(policy) == [
        ("Keys may be presented in", "header, body"),
        ("Keys expire within", "90 days"),
        ("Unused keys are disabled after", "1 day"),
        ("New keys are rotated every", "30 days"),
        ("Secrets can be shown again", "no"),
        ("What is asked and answered is kept", "yes"),
    ]
