"""Searching keys for a whole secret: it is found by its digest, and what goes into the address is the key's identifier."""

import re

from keyturn.control.management import Management
from keyturn.domain import verifier
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Refused

SHORTEST, LONGEST = 16, 1_000
"""Characters of a secret; those of imported keys look like anything."""
SHOWN = 7
"""Characters that may be shown of a secret, as ``key_text.display`` has them."""
_BEGINNING = re.compile(r"(sk|pk|ak|ck|cs|tk)-\S")


async def instead_of(text: str, management: Management, by: Principal) -> tuple[str, bool] | None:
    """Return what to search for instead of a secret, and whether it is a key's; ``None``: the text is no secret.

    Args:
        text: What somebody searches for.
        management: Knows keys.
        by: Who asks; of a key that is out of reach, nothing is said.
    """
    if SHORTEST <= len(text) <= LONGEST and not re.search(r"\s", text):
        record = await management.lookup.by_digest(verifier.digest(text.encode()))
        key = None if record is None else await management.keys.show(record.id, by=by)
        if key is not None and not isinstance(key, Refused):
            return key.stored.id, True
        if key is not None:
            return text[:SHOWN], False
    if len(text) > SHOWN + 1 and _BEGINNING.match(text):
        return text[:SHOWN], False
    return None
