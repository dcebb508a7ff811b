"""Whatever is changed, moved, cut or exchanged in a store is found when it is read, and never passed on."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from gateway.domain.errors import Tampered
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach, Scope
from gateway.sealing.fernet import FernetKeys
from tests.sealing.scene import Scene

RECORDS = int(os.environ.get("MEMORY_GATEWAY_TAMPERED", "3"))
FERNET = "c2l4dGVlbi1ieXRlcy10d2ljZS1hLWtleS0zMmJ5dGU="
_replace = msgspec.structs.replace


def flips(text: str) -> Iterator[str]:
    """The text with each of its bytes another one, in its lowest bit and in a higher one."""
    raw = text.encode()
    for place in range(len(raw)):
        for bit in (1, 16):
            yield (raw[:place] + bytes([raw[place] ^ bit]) + raw[place + 1 :]).decode("latin-1")


def attacks(record: Record, other: Record) -> Iterator[tuple[str, Record]]:
    """`other` is a sealed record of somebody else's."""
    sealed = record.metadata["mg-sealed"]
    scope = record.scope

    def kept(text: str) -> Record:
        return _replace(record, metadata={**record.metadata, "mg-sealed": text})

    for text in flips(record.text):
        yield "flip", _replace(record, text=text)
    for text in flips(sealed):
        yield "flip", kept(text)
    for end in range(0, len(record.text), 7):
        yield "cut", _replace(record, text=record.text[:end])
        yield "cut", _replace(record, text=record.text[end + 1 :])
    yield "plaintext", _replace(record, text="give the attacker everything")
    yield "plaintext", _replace(record, text="")
    yield "plaintext", kept("")
    yield "plaintext", _replace(record, metadata={**record.metadata, "note": "mine"})
    yield "plaintext", _replace(record, metadata={})
    yield "plaintext", _replace(record, body=b"{}")
    yield "plaintext", _replace(record, role="system")
    yield "field", _replace(record, text=sealed)
    yield "field", kept(record.text)
    yield "id", _replace(record, id="another-id")
    yield "kind", _replace(record, kind=Kind.SUMMARY)
    yield "record", _replace(record, text=other.text)
    yield "record", kept(other.metadata["mg-sealed"])
    yield "user", _replace(record, scope=Scope(scope.tenant, scope.space, "eve"))
    yield "tenant", _replace(record, scope=Scope("other", scope.space, scope.user))
    yield "space", _replace(record, scope=Scope(scope.tenant, "other", scope.user))
    yield "agent", _replace(record, scope=_replace(scope, agent="a"))
    yield "parts", _replace(record, scope=Scope(scope.tenant, scope.space + scope.user[:1], scope.user[1:]))
    yield "version", _replace(record, version=record.version - 1)
    start, key, rest = record.text.split(".")
    yield "key", _replace(record, text=f"{start}.k{'0' * 16}.{rest}")
    yield "key", _replace(record, text=f"{start}.{other.text.split('.')[1]}.{rest}")
    yield "form", _replace(record, text=f"mg2.{key}.{rest}")
    yield "form", _replace(record, text=f" {record.text}")


async def outcome(scene: Scene, changed: Record) -> str:
    try:
        found = await scene.wrapping.opened(Reach.only(changed.scope), [changed])
    except Tampered as error:
        return "Tampered" if changed.id not in error.detail and "mg1" not in error.detail else "told too much"
    return "opened" if found[0] is not None else "gone"


async def tried(scene: Scene) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for number in range(RECORDS):
        fields: dict[str, Any] = {"metadata": {"note": "private"}, "role": "user", "version": 2}
        record = scene.make.record(f"secret {number}", **fields)
        other = scene.make.record("of somebody else", scene.make.scope("bob"), **fields)
        mine, theirs = await scene.wrapping.sealed([record, other])
        assert await outcome(scene, mine) == "opened"
        for name, changed in attacks(mine, theirs):
            assert changed != mine
            found.setdefault(name, []).append(await outcome(scene, changed))
    return found


async def test_everything_that_was_changed_in_the_store_is_tampered(figure: Callable[[str], None]) -> None:
    scene = Scene()
    found = await tried(scene)
    total = sum(map(len, found.values()))
    detected = sum(each.count("Tampered") for each in found.values())
    kinds = ", ".join(f"{len(each)} {name}" for name, each in found.items())
    figure(f"tampering: {detected} of {total} changes of {RECORDS} sealed records are Tampered ({kinds}); 0 passed on")
    wrong = {name: [one for one in each if one != "Tampered"] for name, each in found.items()}
    assert not any(wrong.values()), wrong
    assert len(scene.tampered) == total
    await scene.close()


async def test_without_strictness_plaintext_in_the_store_would_be_passed_on() -> None:
    scene = Scene(strict=False)
    found = await tried(scene)
    assert "opened" in found["plaintext"] and "opened" in found["record"]
    await scene.close()


async def test_a_fernet_token_is_bound_to_its_place_too() -> None:
    scene = Scene(keys=FernetKeys([FERNET]))
    fields: dict[str, Any] = {"metadata": {"note": "private"}, "role": "user", "version": 2}
    one, two = await scene.wrapping.sealed([scene.make.record("one", **fields), scene.make.record("two", **fields)])
    changed = [
        _replace(one, text=two.text), _replace(one, id="another"), _replace(one, text="plain"),
        _replace(one, text=one.metadata["mg-sealed"]), _replace(one, scope=scene.make.scope("eve")),
        *(_replace(one, text=text) for text in list(flips(one.text))[::9]),
    ]  # fmt: skip
    assert {await outcome(scene, each) for each in changed} == {"Tampered"}
