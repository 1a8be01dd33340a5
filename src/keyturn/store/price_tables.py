"""The table of the operator's prices. Those that are shipped are a file of the program."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text

from keyturn.store.tables import metadata

prices = Table(
    "prices",
    metadata,
    # Append-only, but for prices whose time has not come: requests name the one that they were charged at.
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("id", String(40), nullable=False, unique=True),
    Column("model", Text, nullable=False),  # the name that clients use; there may be no such model any more
    Column("effective_from", BigInteger, nullable=False),
    Column("priced", Boolean, nullable=False),  # 0: from here on the operator says nothing
    Column("input_nano_usd", BigInteger, nullable=False),  # per million tokens, like the next four
    Column("output_nano_usd", BigInteger, nullable=False),
    Column("cached_input_nano_usd", BigInteger),  # NULL: as other input
    Column("cache_write_nano_usd", BigInteger),  # NULL: as other input
    Column("reasoning_nano_usd", BigInteger),  # NULL: as other output
    Column("image_nano_usd", BigInteger, nullable=False),
    Column("second_nano_usd", BigInteger, nullable=False),
    Column("million_characters_nano_usd", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Index("ix_prices_model", "model", "seq"),
)
