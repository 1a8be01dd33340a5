"""Keeps credentials out of logs."""

import re

from keyturn.domain.secret import REDACTED

_CREDENTIAL = re.compile(
    r"""(?x)
    \b(?:sk|pk|ak|ck|cs|tk)-[0-9A-Za-z_-]{8,}        # ours, and the shape of most providers'
    | (?i:\b(?:bearer|basic)\s+)[0-9A-Za-z._~+/=-]{8,}
    | (?i:\b(?:api[_-]?key|key|token|secret|password)=)[^&\s"']+
    """
)


def redact(text: str) -> str:
    """Return ``text`` with everything that looks like a credential replaced."""
    return _CREDENTIAL.sub(REDACTED, text)
