"""What `explain-code` shows is so: every broken example has its code and no other, every mended one has none."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from gateway.config.cases.suite import read_suite
from gateway.config.catalog import Catalog
from gateway.config.codes import CODES
from gateway.config.compiler import compile_config
from gateway.config.diagnostics import Diagnostic
from gateway.config.examples import EXAMPLES
from gateway.config.examples.example import CASES, Example
from gateway.config.explaining import explained
from gateway.config.levels import stage_of
from gateway.runtime.probing import probe
from tests.config.plugins import Deaf, DistantOptions, Mute, Shelf, catalog
from tests.config.sample import write

FOLLOWS = {"MG0703": ["MG0107"]}  # what a comment without reason does not allow is still found


class PathOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    path: str = ""


class Transcripts(Shelf):
    type_name: ClassVar[str] = "transcripts"


class Tables(Mute):
    type_name: ClassVar[str] = "tables"
    Options: ClassVar[type[Any]] = PathOptions


class DistantDisk(Deaf):
    type_name: ClassVar[str] = "distant-disk"
    Options: ClassVar[type[Any]] = PathOptions


class FastEmbed(Mute):
    """As the built-in one is where its package is not installed."""

    type_name: ClassVar[str] = "fastembed"
    Options: ClassVar[type[Any]] = DistantOptions
    requires: ClassVar[dict[str, str]] = {"no_such_driver": "fastembed"}


def _assumed(code: str, *, broken: bool) -> Catalog:
    """The catalogue that an example says it assumes; without such words, what is built in."""
    known = Catalog.builtin()
    if not EXAMPLES[code].assumes:
        return known
    providers: dict[str, type[Any]] = {each.type_name: each for each in (Transcripts, DistantDisk)}
    embedders: dict[str, type[Any]] = {each.type_name: each for each in (Tables, FastEmbed)}
    return msgspec.structs.replace(
        known,
        providers={**known.providers, **providers},
        embedders={**known.embedders, **embedders},
        problems=("providers entry point 'memory' is taken",) if broken and code == "MG0802" else (),
    )


def _found(folder: Path, code: str, *, broken: bool) -> list[Diagnostic]:
    example = EXAMPLES[code]
    file = write(folder, example.files(broken=broken))
    known = _assumed(code, broken=broken)
    if example.file == CASES:
        return list(read_suite(folder / CASES, example.env, known)[1])
    compiled = compile_config(file, example.env, known)
    if stage_of(code) != "probe":
        return list(compiled.diagnostics)
    return [
        *compiled.diagnostics,
        *asyncio.run(probe(compiled, lambda: datetime.now(UTC), 0.1 if broken and code == "MG0805" else 10)),
    ]


@pytest.mark.parametrize("code", CODES)
def test_the_broken_example_of_a_code_has_that_code_and_no_other(code: str, tmp_path: Path) -> None:
    notes = _found(tmp_path, code, broken=True)
    assert {note.code for note in notes} == {code, *FOLLOWS.get(code, ())}, [note.line() for note in notes]


@pytest.mark.parametrize("code", CODES)
def test_the_mended_example_of_a_code_has_nothing_wrong(code: str, tmp_path: Path) -> None:
    assert [note.line() for note in _found(tmp_path, code, broken=False)] == []


def test_every_code_has_an_example_and_every_example_a_code() -> None:
    assert list(EXAMPLES) == list(CODES)


def test_no_line_of_an_example_is_cut_but_those_that_are_about_length() -> None:
    cut = {code for code in CODES if "…" in explained(code)}
    assert cut == {"MG0007", "MG0008"}


def test_what_is_shown_can_be_sent_to_a_terminal() -> None:
    assert all(line.isprintable() for code in CODES for line in explained(code).split("\n"))
    assert not EXAMPLES["MG0003"].broken.isprintable()


def test_examples_that_assume_nothing_need_nothing_but_this_package() -> None:
    """The counter-test of the catalogue above: with it, an example could lean on a class that nobody has."""
    types = {"transcripts", "tables", "distant-disk", "fastembed"}
    leaning = {code for code, each in EXAMPLES.items() if any(f"type: {name}" in each.broken for name in types)}
    assert leaning == {"MG0402", "MG0801", "MG0804", "MG0805"}
    assert all(EXAMPLES[code].assumes for code in leaning)
    assert "vault" in catalog().providers and "vault" not in Catalog.builtin().providers


def test_an_example_without_its_mistake_would_be_noticed(tmp_path: Path) -> None:
    example = Example(mend="-", broken="labels: {}", mended="labels: {}")
    file = write(tmp_path, example.files(broken=True))
    assert compile_config(file, {}, Catalog.builtin()).diagnostics == ()
