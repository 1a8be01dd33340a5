"""Searching keys for a whole secret: it is found by its digest, and what goes into the address is the key's identifier."""

import re

from keyturn.control.management import Management
from keyturn.domain import key_text, verifier
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Refused

SHORTEST, LONGEST = 16, 1_000
"""Characters of a secret; those of imported keys look like anything."""
SHOWN = 7
"""Characters that may be shown of a secret, as ``key_text.display`` has them."""
MOST_PIECES = 8
_AROUND = re.compile(r"[\s\"'`=:,;<>()]+")
"""What stands between a secret and the words that were copied with it."""


async def instead_of(text: str, management: Management, by: Principal) -> tuple[str, bool] | None:
    """Return what to search for instead of a secret, and whether it is a key's; ``None``: the text holds no secret.

    The secret of an imported key is only known for one if it is that of a key within reach.

    Args:
        text: What somebody searches for; a secret may be in it with what was copied along.
        management: Knows keys.
        by: Who asks; a key that is out of reach is like one that is not there.
    """
    secret = key_text.secret_in(text)
    for piece in _pieces(text, secret):
        record = await management.lookup.by_digest(verifier.digest(piece.encode("utf-8", "surrogatepass")))
        key = None if record is None else await management.keys.show(record.id, by=by)
        if key is not None and not isinstance(key, Refused):
            return key.stored.id, True
    return (secret[:SHOWN], False) if secret else None


def _pieces(text: str, secret: str) -> list[str]:
    """Return what may be the secret of a key."""
    pieces = dict.fromkeys((secret, text, *_AROUND.split(text)))
    return [piece for piece in pieces if SHORTEST <= len(piece) <= LONGEST][:MOST_PIECES]
