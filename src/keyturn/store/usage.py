"""What each key has used in its life."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.store.tables import key_usage


class KeyUsage(msgspec.Struct, frozen=True):
    """What a key has used in its life."""

    key_id: str
    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nano_usd: int = 0
    last_used_at: int | None = None
    """Milliseconds since 1970 UTC."""
    last_address: str = ""
    seen_in_url: bool = False


async def of_keys(connection: AsyncConnection, key_ids: Sequence[str]) -> dict[str, KeyUsage]:
    """Return what each of these keys has used; nothing for one never used."""
    found = {key_id: KeyUsage(key_id) for key_id in key_ids}
    for row in await connection.execute(select(key_usage).where(key_usage.c.key_id.in_(key_ids))):
        found[row.key_id] = KeyUsage(*row)
    return found
