"""The tables of calls of models that may be sent again."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, String, Table, Text, text

from keyturn.store.tables import metadata

attempts = Table(
    "attempts",
    metadata,
    Column("id", LargeBinary, primary_key=True),  # domain.attempts.attempt_id
    Column("fingerprint", LargeBinary, nullable=False),  # domain.attempts.fingerprint
    Column("request_id", String(40), nullable=False),
    Column("worker", Text, nullable=False),  # whose journal says what became of it
    Column("begun_at", BigInteger, nullable=False, index=True),
    Column("fate", String(8), nullable=False),  # domain.attempts.Fate; empty while it is under way
    Index("ix_attempts_under_way", "worker", sqlite_where=text("fate = ''")),
    sqlite_with_rowid=False,
)

attempt_answers = Table(
    "attempt_answers",
    metadata,
    # Apart from the attempts, whose rows are small and looked up by the thousand.
    Column("request_id", String(40), primary_key=True),  # of the attempt that it is the answer to
    Column("begun_at", BigInteger, nullable=False),
    Column("length", BigInteger, nullable=False),  # bytes of what is sealed
    Column("sealed", LargeBinary, nullable=False),  # domain.attempts.Answer
    Index("ix_attempt_answers_begun_at_length", "begun_at", "length"),  # adding up must not read the answers
)
