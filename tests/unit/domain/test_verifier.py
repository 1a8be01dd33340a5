"""What is stored instead of a secret."""

from keyturn.domain import verifier

PEPPER = bytes(range(32))
DIGEST = verifier.digest(b"sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ39Fg38")


def test_the_published_vector_holds() -> None:
    """Keys in a database must be found again by every later version."""
    stored = verifier.verifier(PEPPER, DIGEST)

    assert stored.hex() == "f65d3226aec8baa598a4e6e3d733c8596e45434d7e231842ed1c6d078a54d598"
    assert len(DIGEST) == len(stored) == verifier.DIGEST_LENGTH


def test_another_pepper_makes_another_verifier() -> None:
    """A stolen database is useless without it."""
    assert verifier.verifier(bytes(32), DIGEST) != verifier.verifier(PEPPER, DIGEST)


def test_a_verifier_is_bound_to_its_key() -> None:
    """Whoever writes to the database can't move a known secret onto a stronger key."""
    stored = verifier.verifier(PEPPER, DIGEST)

    bound = verifier.binding(PEPPER, stored, "key_1")

    assert verifier.matches(bound, verifier.binding(PEPPER, stored, "key_1"))
    assert not verifier.matches(bound, verifier.binding(PEPPER, stored, "key_2"))
    assert not verifier.matches(bound, verifier.binding(bytes(32), stored, "key_1"))
