"""Two declared stores, records of every kind to move between them, and the verbs as an operator types them."""

import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, chdir
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from click.testing import CliRunner

from gateway.cli import main
from gateway.domain.ids import Clock
from gateway.domain.ports import Kit, Provider
from gateway.domain.record import Kind, Provenance, Record
from gateway.domain.scope import Scope
from gateway.providers.memory import Memory, MemoryOptions
from gateway.providers.sqlite import Sqlite, SqliteOptions
from gateway.services.moving.way import Way
from gateway.testing.making import Maker

LONG_AGO = datetime(2024, 5, 1, 12, tzinfo=UTC)
CONFIG = """version: 1
providers:
  old: {{type: sqlite, path: old.db, embedder: none}}
  new: {{{new}}}
defaults: {{chain: old}}
tenants:
  acme: {{auth: {{mode: open}}, routes: {{all: {{default: true, kinds: [memory, message, checkpoint]}}}}}}
  globex:
    auth: {{api_keys: [{{hash: "sha256:0000000000000000000000000000000000000000000000000000000000000001"}}]}}
    routes: {{all: {{default: true}}}}
"""
SQLITE = "type: sqlite, path: new.db, embedder: none"


def real() -> datetime:
    return datetime.now(UTC)


def configured(home: Path, new: str = SQLITE, text: str = CONFIG) -> Path:
    file = home / "gateway.yaml"
    file.write_text(text.format(new=new))
    return file


@asynccontextmanager
async def sqlite(home: Path, name: str, clock: Clock = real) -> AsyncGenerator[Provider]:
    made = Sqlite(SqliteOptions(path=name), Kit(name=name, clock=clock, home=home))
    async with AsyncExitStack() as stack:
        await made.open(stack)
        yield made


@asynccontextmanager
async def memory(clock: Clock = real) -> AsyncGenerator[Provider]:
    made = Memory(MemoryOptions(), Kit(name="memory", clock=clock, home=Path()))
    async with AsyncExitStack() as stack:
        await made.open(stack)
        yield made


def way(source: Provider, target: Provider, **others: Any) -> Way:
    others.setdefault("kinds", frozenset(Kind))
    return Way(source=source, target=target, **others)


def of_every_kind(make: Maker, many: int = 3) -> list[Record]:
    """Of each kind some, with everything that a record can have."""
    records: list[Record] = []
    for kind in Kind:
        for number in range(many):
            record = make.record(
                f"{kind} {number}: Grüße, 世界",
                make.scope(f"user{number}", agent="a" * (number % 2), run=f"run{number}", space="default"),
                kind=kind,
                body=b'{"content": [ {"type":"text"} ], "x": 1.50}' if number % 2 else None,
                role="assistant" if kind is Kind.MESSAGE else "",
                metadata={"z": 1, "a": {"deep": [1, 2.5, True, None, "x"]}, "whole": 2.0},
                vector=make.vector() if kind is Kind.MEMORY else None,
                provenance=Provenance(principal="key", route="all", fingerprint="f"),
                version=number + 1,
                ttl=86_400 if number == 1 else None,
            )
            later = record.updated_at + timedelta(seconds=number)
            records.append(msgspec.structs.replace(record, updated_at=later))
    return records


def plain(number: int, tenant: str = "acme", text: str = "") -> Record:
    """One of many small records, written long ago."""
    at = LONG_AGO + timedelta(milliseconds=number)
    return Record(
        id=f"id-{number:07}", kind=Kind.MEMORY, scope=Scope(tenant, "default", f"u{number % 50}"),
        text=text or f"note {number}", metadata={"n": number}, created_at=at, updated_at=at,
    )  # fmt: skip


async def filled(provider: Provider, records: Sequence[Record]) -> None:
    for start in range(0, len(records), 1000):
        await provider.put(records[start : start + 1000])


class Ended(msgspec.Struct, frozen=True):
    returncode: int
    stdout: str
    stderr: str


def typed(home: Path, *arguments: str, lines: str | None = None) -> Ended:
    """The verb, in that folder and this process, on an event loop of its own."""

    def one() -> Ended:
        with chdir(home):
            result = CliRunner().invoke(main, arguments, input=lines)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ended(result.exit_code, result.stdout, result.stderr)

    with ThreadPoolExecutor(1) as beside:
        return beside.submit(one).result()


def started(home: Path, *arguments: str, **others: Any) -> Ended:
    """The verb in a process of its own."""
    command = [sys.executable, "-m", "gateway", *arguments]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False, timeout=120, **others)
    return Ended(done.returncode, done.stdout, done.stderr)
