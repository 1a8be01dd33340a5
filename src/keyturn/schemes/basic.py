"""HTTP Basic: the secret as the user name (as curl -u KEY: sends it) or, after any user name, as the password.

Source: RFC 7617.
"""

import base64
import binascii


def key_in(token: bytes) -> bytes:
    """Return the key inside Basic credentials; what can't be decoded comes back as it is, to be refused as malformed."""
    try:
        user, _, password = base64.b64decode(token, validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return token
    return password or user
