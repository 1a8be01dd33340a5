"""Identifiers: a prefix that says what it names, then 20 base62 characters in order of time.

Seven characters of milliseconds (enough until 2081) sort by creation; thirteen of entropy
(77 bits) keep two nodes from ever naming alike.
"""

import re

from keyturn.domain.base62 import encode

KEY, SECRET, PROJECT, ACCOUNT, USER = "key_", "sec_", "proj_", "acct_", "user_"
REQUEST, UPSTREAM, EVENT = "req_", "up_", "evt_"
PLAN, GRANT = "plan_", "grnt_"
SESSION = "ses_"
PRICE, RERATE = "prc_", "rrt_"

TIME_WIDTH = 7
ENTROPY_WIDTH = 13

_SHAPE = re.compile(r"[a-z]{2,4}_[0-9A-Za-z]{20}")


def mint(prefix: str, *, now_ms: int, entropy: int) -> str:
    """Make an identifier, such as ``key_1MtO0kW…``.

    Args:
        prefix: One of the prefixes above, with its underscore.
        now_ms: Milliseconds since 1970 UTC.
        entropy: A uniformly random integer of at least 77 bits.
    """
    return prefix + encode(now_ms, TIME_WIDTH) + encode(entropy, ENTROPY_WIDTH)


def is_id(text: str, prefix: str) -> bool:
    """Say whether ``text`` has the shape of an identifier with this prefix."""
    return text.startswith(prefix) and _SHAPE.fullmatch(text) is not None


def resembles_one(text: str) -> bool:
    """Say whether ``text`` has the shape of any identifier: as a name it would stand for something else."""
    return _SHAPE.fullmatch(text) is not None
