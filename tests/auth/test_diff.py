"""`diff` says where callers get more than they had: keys, kinds, times, and the issuers that are believed."""

from pathlib import Path

import pytest

from gateway.config.catalog import Catalog
from gateway.config.comparing.compare import compare
from gateway.config.compiled import Config
from gateway.config.compiler import compile_config
from gateway.config.emitting import to_plain
from gateway.config.rendering import Rendering
from gateway.config.showing import Showing
from gateway.config.written import Written

TEXT = """
version: 1
server: {failed_auth: 100}
issuers:
  corp:
    issuer: https://login.example.com/
    audience: memory
    jwks: https://login.example.com/jwks
    algorithms: [RS256]
    claims: {tenant: org, roles: scope}
    roles: {read: [reader]}
    kinds: [memory]
    leeway: 30s
    max_stale: 1h
providers: {main: {type: memory}}
defaults: {chain: main}
tenants:
  acme:
    auth:
      issuers: [corp]
      api_keys:
        - {hash: "sha256:%s", id: ci, roles: [reader], kinds: [memory], not_before: "2030-01-01"}
    routes: {notes: {default: true}}
""" % ("0123456789abcdef" * 4)


def config(folder: Path, text: str) -> Config:
    folder.mkdir(parents=True)
    (folder / "gateway.yaml").write_text(text)
    compiled = compile_config(folder / "gateway.yaml", {}, Catalog.builtin())
    assert compiled.config is not None and not compiled.broken, [note.line() for note in compiled.diagnostics]
    return compiled.config


def warned(folder: Path, old: str, new: str) -> tuple[list[str], bool]:
    before, after = config(folder / "old", old), config(folder / "new", new)
    plan = compare(before, after, (Showing(before, Written.of(before)), Showing(after, Written.of(after))))
    return [each.message for each in plan.warnings if each.danger == "security"], plan.different


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("audience: memory", "audience: [memory, all]", "tokens that are meant for all let in"),
        ("[RS256]", "[RS256, ES256]", "signatures by ES256 are accepted"),
        ("{read: [reader]}", "{read: [reader, eraser]}", "tokens may get eraser by 'read'"),
        ("    roles: {read: [reader]}\n", "", "eraser by 'eraser'"),
        ("    kinds: [memory]\n", "", "tokens may touch every kind"),
        ("kinds: [memory]\n", "kinds: [memory, message]\n", "tokens may touch message"),
        ("leeway: 30s", "leeway: 5m", "leeway 30s -> 5m"),
        ("max_stale: 1h", "max_stale: 7d", "max_stale 1h -> 7d"),
        ("leeway: 30s", "leeway: 30s\n    bind_user: false", "a token may name any user"),
        ("      issuers: [corp]\n", "", "believes the tokens of every issuer"),
        ("kinds: [memory], not", "kinds: [memory, message], not", "may touch message"),
        (', not_before: "2030-01-01"', "", "holds earlier: at once"),
        ("roles: [reader], kinds", "roles: [reader, writer], kinds", "gets the role writer"),
        ("failed_auth: 100", "failed_auth: 500", "server.failed_auth is lifted"),
    ],
)  # fmt: skip
def test_what_gets_weaker_is_said_one_way_and_not_the_other(tmp_path: Path, old: str, new: str, message: str) -> None:
    other = TEXT.replace(old, new)
    messages, different = warned(tmp_path / "there", TEXT, other)
    assert different
    assert any(message in each for each in messages), messages
    back, different = warned(tmp_path / "back", other, TEXT)
    assert different
    assert not any(message in each for each in back), back


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("jwks: https://login.example.com/jwks", "jwks: keys.json", "its keys come from somewhere else"),
        ("issuer: https://login.example.com/", "issuer: https://else.example.com/", "tokens of somebody else"),
        ("{tenant: org,", "{tenant: team,", "may be of other tenants"),
        ("roles: scope}", "roles: groups}", "its roles come from elsewhere"),
    ],
)
def test_what_is_believed_instead_is_said_both_ways(tmp_path: Path, old: str, new: str, message: str) -> None:
    other = TEXT.replace(old, new)
    for number, pair in enumerate(((TEXT, other), (other, TEXT))):
        messages, different = warned(tmp_path / str(number), *pair)
        assert different
        assert any(message in each for each in messages), messages


def test_an_issuer_that_is_new_is_said(tmp_path: Path) -> None:
    start, end = TEXT.index("issuers:\n  corp"), TEXT.index("providers:")
    without = (TEXT[:start] + TEXT[end:]).replace("      issuers: [corp]\n", "      issuers: []\n")
    messages, _ = warned(tmp_path, without, TEXT)
    assert "issuers.corp: its tokens let callers in" in messages
    assert "believes the tokens of corp" in messages


def test_the_same_is_no_difference(tmp_path: Path) -> None:
    assert warned(tmp_path, TEXT, TEXT.replace("kinds: [memory], not", "kinds: [memory],  not")) == ([], False)


def test_what_is_effective_shows_issuers_and_what_keys_may_touch(tmp_path: Path) -> None:
    made = config(tmp_path / "one", TEXT)
    tree = to_plain(Rendering(made, Showing(made, Written.of(made)), provenance=False).tree(None), notes=False)
    assert tree["issuers"]["corp"]["audience"] == "memory"
    assert tree["issuers"]["corp"]["claims"]["user"] == "sub"
    key = tree["tenants"]["acme"]["auth"]["api_keys"][0]
    assert (key["kinds"], key["not_before"]) == (["memory"], "2030-01-01")
