"""The tables of alerts, beside those in ``tables``."""

from sqlalchemy import BigInteger, Column, String, Table, Text

from keyturn.store.tables import metadata

alert_rules = Table(
    "alert_rules",
    metadata,
    # Who wants to hear of other shares of their limits than the node's settings say.
    Column("owner_id", String(40), primary_key=True),  # a key, project or account
    Column("thresholds", Text, nullable=False),  # percent, a JSON array
    sqlite_with_rowid=False,
)

throttled_keys = Table(
    "throttled_keys",
    metadata,
    # Whose limits have a throttle among them, so that it can be taken out without looking at every key.
    Column("key_id", String(40), primary_key=True),
    Column("until", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

key_models = Table(
    "key_models",
    metadata,
    # What each key has ever used: rollups say it too, but not of one key alone without reading all of them.
    Column("key_id", String(40), primary_key=True),
    Column("model", Text, primary_key=True),
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),  # to the hour
    sqlite_with_rowid=False,
)
