"""`fmt`: one layout for every file of the language; never another meaning, never a lost comment, never a second change."""

from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest

from gateway.config.catalog import Catalog
from gateway.config.comments import read_comments
from gateway.config.diagnostics import Severity
from gateway.config.formatting import formatted as formatting
from gateway.config.formatting.formatted import Formatted, format_text, kind_of_file, same
from gateway.config.located import Located, read_tree
from gateway.config.schema import File, build_schema
from gateway.config.text import Text, read_text
from tests.cli.places import GATEWAY, ROOT, TENANT, put, run

CORPUS = [file for file in sorted((ROOT / "tests/corpora/configs").rglob("*.yaml")) if file.is_file()]


@cache
def schema(kind: File) -> dict[str, Any]:
    return build_schema(kind, Catalog.builtin())


def read(raw: str | bytes) -> tuple[Text, Located] | None:
    text, notes = read_text(Path("x.yaml"), raw if isinstance(raw, bytes) else raw.encode())
    located, more = read_tree(text) if text else (None, [])
    if text is None or located is None or any(note.severity is Severity.ERROR for note in [*notes, *more]):
        return None
    return text, located


def shaped(raw: str | bytes, kind: File | None = None) -> Formatted | None:
    found = read(raw)
    if found is None:
        return None
    kind = kind or kind_of_file(found[1].tree)
    return None if kind is None else format_text(*found, schema(kind))


def pretty(raw: str, kind: File | None = None) -> str:
    done = shaped(raw, kind)
    assert done is not None and done.text is not None, done
    return done.text


def test_the_example_configurations_are_formatted() -> None:
    result = run("fmt", "--check", ROOT / "configs")
    assert result.exit_code == 0, result.stderr


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("providers: {main: {type: memory}}\nversion: 1\n", "version: 1\nproviders: {main: {type: memory}}\n"),
        ("version:    1\nproviders:\n    main:\n        type:   memory\n", "version: 1\nproviders:\n  main:\n    type: memory\n"),
        ("version: 1\ninclude:\n- a.yaml\n- b.yaml\n", "version: 1\ninclude:\n  - a.yaml\n  - b.yaml\n"),
        ('version: 1\ndefaults: {chain: "main", history: "off"}\n', 'version: 1\ndefaults: {chain: main, history: "off"}\n'),
        ("version: 1\nproviders: {main: {path: x.db, labels: {b: 1, a: 2}, embedder: local, type: sqlite}}\n",
         "version: 1\nproviders: {main: {type: sqlite, path: x.db, embedder: local, labels: {b: 1, a: 2}}}\n"),
        ("tenant: t\nroutes:\n  b: {kinds: [message], default: true}\n  a: {scope: user, default: true}\nauth: {mode: open}\n",
         "tenant: t\nauth: {mode: open}\nroutes:\n  b: {default: true, kinds: [message]}\n  a: {default: true, scope: user}\n"),
        ("tenant: t\nauth: {api_keys: [{hash: h, roles: [reader], id: a}]}\nroutes: {}\n",
         "tenant: t\nauth: {api_keys: [{id: a, hash: h, roles: [reader]}]}\nroutes: {}\n"),
        ("tenant: t\nauth:\n  api_keys:\n    - hash: h\n      # whose it is\n      id: a\n    - id: b\n      hash: i\n",
         "tenant: t\nauth:\n  api_keys:\n      # whose it is\n    - id: a\n      hash: h\n    - id: b\n      hash: i\n"),
        ("version: 1\nproviders: {main: {type: memory,\n  max_records: 3}}\n",
         "version: 1\nproviders:\n  main:\n    type: memory\n    max_records: 3\n"),
        ("tenant: t\nroutes: {a: {retrieval: {max_memories: 3, strategy: recent, min_relevance: 0.5}}}\n",
         "tenant: t\nroutes: {a: {retrieval: {strategy: recent, max_memories: 3, min_relevance: 0.5}}}\n"),
        ("tenant: t\nx-mine: 1\nroutes: {}\nprofiles: [p]\n", "tenant: t\nprofiles: [p]\nroutes: {}\nx-mine: 1\n"),
    ],
)  # fmt: skip
def test_a_file_is_written_in_one_way(before: str, after: str) -> None:
    assert pretty(before, "gateway" if before.find("version") >= 0 else "tenant") == after
    assert pretty(after, "gateway" if before.find("version") >= 0 else "tenant") == after


def test_comments_go_where_their_key_goes_and_the_modeline_stays_first() -> None:
    before = """# yaml-language-server: $schema=../schemas/gateway.json
#
# What this is.

# who may come in
tenants:
    default:
        routes:
            # everything
            all: {chain: main, default: true}   # takes all
            # commented: {out: true}
        auth: {mode: open}  # no keys

# where it is kept
providers:
    main: {type: memory} # gone at the end
version: 1
"""
    assert (
        pretty(before)
        == """# yaml-language-server: $schema=../schemas/gateway.json
#
# What this is.

version: 1

# where it is kept
providers:
  main: {type: memory}   # gone at the end
# who may come in
tenants:
  default:
    auth: {mode: open}      # no keys
    routes:
      # everything
      all: {default: true, chain: main}         # takes all
      # commented: {out: true}
"""
    )


@pytest.mark.parametrize(
    "value",
    ["0123", "1_000", "1e3", "1E3", "0x1f", "12:30:45", "2026-01-01", "NO", "yes", "on", "True", "~", "null", "1.0", "1.50", "+1",
     ".5", "-0", '"1"', "'1'", '"true"', "'it''s'", '"a\\nb"', "a # b", "a b", '"a: b"', "&x v", "!!str 1", '""', "'#'", "${env:A}",
     "$$", '"a very long text ' + "word " * 60 + '"', "a very long plain text " + "word " * 60 + "end"],
)  # fmt: skip
def test_no_scalar_changes_its_meaning(value: str) -> None:
    listed = value if read(f"a: [{value}]\n") and "&" not in value else "x"
    before = f"version: 1\nlabels:\n  b: {value}\n  a:\n  c: [{listed}]\nproviders: {{}}\n"
    found = read(before)
    assert found is not None
    after = pretty(before)
    again = read(after)
    assert again is not None and same(again[1].tree, found[1].tree)
    assert value in after or value.strip("\"'&!") in after


@pytest.mark.parametrize("text", ["a: &x {b: 1}\nversion: 1\nproviders: {p: *x}\n", "version: 1\nproviders:\n  p: |\n    # no comment\n    x\n",
                                  "version: 1\nproviders:\n  p: >-\n    folded\n    text\n\n    more\n"])  # fmt: skip
def test_anchors_and_block_texts_are_kept(text: str) -> None:
    found = read(text)
    again = read(pretty(text))
    assert found is not None and again is not None and same(found[1].tree, again[1].tree)


@pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.stem)
def test_every_readable_file_of_the_corpus_means_the_same_and_does_not_change_again(file: Path) -> None:
    raw = file.read_bytes()
    found, done = read(raw), shaped(raw)
    if found is None or done is None or done.text is None:
        return
    again, twice = read(done.text), shaped(done.text)
    assert again is not None and same(found[1].tree, again[1].tree)
    assert sorted(each.text for each in read_comments(again[0], "")) == sorted(
        each.text for each in read_comments(found[0], "")
    )
    assert twice is not None and twice.text == done.text


def test_most_of_the_corpus_can_be_formatted() -> None:
    """So that the test above is about something."""
    done = [shaped(file.read_bytes()) for file in CORPUS]
    kept = [each for each in done if each is not None]
    assert len(kept) > 200 and sum(each.text is None for each in kept) <= len(kept) // 20


def test_comments_and_keys_thrown_about_are_brought_back_to_one_form() -> None:
    """Whatever the order of keys was, the result is the same, and every comment is still above its key."""
    keys = [
        "chain: main",
        "space: s",
        "scope: user",
        "ttl: 1d",
        "history: live",
        "retrieval: {top_k: 3}",
        "default: true",
    ]
    results: set[str] = set()
    for seed in range(20):
        order = Random(seed).sample(keys, len(keys))
        body = "".join(f"    # about {each.split(':')[0]}\n    {each}\n" for each in order)
        after = pretty(f"tenant: t\nroutes:\n  a:\n{body}")
        lines = after.splitlines()
        for number, line in enumerate(lines):
            if line.strip().startswith("# about "):
                assert lines[number + 1].strip().startswith(line.strip().removeprefix("# about ") + ":")
        results.add(after)
    assert len(results) == 1


def test_what_would_lose_a_comment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(text: Text, _: Located) -> str:
        return text.body.replace("  # none yet", "")

    def quote(text: Text, _: Located) -> str:
        return text.body.replace("1", '"1"')

    text = "version: 1\nproviders: {}  # none yet\n"
    assert pretty(text) == text
    monkeypatch.setattr(formatting, "lay_out", cut)
    lost = shaped(text)
    assert lost is not None and lost.text is None and "comment" in lost.why
    monkeypatch.setattr(formatting, "lay_out", quote)
    other = shaped(text)
    assert other is not None and other.text is None and "means" in other.why


def test_the_verb_writes_only_without_check_and_diff(tmp_path: Path) -> None:
    put(tmp_path, {"gateway.yaml": "providers: {}\nversion: 1\n", "compose.yaml": "services:   {}\n"})
    file = tmp_path / "gateway.yaml"
    before = file.read_text()
    for flag, code in (("--check", 1), ("--diff", 0)):
        result = run("fmt", flag, tmp_path)
        assert (result.exit_code, file.read_text()) == (code, before)
    assert "+version: 1" in run("fmt", "--diff", tmp_path).stdout
    assert run("fmt", tmp_path).exit_code == 0 and file.read_text() == "version: 1\nproviders: {}\n"
    assert run("fmt", "--check", tmp_path).exit_code == 0
    assert (tmp_path / "compose.yaml").read_text() == "services:   {}\n"  # somebody else's


def test_a_file_that_cannot_be_read_or_is_not_ours_is_left_alone_and_told(tmp_path: Path) -> None:
    put(
        tmp_path,
        {"a.yaml": "version: [\n", "b.yaml": "services: {}\n", "c.yaml": "version: 1\nversion: 1\nproviders: {}\n"},
    )
    for name, code in (("a.yaml", "MG0001"), ("c.yaml", "MG0009")):
        result = run("fmt", tmp_path / name)
        assert result.exit_code == 1 and code in result.stderr
    assert "no file of this language" in run("fmt", tmp_path / "b.yaml").stderr
    assert (tmp_path / "a.yaml").read_text() == "version: [\n"


def test_windows_line_ends_become_plain_ones(tmp_path: Path) -> None:
    put(tmp_path, {"gateway.yaml": GATEWAY, "tenants/acme.yaml": TENANT})
    file = tmp_path / "gateway.yaml"
    file.write_bytes(GATEWAY.replace("\n", "\r\n").encode())
    assert run("fmt", tmp_path).exit_code == 0
    assert b"\r" not in file.read_bytes() and run("validate", tmp_path).exit_code == 0
