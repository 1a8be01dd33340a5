"""Keys in the body."""

import pytest

from keyturn.dialects import json_scan
from keyturn.domain.refusals import Reason, Refused
from keyturn.schemes import body
from keyturn.schemes.presented import Presented


def read(text: str) -> Presented | Refused | None:
    """Read a body."""
    found = json_scan.members(text.encode())
    assert not isinstance(found, Refused)
    return body.read(found)


@pytest.mark.parametrize(
    ("text", "key"),
    [('{"api_key":"k"}', b"k"), ('{"api_key":" k\\n"}', b"k"), ('{"a":1,"\\u0061pi_key":"é"}', "é".encode())],
)
def test_a_key_is_found_in_the_member(text: str, key: bytes) -> None:
    """Some clients can set nothing but the body."""
    assert read(text) == Presented(key, "body")


def test_a_body_without_the_member_has_no_credential() -> None:
    """Not mine."""
    assert read('{"key":"k"}') is None


@pytest.mark.parametrize("value", ["null", "1", '["k"]', '{"a":"k"}', "true"])
def test_a_key_that_is_no_string_is_refused(value: str) -> None:
    """Mine, but bad; and the value is not echoed."""
    assert read(f'{{"api_key":{value}}}') == Refused(
        Reason.INVALID_MEMBER, "'api_key' must be a string", "api_key"
    )
