"""The table of what upstreams have room for."""

from sqlalchemy import Column, ForeignKey, Integer, String, Table

from keyturn.store.tables import metadata

upstream_rooms = Table(
    "upstream_rooms",
    metadata,
    Column("upstream_id", String(40), ForeignKey("upstreams.id", ondelete="CASCADE"), primary_key=True),
    Column("max_concurrency", Integer, nullable=False),  # 0: as many as come
    Column("requests_per_minute", Integer, nullable=False),
)
