"""The table of bodies: what was asked and answered in projects that want it kept."""

from sqlalchemy import Column, LargeBinary, String, Table

from keyturn.store.tables import metadata

request_bodies = Table(
    "request_bodies",
    metadata,
    Column("request_id", String(40), primary_key=True),  # in order of time, which is how old ones are found
    Column("sealed", LargeBinary, nullable=False),  # domain.bodies.Exchanged
)
