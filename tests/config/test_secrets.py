"""Secrets stay secret: no finding, report, repr or dump holds a referenced value or a credential of the files."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from gateway.config import finish
from gateway.config.compiled import Compiled
from gateway.config.report import FORMS, render_text
from gateway.config.verdict import judge
from tests.config.sample import ACME, ENV, FILES, GATEWAY, HASH, compiled, write

CANARY = "canary"
INLINE = "canary-inline-11c7"


def _everything(result: Compiled) -> str:
    return "\n".join([repr(result), str(result), *_reports(result).values()])


def _reports(result: Compiled) -> dict[str, str]:
    return {name: render(judge(result), result.file.parent) for name, render in FORMS.items()}


def test_a_valid_config_never_shows_a_referenced_value(tmp_path: Path) -> None:
    result = compiled(tmp_path)
    assert result.config is not None
    assert result.config.providers["safe"].options.key.reveal() == ENV["VAULT_KEY"]
    assert CANARY not in _everything(result)


def test_the_canary_would_be_seen_if_a_secret_were_plain_text(tmp_path: Path) -> None:
    result = compiled(tmp_path, {**FILES, "gateway.yaml": GATEWAY.replace("owner: search", "owner: ${env:VAULT_KEY}")})
    assert CANARY in repr(result)


@pytest.mark.parametrize(
    "text",
    [
        GATEWAY.replace("pool: ${env:POOL}", "pool: ${env:VAULT_KEY}"),
        GATEWAY.replace("timeout: 3s", "timeout: ${env:VAULT_KEY}"),
        GATEWAY.replace("chain: main", "chain: ${env:VAULT_KEY}"),
        GATEWAY.replace("type: vault", "type: ${env:VAULT_KEY}"),
        GATEWAY.replace("embedder: small", "embedder: ${env:VAULT_KEY}"),
        GATEWAY.replace("strategy: hybrid", "strategy: ${env:VAULT_KEY}"),
        GATEWAY.replace("include: tenants/*.yaml", "include: ${env:VAULT_KEY}/*.yaml"),
        GATEWAY.replace("state: open", "state: {in: '${env:VAULT_KEY}'}"),
        GATEWAY.replace("    key: ${env:VAULT_KEY}", f"    key: {INLINE}"),
        GATEWAY.replace("    key: ${env:VAULT_KEY}", f"    kye: {INLINE}"),
        GATEWAY.replace("    key: ${env:VAULT_KEY}", f"    key: [{INLINE}"),
        GATEWAY.replace("    key: ${env:VAULT_KEY}", f'    key: "{INLINE}'),
        GATEWAY.replace("    key: ${env:VAULT_KEY}", f"    key: |\n      {INLINE}\n      {INLINE}\n    pol: 3"),
        GATEWAY.replace("type: vault", "type: valut").replace("${env:VAULT_KEY}", INLINE),
        GATEWAY.replace("    type: vault\n", "").replace("${env:VAULT_KEY}", INLINE),
        GATEWAY.replace(
            "main: {type: memory, embedder: small}", f"main: {{type: memory, apikey: {INLINE}, embeder: x}}"
        ),
        GATEWAY.replace("main: {type: memory, embedder: small}", f"main: {{type: vault, key: {INLINE}, pol: 1}}"),
        GATEWAY.replace("main: {type: memory, embedder: small}", f"main: {{type: vault, key: '{INLINE}', pool: x}}"),
        GATEWAY.replace("    timeout: 3s", f"    url: redis://me:{INLINE}@host/0\n    timeout: 3"),
        GATEWAY.replace("    timeout: 3s", f"    url: [redis://me:{INLINE}@host/0]"),
        GATEWAY.replace("    timeout: 3s", f"    password: {INLINE}\n\ttimeout: 3"),
        GATEWAY.replace("main: {type: memory, embedder: small}", f"main: {{tpye: vault, kye: {INLINE}}}"),
        GATEWAY + f"vault: {{token: {INLINE}}}\n",
        GATEWAY + f"vault:\n  token: {INLINE}\n  a: *b\n",
        GATEWAY + f"labels: {{token: !secret {INLINE}}}\n",
    ],
)
def test_no_finding_about_a_broken_file_shows_what_could_be_a_credential(tmp_path: Path, text: str) -> None:
    assert text != GATEWAY
    result = compiled(tmp_path, {**FILES, "gateway.yaml": text})
    assert result.diagnostics
    assert CANARY not in "\n".join([repr(result.diagnostics), *_reports(result).values()])


@pytest.mark.parametrize("change", [("expires:", "expirs:"), ("roles: [reader", "roles: [raeder"), ('"2031', '"31')])
def test_the_line_of_an_api_key_is_shown_without_its_hash(tmp_path: Path, change: tuple[str, str]) -> None:
    result = compiled(tmp_path, {**FILES, "tenants/acme.yaml": ACME.replace(*change)})
    assert any(note.mark.line == 2 for note in result.diagnostics)
    text = render_text(result)
    assert HASH not in text
    assert HASH[7:] not in text


def test_without_the_scrubbing_a_referenced_value_would_be_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finish, "scrub", lambda text, _account: text)  # pyright: ignore[reportUnknownArgumentType, reportUnknownLambdaType]
    result = compiled(tmp_path, {**FILES, "gateway.yaml": GATEWAY.replace("chain: main", "chain: ${env:VAULT_KEY}")})
    assert CANARY in render_text(result)


def test_without_the_masking_of_lines_a_credential_would_be_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finish, "_is_sensitive", lambda _where, _sensitive: False)  # pyright: ignore[reportUnknownArgumentType, reportUnknownLambdaType]
    text = GATEWAY.replace("main: {type: memory, embedder: small}", f"main: {{type: vault, key: {INLINE}, pol: 1}}")
    assert CANARY in render_text(compiled(tmp_path, {**FILES, "gateway.yaml": text}))


def test_values_are_data_whatever_they_hold(tmp_path: Path) -> None:
    for value in (
        "${env:POOL}",
        "a: b",
        "x\ny: 1",
        "#x",
        "'\"",
        "$$",
        "${",
        "0123",
        "*a",
        "{a: 1}",
        "\\1 \\g<0>",
        "!!str",
    ):
        result = compiled(tmp_path, env={**ENV, "VAULT_KEY": value})
        assert result.config is not None
        assert result.config.providers["safe"].options.key.reveal() == value


def test_a_file_reference_loses_one_newline_and_nothing_else(tmp_path: Path) -> None:
    text = GATEWAY.replace("key: ${env:VAULT_KEY}", "key: ${file:keys/vault}")
    for raw, value in (
        (b"s3cret\n", "s3cret"),
        (b"s3cret\r\n", "s3cret"),
        (b"s3cret\n\n", "s3cret\n"),
        (b" s ", " s "),
    ):
        result = compiled(tmp_path, {**FILES, "gateway.yaml": text, "keys/vault": raw})
        assert result.config is not None
        assert result.config.providers["safe"].options.key.reveal() == value
        assert tmp_path / "keys/vault" in result.files


def test_the_digest_changes_with_every_byte_and_every_referenced_value(tmp_path: Path) -> None:
    first = compiled(tmp_path).digest
    assert compiled(tmp_path).digest == first
    assert compiled(tmp_path, env={**ENV, "VAULT_KEY": "another"}).digest != first
    assert compiled(tmp_path, {**FILES, "tenants/acme.yaml": ACME + "# a note\n"}).digest != first
    write(tmp_path, {"tenants/acme.yaml": ACME})
    assert compiled(tmp_path).digest == first


def test_the_json_report_is_json_with_every_finding(tmp_path: Path) -> None:
    result = compiled(tmp_path, {**FILES, "gateway.yaml": GATEWAY.replace("top_k: 12", "top_k: many")})
    body = json.loads(_reports(result)["json"])
    assert body["ok"] is False
    assert [each["code"] for each in body["findings"]] == [note.code for note in result.diagnostics]
    assert body["findings"][0]["path"] == "/defaults/retrieval/top_k"
    assert msgspec.json.decode(_reports(result)["json"]) == body


def test_github_annotations_escape_what_would_end_them(tmp_path: Path) -> None:
    result = compiled(tmp_path, {**FILES, "gateway.yaml": GATEWAY.replace("top_k: 12", "'top,k:%': 1, top_k: 3")})
    line = _reports(result)["github"].splitlines()[0]
    assert re.match(r"::error file=[^,:]+,line=\d+,col=\d+,endColumn=\d+,title=MG\d{4}::", line)
    assert "%25" in line
