"""Queries for upstreams."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.store.tables import upstreams

COMPATIBLE = "compatible"
"""The provider of an upstream of which nobody has said one."""

_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(tuple[bytes, ...])


class StoredUpstream(msgspec.Struct, frozen=True):
    """A configured connection to a provider, its credentials sealed."""

    id: str
    name: str
    base_url: str
    sealed_credential: bytes | None
    created_at: int
    """Milliseconds since 1970 UTC."""
    provider: str = COMPATIBLE
    """A name of ``providers.catalog``."""
    further_credentials: tuple[bytes, ...] = ()
    """Those beside the first, sealed likewise."""

    @property
    def sealed_credentials(self) -> tuple[bytes, ...]:
        """All of them, the first one first."""
        first = () if self.sealed_credential is None else (self.sealed_credential,)
        return first + self.further_credentials

    def having(self, sealed: Sequence[bytes]) -> "StoredUpstream":
        """Return the same connection with other credentials, the first one first; with none it needs none."""
        first, further = (sealed[0], tuple(sealed[1:])) if sealed else (None, ())
        return msgspec.structs.replace(self, sealed_credential=first, further_credentials=further)


async def add(connection: AsyncConnection, upstream: StoredUpstream) -> None:
    """Store a new upstream; its name must be free."""
    values = {
        **msgspec.structs.asdict(upstream),
        "further_credentials": _further(upstream.further_credentials),
    }
    await connection.execute(insert(upstreams).values(values))


async def put_credentials(connection: AsyncConnection, upstream_id: str, sealed: Sequence[bytes]) -> None:
    """Replace all credentials of an upstream, the first one first; without any it needs none."""
    values = {
        "sealed_credential": sealed[0] if sealed else None,
        "further_credentials": _further(sealed[1:]),
    }
    await connection.execute(update(upstreams).where(upstreams.c.id == upstream_id).values(values))


async def get(connection: AsyncConnection, name: str) -> StoredUpstream | None:
    """Return the upstream of this name."""
    row = (await connection.execute(select(upstreams).where(upstreams.c.name == name))).first()
    return None if row is None else _read(row)


async def everything(connection: AsyncConnection) -> list[StoredUpstream]:
    """Return all upstreams by name."""
    return [_read(row) for row in await connection.execute(select(upstreams).order_by(upstreams.c.name))]


async def remove(connection: AsyncConnection, name: str) -> None:
    """Delete an upstream and the models whose first target it is."""
    await connection.execute(delete(upstreams).where(upstreams.c.name == name))


def _further(sealed: Sequence[bytes]) -> bytes | None:
    return _encode(sealed) if sealed else None


def _read(row: Row[Any]) -> StoredUpstream:
    values = row._asdict()
    further = values["further_credentials"]
    values["further_credentials"] = () if further is None else _decoder.decode(further)
    return StoredUpstream(**values)
