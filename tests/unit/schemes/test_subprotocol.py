"""Keys among the protocols of a WebSocket."""

from keyturn.domain.refusals import Reason, Refused
from keyturn.gateway import gate
from keyturn.gateway.gate import Places
from keyturn.schemes import subprotocol
from keyturn.schemes.presented import Presented

PLACES = Places(frozenset({"header"}))
VALUE = b"realtime, OpenAI-Insecure-API-Key.sk-1, openai-beta.realtime-v1"


def test_a_key_is_taken_out_of_the_list() -> None:
    """What is left is the provider's."""
    found, rest = subprotocol.read(VALUE)

    assert found == [Presented(b"sk-1", "sec-websocket-protocol")]
    assert rest == [b"realtime", b"openai-beta.realtime-v1"]


def test_no_key_is_none() -> None:
    """Another place may have it."""
    assert subprotocol.read(b"realtime") == ([], [b"realtime"])


def test_it_counts_where_there_are_websockets_only() -> None:
    """Elsewhere the header is nobody's."""
    headers = {subprotocol.HEADER: VALUE}

    assert gate.credential(headers, None, b"/v1/realtime", b"", PLACES)[0] == Presented(
        b"sk-1", "sec-websocket-protocol"
    )
    assert gate.credential(headers, None, b"/v1/models", b"", PLACES)[0] is None


def test_two_different_keys_are_refused() -> None:
    """Which of them is meant, nobody can say."""
    headers = {subprotocol.HEADER: VALUE, b"authorization": b"Bearer sk-2"}

    found, _ = gate.credential(headers, None, b"/v1/realtime", b"", PLACES)

    assert isinstance(found, Refused)
    assert found.reason is Reason.MULTIPLE_CREDENTIALS
