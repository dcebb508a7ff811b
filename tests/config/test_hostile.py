"""Whatever bytes a file holds: findings or a config, never a traceback, never a long wait."""

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.config import nodes, text
from gateway.config.report import render_text
from tests.config.sample import ACME, FILES, GATEWAY, compiled

HURRY = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
PIECES = ["{", "}", "[", "]", ":", "- ", "\n", "  ", "\t", "&a ", "*a", "<<: ", "!!", "? ", "| ", "> ", '"', "'", "#", "null", "${", "x-", "\0", "\ufeff", "---\n", "%"]  # fmt: skip


def _check(folder: Path, name: str, raw: bytes) -> None:
    started = time.monotonic()
    result = compiled(folder, {**FILES, name: raw})
    assert time.monotonic() - started < 5
    text = render_text(result)
    assert "Traceback" not in text
    assert result.config is not None or result.diagnostics
    for note in result.diagnostics:
        assert note.hint
        assert note.mark.line >= 1
        assert note.mark.column >= 1


@HURRY
@given(
    where=st.integers(0, len(GATEWAY) - 1),
    flips=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=4),
)
def test_flipped_bytes_never_crash_the_check(tmp_path: Path, where: int, flips: list[tuple[int, int]]) -> None:
    raw = bytearray(GATEWAY.encode())
    raw[where] ^= 1 << (where % 8)
    for at, value in flips:
        raw[at % len(raw)] = value
    _check(tmp_path, "gateway.yaml", bytes(raw))


@HURRY
@given(st.integers(0, len(ACME)))
def test_a_truncated_tenant_never_crashes_the_check_and_never_takes_the_gateway_down(tmp_path: Path, end: int) -> None:
    _check(tmp_path, "tenants/acme.yaml", ACME.encode()[:end])
    result = compiled(tmp_path, {**FILES, "tenants/acme.yaml": ACME.encode()[:end]})
    assert result.config is not None
    assert "home" in result.config.tenants


@HURRY
@given(st.integers(0, len(ACME)), st.lists(st.sampled_from(PIECES), min_size=1, max_size=5))
def test_pieces_of_yaml_in_odd_places_never_crash_the_check(tmp_path: Path, at: int, pieces: list[str]) -> None:
    _check(tmp_path, "tenants/acme.yaml", (ACME[:at] + "".join(pieces) + ACME[at:]).encode())


@HURRY
@given(st.binary(max_size=200))
def test_random_bytes_never_crash_the_check(tmp_path: Path, raw: bytes) -> None:
    _check(tmp_path, "gateway.yaml", raw)


def test_a_file_of_a_mebibyte_without_aliases_is_read_and_a_larger_one_refused(tmp_path: Path) -> None:
    lines = "".join(f"  k{number}: [1, 2, 3]\n" for number in range(60_000))
    whole = (GATEWAY + "labels:\n" + lines)[: text.MAX_BYTES].rsplit("\n", 1)[0]
    assert len(whole) > text.MAX_BYTES - 100
    assert compiled(tmp_path, {**FILES, "gateway.yaml": whole}).diagnostics == ()
    larger = compiled(tmp_path, {**FILES, "gateway.yaml": whole + "#" * 200})
    assert [note.code for note in larger.diagnostics] == ["MG0007"]
    assert larger.config is None


BOMB = "labels:\n  a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"  {name}: &{name} [{', '.join([f'*{below}'] * 10)}]\n" for below, name in zip("abcd", "bcde", strict=True)
)


def test_an_alias_bomb_is_refused_before_it_expands(tmp_path: Path) -> None:
    started = time.monotonic()
    result = compiled(tmp_path, {**FILES, "gateway.yaml": "version: 1\n" + BOMB})
    assert [note.code for note in result.diagnostics] == ["MG0014"]
    assert time.monotonic() - started < 1


def test_without_the_budget_the_bomb_would_expand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "MAX_EXPANDED", 10**9)
    monkeypatch.setattr(nodes, "MAX_FACTOR", 10**9)
    result = compiled(tmp_path, {**FILES, "gateway.yaml": "version: 1\n" + BOMB})
    assert "MG0014" not in {note.code for note in result.diagnostics}


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_bottomless_nesting_is_a_finding(tmp_path: Path, opening: str) -> None:
    started = time.monotonic()
    result = compiled(tmp_path, {**FILES, "gateway.yaml": opening * 100_000})
    assert result.config is None
    assert {note.code for note in result.diagnostics} & {"MG0001", "MG0008"}
    assert time.monotonic() - started < 5


def test_windows_line_ends_change_neither_the_config_nor_the_places(tmp_path: Path) -> None:
    broken = {name: str(text).replace("top_k: 12", "top_k: many") for name, text in FILES.items()}
    unix = compiled(tmp_path, broken)
    windows = compiled(tmp_path, {name: text.replace("\n", "\r\n") for name, text in broken.items()})
    assert [(n.code, n.mark, n.message) for n in windows.diagnostics] == [
        (n.code, n.mark, n.message) for n in unix.diagnostics
    ]
    assert compiled(tmp_path, {name: str(text).replace("\n", "\r\n") for name, text in FILES.items()}).diagnostics == ()


def test_a_utf16_file_is_told_apart_from_other_bytes(tmp_path: Path) -> None:
    result = compiled(tmp_path, {**FILES, "gateway.yaml": GATEWAY.encode("utf-16")})
    assert "UTF-16" in result.diagnostics[0].hint


def test_a_missing_folder_file_or_fifo_is_a_finding(tmp_path: Path) -> None:
    import os

    from gateway.config.compiler import compile_config
    from tests.config.plugins import catalog

    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "none.yaml", tmp_path / "pipe", tmp_path):
        assert [note.code for note in compile_config(path, {}, catalog()).diagnostics] == ["MG0016"]
