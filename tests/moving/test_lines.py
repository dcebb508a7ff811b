"""Out and in again: nothing is lost, every line is checked, and a bad one is told by its number."""

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.domain.errors import Invalid
from gateway.domain.ids import slot_id
from gateway.domain.ports import Provider, Where
from gateway.domain.record import Kind, Record
from gateway.services.checkpoints.showing import record_id, write_id
from gateway.services.moving.exporting import exported
from gateway.services.moving.importing import Door, Imported, Importing
from gateway.services.moving.lines import read_header
from gateway.testing.making import Maker, Time, everything, scanned
from tests.moving.stores import memory, of_every_kind, plain, real, sqlite

ALL = Where(frozenset(Kind))


async def written(provider: Provider, tenant: str, embedder: str | None = "e") -> bytes:
    pages = [lines async for lines, _ in exported(provider, tenant, frozenset(Kind), real(), embedder)]
    return b"".join(pages)


class Fixed:
    """An embedder whose every vector is the same."""

    type_name = "fixed"
    Options: type[Any] = object
    dimension = 8
    vector = b"\0\0\x80\x3f" + bytes(28)

    async def open(self, stack: Any) -> None:
        return

    async def embed(self, texts: Any) -> list[bytes]:
        return [self.vector for _ in texts]


def door(provider: Provider, **others: Any) -> Door:
    others.setdefault("kinds", frozenset(Kind))
    others.setdefault("embedder", Fixed())
    others.setdefault("fingerprint", "e")
    return Door(provider=provider, **others)


async def read(to: Door, lines: bytes) -> tuple[Imported, list[tuple[int, str]]]:
    told: list[tuple[int, str]] = []
    done = await Importing(to, real(), lambda number, why: told.append((number, why))).put(io.BytesIO(lines))
    return done, told


async def held(provider: Provider, tenant: str) -> list[Record]:
    return sorted(await scanned(provider, everything(tenant), ALL, vectors=True), key=lambda each: each.id)


async def test_every_kind_of_record_comes_back_as_it_was(tmp_path: Path, make: Maker) -> None:
    spoken = {Kind.MEMORY, Kind.MESSAGE}
    records = [
        msgspec.structs.replace(each, vector=make.vector() if each.kind in spoken else None)
        for each in of_every_kind(make)
    ]
    async with memory() as old, sqlite(tmp_path, "new.db") as new:
        await old.put(records)
        lines = await written(old, make.tenant)
        done, told = await read(door(new), lines)
        assert (done.stored, done.bad, told) == (len(records), 0, [])
        assert await held(new, make.tenant) == records
        assert (await read(door(new), lines))[0].there == len(records)


async def test_a_line_is_readable_and_the_first_one_says_what_follows() -> None:
    async with memory() as old:
        await old.put([plain(1)])
        head, line, *rest = (await written(old, "acme", None)).splitlines()
    header = read_header(head)
    assert (header.tenant, header.version, header.count, header.embedder) == ("acme", 1, None, "")
    assert set(header.kinds) == set(Kind) and rest == []
    shown = msgspec.json.decode(line)
    assert (shown["content"], shown["user_id"], shown["metadata"]) == ("note 1", "u1", {"n": 1})


async def test_vectors_are_made_where_there_are_none_or_others(make: Maker) -> None:
    record = make.record("hello", vector=make.vector())
    async with memory() as old, memory() as new:
        await old.put([record])
        for embedder, fingerprint, kept in [(None, "e", False), ("e", "f", False), ("e", "e", True)]:
            await new.delete(everything(make.tenant), [record.id])
            await read(door(new, fingerprint=fingerprint), await written(old, make.tenant, embedder))
            (found,) = await held(new, make.tenant)
            assert found.vector == (record.vector if kept else Fixed.vector)
        await new.delete(everything(make.tenant), [record.id])
        await read(door(new, embedder=None), await written(old, make.tenant))
        assert (await held(new, make.tenant))[0].vector is None


def line(record: Record, **changes: Any) -> bytes:
    shown = msgspec.json.decode(msgspec.json.encode(_shown(record)))
    return msgspec.json.encode({**shown, **changes}) + b"\n"


def _shown(record: Record) -> Any:
    from gateway.providers.documents import document_of

    return document_of(record)


def unknown() -> bytes:
    return line(plain(1), expires="2100-01-01T00:00:00Z")


BAD: dict[str, Callable[[], bytes]] = {
    "no JSON": lambda: b"{half\n",
    "nothing": lambda: b"\n",
    "no object": lambda: b"[]\n",
    "not UTF-8": lambda: line(plain(1)).replace(b"note", b"\xff\xfe"),
    "an unknown key": unknown,
    "an unknown kind": lambda: line(plain(1), kind="thought"),
    "another tenant": lambda: line(plain(1, "globex")),
    "a version below 1": lambda: line(plain(1), version=0),
    "a time without an offset": lambda: line(plain(1), created_at="2024-01-01T00:00:00"),
    "a NUL": lambda: line(plain(1), content="a\0b"),
    "a NUL in a key": lambda: line(plain(1), metadata={"a\0": 1}),
    "a large number": lambda: line(plain(1), metadata={"a": 2**60}),
    "a long owner": lambda: line(plain(1), user_id="u" * 600),
    "no id": lambda: line(plain(1), id=""),
    "no space": lambda: line(plain(1), space=""),
    "a body that is no JSON": lambda: line(plain(1), body=base64.b64encode(b"{").decode()),
    "a body that is no base64": lambda: line(plain(1), body="%"),
    "a short vector": lambda: line(plain(1), vector=base64.b64encode(bytes(16)).decode()),
    "a long vector": lambda: line(plain(1), vector=base64.b64encode(b"\0\0\0\x40" * 8).decode()),
    "no numbers": lambda: line(plain(1), vector=base64.b64encode(b"\0\0\xc0\x7f" * 8).decode()),
}


@pytest.mark.parametrize("what", BAD)
async def test_a_bad_line_is_told_by_its_number_and_all_others_are_stored(what: str) -> None:
    async with memory() as old, memory() as new:
        head = (await written(old, "acme")).splitlines()[0] + b"\n"
        done, told = await read(door(new), head + line(plain(5)) + BAD[what]() + line(plain(6)))
        assert [number for number, _ in told] == [3]
        assert "note" not in told[0][1]
        assert (done.stored, done.bad) == (2, 1)
        assert [each.id for each in await held(new, "acme")] == [plain(5).id, plain(6).id]


async def test_a_file_without_a_header_is_refused() -> None:
    async with memory() as new:
        for lines in (b"", line(plain(1)), b'{"format": "memory-gateway-export", "version": 2}\n'):
            with pytest.raises(Invalid) as refused:
                await read(door(new), lines)
            assert refused.value.code == "bad_header"


async def test_what_has_expired_and_what_cannot_be_held_is_counted(make: Maker, clock: Time) -> None:
    async with memory(clock) as old, memory() as new:
        clock.forward(days=-1)
        await old.put([make.record("ended", ttl=60), make.record("stays"), make.record("r", kind=Kind.RUN)])
        done, told = await read(door(new, kinds=frozenset({Kind.MEMORY})), await written(old, make.tenant))
        assert (done.stored, done.expired, done.left, told) == (1, 1, {Kind.RUN: 1}, [])


async def test_a_tenant_may_be_renamed_and_finds_what_is_named_after_it(make: Maker) -> None:
    scope = make.scope(run="s1")
    named, written_ = {"checkpoint_id": "step-1"}, {"checkpoint_id": "step-1", "write_id": "a"}
    records = [
        make.record("m", scope),
        make.record("", scope, id=slot_id(scope, "session"), kind=Kind.SESSION),
        make.record("p", scope, id=slot_id(scope, "prefill"), kind=Kind.MESSAGE),
        make.record("", scope, id=record_id(scope, "step-1"), kind=Kind.CHECKPOINT, metadata=named),
        make.record("", scope, id=write_id(scope, "step-1", "a"), kind=Kind.WRITE, metadata=written_),
    ]
    async with memory() as old, memory() as new:
        await old.put(records)
        await read(door(new, tenant="other"), await written(old, make.tenant))
        assert await held(new, make.tenant) == []
        theirs = msgspec.structs.replace(scope, tenant="other")
        ids = [records[0].id, slot_id(theirs, "session"), slot_id(theirs, "prefill"), record_id(theirs, "step-1")]
        ids.append(write_id(theirs, "step-1", "a"))
        found = await new.get(everything("other"), ids)
        assert [each.scope if each else None for each in found] == [theirs] * 5
