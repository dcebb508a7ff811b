"""One slip in a valid file gives one finding, on the line of the slip. Every key of the sample is tried."""

from pathlib import Path

import pytest
import yaml

from gateway.config.diagnostics import Diagnostic, Severity
from gateway.config.located import Where, read_tree
from gateway.config.text import Text
from tests.config.sample import ACME, FILES, GATEWAY, compiled

NAMES = {"embedders", "providers", "chains", "strategies", "profiles", "tenants", "routes"}  # their keys are free
FREE = {"labels", "filters", "header", "claim", "x-owner"}


def _keys(text: str) -> list[tuple[Where, int, int]]:
    """Every key of the language in a text, with its place: own names and free keys left out."""
    located, _ = read_tree(Text(Path("f"), text))
    assert located is not None
    return [
        (where, mark.line, mark.column)
        for where, mark in located.keys.items()
        if where[-1] not in FREE
        and not any(step in FREE for step in where[:-1])
        and not (len(where) >= 2 and where[-2] in NAMES)
    ]


def _errors(folder: Path, name: str, text: str) -> list[Diagnostic]:
    notes = compiled(folder, {**FILES, name: text}).diagnostics
    return [note for note in notes if note.severity is Severity.ERROR]


SITES = [
    (name, *site) for name, text in (("gateway.yaml", GATEWAY), ("tenants/acme.yaml", ACME)) for site in _keys(text)
]


@pytest.mark.parametrize("site", SITES, ids=lambda site: f"{site[0]}:{'.'.join(map(str, site[1]))}")
def test_a_misspelt_key_is_one_unknown_key_on_its_line_with_the_right_one_suggested(
    tmp_path: Path, site: tuple[str, Where, int, int]
) -> None:
    name, where, line, column = site
    rows = str(FILES[name]).split("\n")
    row, key = rows[line - 1], str(where[-1])
    rows[line - 1] = row[: column - 1] + key[:1] + "q" + key[1:] + row[column - 1 + len(key) :]
    wrong = _errors(tmp_path, name, "\n".join(rows))
    told = "MG0203" if key == "type" else "MG0202"  # without its type, nobody knows the keys of a declaration
    here = [note for note in wrong if note.code == told]
    assert len(here) == 1
    assert here[0].mark.line == (_entry_line(rows, line) if key == "type" else line)
    assert key == "type" or here[0].mark.column == column
    assert "did you mean" in here[0].hint
    assert f"'{key}'" in here[0].hint + here[0].message
    # What the key held is gone with it; so names that were declared there are unknown now, and nothing else follows.
    follows = {"gateway.yaml:providers": {"MG0301", "MG0302"}, "gateway.yaml:profiles": {"MG0305"}, "gateway.yaml:chains": {"MG0301"}, "gateway.yaml:embedders": {"MG0303"}, "gateway.yaml:strategies": {"MG0304"}, "tenants/acme.yaml:providers": {"MG0301"}}  # fmt: skip
    assert {note.code for note in wrong} - {told} <= follows.get(f"{name}:{'.'.join(map(str, where))}", set())


def _entry_line(rows: list[str], line: int) -> int:
    """The line of the declaration that a `type` on this line belongs to."""
    return line if "{" in rows[line - 1] else line - 1


@pytest.mark.parametrize("site", SITES, ids=lambda site: f"{site[0]}:{'.'.join(map(str, site[1]))}")
def test_a_key_given_twice_is_one_finding_at_the_second(tmp_path: Path, site: tuple[str, Where, int, int]) -> None:
    name, where, line, column = site
    rows = str(FILES[name]).split("\n")
    row, key = rows[line - 1], str(where[-1])
    flow = "{" in row[: column - 1]
    if flow:
        rows[line - 1] = row[: column - 1] + f"{key}: twice, " + row[column - 1 :]
        at = (line, column + len(f"{key}: twice, "))
    else:
        rows.insert(line - 1, " " * (column - 1) + f"{key}: twice")
        at = (line + 1, column)
        if row[: column - 1].strip() == "-":
            return  # the first key of a list's item: a line before it would be another item
    duplicates = [note for note in _errors(tmp_path, name, "\n".join(rows)) if note.code == "MG0009"]
    assert [(note.mark.line, note.mark.column) for note in duplicates] == [at]
    assert duplicates[0].related[0].mark.line == line


@pytest.mark.parametrize(
    ("name", "key"),
    [("gateway.yaml", "version"), ("gateway.yaml", "providers.safe.key"), ("gateway.yaml", "providers.main.type"),
     ("gateway.yaml", "strategies.fresh.type"), ("gateway.yaml", "embedders.small.type"), ("tenants/acme.yaml", "tenant"),
     ("tenants/acme.yaml", "providers.own.key"), ("tenants/acme.yaml", "providers.own.type")],
)  # fmt: skip
def test_a_required_key_that_is_gone_is_one_finding(tmp_path: Path, name: str, key: str) -> None:
    tree = yaml.safe_load(str(FILES[name]))
    inner = tree
    *above, last = key.split(".")
    for step in above:
        inner = inner[step]
    del inner[last]
    wrong = _errors(tmp_path, name, yaml.safe_dump(tree, sort_keys=False))
    assert [note.code for note in wrong] == ["MG0203"]
    assert repr(last) in wrong[0].message
