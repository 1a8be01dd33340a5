"""What needs attention, over real rows."""

import pytest
from sqlalchemy import update

from fakes.used import KEYS, own
from keyturn import system
from keyturn.domain.keys import Status
from keyturn.store import attention, keys
from keyturn.store.attention import Whose
from keyturn.store.engine import Store
from keyturn.store.keys import KeyFilter
from keyturn.store.tables import keys as rows


@pytest.mark.parametrize(
    "otherwise", [{"enabled": False}, {"revoked_at": 1}, {"expires_at": 1}, {"deleted_at": 1}]
)
async def test_a_frozen_key_that_would_not_work_anyway_needs_no_attention(
    store: Store, otherwise: dict[str, object]
) -> None:
    """The number leads to a list, and both have the same keys."""
    await own(store)
    now_ms = system.now_ms()
    async with store.writing() as connection:
        await connection.execute(update(rows).where(rows.c.id.in_(KEYS[:3])).values(frozen_at=now_ms))
        await connection.execute(update(rows).where(rows.c.id == KEYS[0]).values(**otherwise))
        counted = await attention.quarantined(connection, Whose(), now_ms=now_ms)
        wanted = KeyFilter(status=Status.ACTIVE, quarantined=True)
        listed = await keys.page(connection, wanted, before=None, now_ms=now_ms, limit=10)

    assert counted == 2
    assert {one.id for one in listed} == set(KEYS[1:3])
