"""The tables of the jobs, and how their database is opened: a SQLite file, or PostgreSQL.

They stand beside those of DBOS, so that one transaction changes both. They hold names and ids, never contents. Knows
nothing of what a job does.
"""

import os
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event

_BUSY_MS: Final = 10_000
_CONNECT_SECONDS: Final = 5

META: Final = sa.MetaData()

JOBS: Final = sa.Table(
    "gateway_jobs",
    META,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("began", sa.Float(53), nullable=False),
    sa.Column("due", sa.Float(53), nullable=False),
    sa.Column("run", sa.Integer, nullable=False),  # how often it was handed to DBOS
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("records", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Index("gateway_jobs_due", "state", "due"),
)
OWED: Final = sa.Table(
    "gateway_owed",
    META,
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("job", sa.Text, nullable=False),
    sa.Column("intent", sa.LargeBinary, nullable=False),
    sa.Index("gateway_owed_job", "job"),
)
GONE: Final = sa.Table(
    "gateway_gone",
    META,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("at", sa.Text, nullable=False),
    sa.Index("gateway_gone_at", "at"),
)
WORKERS: Final = sa.Table(
    "gateway_workers",
    META,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("seen", sa.Float(53), nullable=False),
)


class Place:
    """Where the jobs are kept. Opens nothing; `hide_parameters` keeps names and ids out of every error."""

    def __init__(self, path: Path | None, url: str = "") -> None:
        self.path = path
        self.url = f"sqlite:///{path}" if path is not None else _with_driver(url)

    def exists(self) -> bool:
        return self.path is None or self.path.exists()

    def make(self) -> None:
        """The file and its folder, for its owner alone; nothing where it is there or is a server."""
        if self.path is not None and not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))

    def engine(self, connections: int, *, durable: bool) -> sa.Engine:
        """Without `durable`, a machine that loses its power may take the file back to an earlier commit of its own
        history: work is done twice, and nothing that was durable before is lost.
        """
        more: dict[str, Any] = {"pool_size": connections, "max_overflow": 0, "hide_parameters": True}
        if self.path is None:
            more |= {"pool_pre_ping": True, "connect_args": {"connect_timeout": _CONNECT_SECONDS}}
        engine = sa.create_engine(self.url, **more)
        if self.path is not None:
            event.listen(engine, "connect", _durable if durable else _quick)
        return engine


def _with_driver(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"postgresql+psycopg{separator}{rest}" if scheme in ("postgres", "postgresql") else url


def _durable(connection: Any, _record: object) -> None:
    _prepare(connection, "FULL")


def _quick(connection: Any, _record: object) -> None:
    _prepare(connection, "NORMAL")


def _prepare(connection: Any, synchronous: str) -> None:
    connection.isolation_level = "IMMEDIATE"  # writers wait for each other, and none fails half-way
    for pragma in (
        f"busy_timeout={_BUSY_MS}",
        "journal_mode=WAL",
        f"synchronous={synchronous}",
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def moment(at: datetime) -> str:
    """As text that sorts as time does: all are UTC."""
    return at.isoformat(timespec="microseconds")
