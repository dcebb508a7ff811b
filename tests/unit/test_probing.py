"""A probe opens what is declared and says, at the declaration, what does not open; and never a credential."""

import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from gateway.config.catalog import Catalog
from gateway.config.compiler import compile_config
from gateway.config.diagnostics import Diagnostic
from gateway.runtime import probing
from tests.config.plugins import Mute, catalog
from tests.config.sample import write

TENANTS = "tenants: {a: {auth: {mode: open}, routes: {r: {default: true}}}}\n"
RECENT = "defaults: {chain: main, retrieval: {strategy: recent}}\n"


async def _probed(folder: Path, *lines: str, seconds: float = 5, known: Catalog | None = None) -> list[Diagnostic]:
    file = write(folder, {"gateway.yaml": "version: 1\n" + "\n".join(lines) + "\n" + RECENT + TENANTS})
    compiled = compile_config(file, {}, known or catalog())
    return await probing.probe(compiled, lambda: datetime.now(UTC), seconds)


async def test_what_opens_is_no_finding_and_is_given_back(tmp_path: Path) -> None:
    assert await _probed(tmp_path, "providers: {main: {type: sqlite, path: a.db, embedder: none}}") == []
    assert await _probed(tmp_path, "providers: {main: {type: sqlite, path: a.db, embedder: none}}") == []


async def test_one_that_hangs_hides_no_other_and_costs_its_time_once(tmp_path: Path) -> None:
    deaf = [f"  d{number}: {{type: deaf, embedder: none}}" for number in range(8)]
    began = time.monotonic()
    notes = await _probed(
        tmp_path, "providers:", "  main: {type: memory, embedder: none}", *deaf, "  shut: {type: shut, embedder: none}",
        seconds=0.3,
    )  # fmt: skip
    assert [note.code for note in notes] == [*["MG0805"] * 8, "MG0803"]
    assert [note.mark.line for note in notes] == [*range(4, 12), 12]
    assert time.monotonic() - began < 8 * 0.3


async def test_no_finding_holds_a_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (
        "providers: {main: {type: shut, embedder: own}}",
        "embedders: {own: {type: mute}}",
    )
    told = " ".join(note.message for note in await _probed(tmp_path, *lines))
    assert "canary" not in told and "RuntimeError" in told and "@cache:6379" in told
    monkeypatch.setattr(probing, "USERINFO", re.compile("(?!)()"))
    assert "canary" in " ".join(note.message for note in await _probed(tmp_path, *lines))


async def test_what_is_declared_is_probed_whether_used_or_not(tmp_path: Path) -> None:
    notes = await _probed(tmp_path, "providers: {main: {type: memory, embedder: none}, spare: {type: shut}}")
    assert [(note.code, note.path) for note in notes] == [("MG0803", "/providers/spare")]


class Bare(Mute):
    type_name: ClassVar[str] = "wordllama"


async def test_a_built_in_embedder_is_told_at_who_uses_it(tmp_path: Path) -> None:
    embedders: dict[str, type[Any]] = {"wordllama": Bare}
    known = msgspec.structs.replace(catalog(), embedders=embedders)
    (note,) = await _probed(tmp_path, "providers: {main: {type: memory}}", known=known)
    assert (note.code, note.path, note.mark.line) == ("MG0804", "/providers/main", 2)
    assert await _probed(tmp_path, "providers: {main: {type: memory, embedder: none}}", known=known) == []


async def test_a_tenants_own_provider_is_told_in_the_tenant(tmp_path: Path) -> None:
    text = f"version: 1\nproviders: {{main: {{type: memory, embedder: none}}}}\n{RECENT}"
    own = "providers: {own: {type: shut, embedder: none}}"
    inline = f"{text}tenants: {{a: {{auth: {{mode: open}}, {own}, chain: own, routes: {{r: {{default: true}}}}}}}}\n"
    compiled = compile_config(write(tmp_path, {"gateway.yaml": inline}), {}, catalog())
    (note,) = await probing.probe(compiled, lambda: datetime.now(UTC), 5)
    assert note.path == "/tenants/a/providers/own" and compiled.owner(note) == "a"
    files = {
        "gateway.yaml": text + "include: t/*.yaml\n",
        "t/a.yaml": f"tenant: a\nauth: {{mode: open}}\n{own}\nchain: own\nroutes: {{r: {{default: true}}}}\n",
    }
    compiled = compile_config(write(tmp_path, {**files}), {}, catalog())
    (note,) = await probing.probe(compiled, lambda: datetime.now(UTC), 5)
    assert (note.path, note.mark.file.name) == ("/providers/own", "a.yaml") and compiled.owner(note) == "a"


async def test_where_nothing_is_served_nothing_is_opened(tmp_path: Path) -> None:
    assert await _probed(tmp_path, "providers: {main: {type: shut}}", "polcy: {}") == []
