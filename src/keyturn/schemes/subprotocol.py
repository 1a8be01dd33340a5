"""Keys in ``Sec-WebSocket-Protocol``: the only header that a page can fill when it opens a WebSocket.

The key's name is taken out before anything else sees the list: a server answers with one of the names it was offered.
Source: https://platform.openai.com/docs/guides/realtime-websocket
"""

from keyturn.dialects import websocket
from keyturn.schemes.presented import Presented

HEADER = b"sec-websocket-protocol"
PREFIX = b"openai-insecure-api-key."


def read(value: bytes) -> tuple[list[Presented], list[bytes]]:
    """Return the credentials in the header's value, and the other names in it."""
    found: list[Presented] = []
    rest: list[bytes] = []
    for name in websocket.protocols(value):
        if name.lower().startswith(PREFIX):
            found.append(Presented(name[len(PREFIX) :], HEADER.decode()))
        else:
            rest.append(name)
    return found, rest
