"""Other providers' signatures, where this dialect has its one opaque place."""

import pytest

from keyturn.dialects import openai_responses_signatures as signatures


@pytest.mark.parametrize(("signature", "sealed"), [("", "gAAAA"), ("c2ln", ""), ("c2ln", "gAAAA"), ("", "")])
def test_a_signature_and_a_seal_come_back_as_they_were(signature: str, sealed: str) -> None:
    """The provider checks them to the byte."""
    assert signatures.unseal(signatures.seal(signature, sealed)) == (signature, sealed)


def test_a_seal_alone_is_not_changed() -> None:
    """It goes to whoever made it."""
    assert signatures.seal("", "gAAAA") == "gAAAA"


def test_a_call_is_told_by_its_id() -> None:
    """Its signature stands in an item of its own, anywhere behind it."""
    assert signatures.call_of(signatures.of_call("call_1", "c2ln")) == ("call_1", "c2ln")
    assert signatures.call_of("gAAAA") is None
