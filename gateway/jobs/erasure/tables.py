"""The tables of erasures: what was asked for, the fences, the receipts. Beside those of the jobs, in the same database.

A name of a person stands in one column only, and only until its erasure has come to its end.
"""

from typing import Final

import sqlalchemy as sa

META: Final = sa.MetaData()

ERASURES: Final = sa.Table(
    "gateway_erasures",
    META,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("person", sa.Text, nullable=False),  # "" from the end on
    sa.Column("noted", sa.Boolean, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("due", sa.Float(53), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("held", sa.Float(53), nullable=False),  # until then it is the holder's
    sa.Column("standing", sa.LargeBinary, nullable=False),
    sa.Index("gateway_erasures_due", "stage", "due"),
    sa.Index("gateway_erasures_subject", "tenant", "subject"),
)
FENCES: Final = sa.Table(
    "gateway_fences",
    META,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("kinds", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("closed", sa.Boolean, nullable=False),
    sa.Column("refuse", sa.Boolean, nullable=False),
)
SPENT: Final = sa.Table(
    "gateway_spent",
    META,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("at", sa.Text, nullable=False),
    sa.Index("gateway_spent_at", "at"),
)
RECEIPTS: Final = sa.Table(
    "gateway_receipts",
    META,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("erasure", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Column("receipt", sa.LargeBinary, nullable=False),
    sa.Index("gateway_receipts_erasure", "erasure"),
)
STATE: Final = sa.Table(
    "gateway_erasure_state",
    META,
    sa.Column("one", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("changes", sa.Integer, nullable=False),  # of fences: who reads knows whether there is something new
    sa.Column("secret", sa.LargeBinary, nullable=False),  # of the keyed hashes
)
