"""Keys in the JSON body: the member ``api_key``. It is always removed before the upstream."""

import msgspec

from keyturn.dialects.json_scan import Members
from keyturn.domain.refusals import Reason, Refused
from keyturn.schemes.presented import Presented

MEMBER = "api_key"

_string = msgspec.json.Decoder(str)


def read(found: Members) -> Presented | Refused | None:
    """Return the credential in a body's members."""
    raw = found.get(MEMBER)
    if raw is None:
        return None
    try:
        return Presented(_string.decode(raw).strip().encode(), "body")
    except msgspec.DecodeError:
        return Refused(Reason.INVALID_MEMBER, "'api_key' must be a string", MEMBER)
