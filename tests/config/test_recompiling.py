"""Compiling again gives what compiling anew would give, and touches only what has changed."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gateway.config import compiler, shortcut, tenants
from gateway.config.compiled import Compiled
from gateway.config.compiler import compile_config, recompile
from gateway.config.memory import Base, Memory, Work
from gateway.config.shortcut import Shortcut
from tests.config.corpus import cases
from tests.config.plugins import catalog
from tests.config.sample import write


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


GATEWAY = """version: 1
providers:
  main: {type: memory}
  safe: {type: vault, key: "${env:SAFE}"}
  spare: {type: memory}
chains:
  long: [{provider: safe}]
profiles:
  brief: {ttl: 1d}
  dear: {retrieval: {top_k: 5}}
defaults: {chain: main, retrieval: {top_k: 12}}
policy: {max_top_k: 90}
secrets: {tenant_env: [SHARED]}
include: [tenants/*.yaml, more.yaml]
tenants:
  home: {auth: {api_keys: [{hash: "sha256:%s"}]}, routes: {r: {default: true}}}
""".replace("%s", digest("home"))
GATEWAYS = {
    "as it was": GATEWAY,
    "defaults": GATEWAY.replace("top_k: 12", "top_k: 13"),
    "profile": GATEWAY.replace("ttl: 1d", "ttl: 2d"),
    "floor": GATEWAY.replace("max_top_k: 90", "max_top_k: 6"),
    "moved": "# a line more\n" + GATEWAY,
    "shared chain": GATEWAY.replace("provider: safe", "provider: spare"),
    "unknown chain": GATEWAY.replace("chain: main", "chain: mian"),
    "no yaml": GATEWAY.replace("version: 1", "version: ["),
    "no tenants": GATEWAY.replace("include", "x-include"),
    "lint": GATEWAY + "lint: {MG0313: error, MG0309: 'off'}\n",
    "closed": GATEWAY.replace("[SHARED]", "[]"),
    "home gone": GATEWAY.split("tenants:\n  home", maxsplit=1)[0],
}  # fmt: skip


NAMES = ("a", "a-b", "b", "home")
PLAIN = """tenant: NAME
auth: {api_keys: [{hash: "sha256:HASH", id: one}]}
profiles: [brief]
routes:
  notes: {default: true, retrieval: {max_memories: 4}}
  talks: {kinds: [message], chain: long, match: {agent: [x-*]}}
"""
TEXTS = {
    "plain": PLAIN,
    "other profile": PLAIN.replace("[brief]", "[dear]"),
    "comment": PLAIN + "# nothing\n",
    "allowed": PLAIN.replace("tenant: NAME", "tenant: NAME  # mgw: allow MG0309 -- on purpose"),
    "own": PLAIN + 'providers: {own: {type: vault, key: "${env:TENANT_A_B_KEY}"}}\n',
    "shared": PLAIN + "labels: {it: '${env:SHARED:-nothing}'}\n",
    "file": PLAIN + "labels: {it: '${file:../value}'}\n",
    "shelf": PLAIN.replace("[message]", "[message], chain: box").replace(", chain: long", "") + "providers: {box: {type: shelf, path: ./x/../data.db}}\n",
    "shelf too": PLAIN + "providers: {shelf: {type: shelf, path: data.db}}\n",
    "sqlite": PLAIN.replace("long", "disk") + "providers: {disk: {type: sqlite, path: ./NAME.db, embedder: local, labels: {x: 1}}}\n",
    "strategy": PLAIN + "strategies: {mine: {type: hybrid, half_life: 3d}}\n",
    "strategy of a": PLAIN.replace("max_memories: 4", "strategy: a/mine"),
    "open": "tenant: NAME\nauth: {mode: open}\nroutes: {r: {default: true}}\n",
    "same key": PLAIN.replace("HASH", digest("the same")),
    "other name": PLAIN.replace("NAME", "b"),
    "no key": "tenant: NAME\nroutes: {r: {default: true}}\n",
    "unknown chain": PLAIN.replace("long", "lnog"),
    "unknown key": PLAIN.replace("profiles", "profile"),
    "out of range": PLAIN.replace("max_memories: 4", "max_memories: 0"),
    "too many": PLAIN.replace("max_memories: 4", "max_memories: 50"),
    "tie": PLAIN + "  more: {kinds: [message], match: {agent: [x-y*]}}\n",
    "no yaml": PLAIN.replace("routes:", "routes: ["),
    "no tree": "",
    "no text": "\udcff",
}  # fmt: skip
VALUES = ("one-value", "another-value", "", None)
ENV = {"SAFE": "the-safe-value", "TENANT_A_B_KEY": "key-of-a-b"}

EDITS = st.one_of(
    st.tuples(st.just("gateway"), st.just(""), st.sampled_from([*GATEWAYS])),
    st.tuples(st.just("tenant"), st.sampled_from(NAMES), st.sampled_from([*TEXTS, None])),
    st.tuples(st.just("tenant"), st.sampled_from(NAMES), st.sampled_from([*TEXTS, None])),
    st.tuples(st.just("env"), st.sampled_from(["SAFE", "SHARED", "TENANT_A_B_KEY"]), st.sampled_from(VALUES)),
    st.tuples(st.just("value"), st.just(""), st.sampled_from(VALUES)),
)
Edit = tuple[str, str, str | None]


def made(name: str, text: str) -> bytes:
    filled = TEXTS[text].replace("NAME", name).replace("HASH", digest(name))
    return filled.encode(errors="surrogateescape")


def put(path: Path, raw: bytes | None) -> None:
    path.unlink(missing_ok=True)
    if raw is not None:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(raw)


def play(folder: Path, edits: Sequence[Edit]) -> None:
    """After each edit, compiling again must give what compiling anew gives."""
    env, left = dict(ENV), Memory()
    for old in (folder / "tenants").glob("*"):
        old.unlink()
    put(folder / "more.yaml", made("a", "plain"))
    put(folder / "value", b"value of a file")
    start: list[Edit] = [("gateway", "", "as it was"), *(("tenant", name, "plain") for name in NAMES[1:3])]
    for kind, name, what in [*start, *edits]:
        match kind:
            case "gateway":
                put(folder / "gateway.yaml", GATEWAYS[what or ""].encode())
            case "tenant":
                put(folder / "tenants" / f"{name}.yaml", None if what is None else made(name, what))
            case "value":
                put(folder / "value", None if what is None else what.encode())
            case _:
                env = {key: value for key, value in env.items() if key != name} | ({} if what is None else {name: what})
        again, left = recompile(folder, env, catalog(), left)
        anew = compile_config(folder, env, catalog())
        for field in Compiled.__struct_fields__:
            assert getattr(again, field) == getattr(anew, field), (field, kind, name, what)


ANY = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate],
)


@ANY
@given(st.lists(EDITS, min_size=4, max_size=12))
def test_after_any_edits_compiling_again_equals_compiling_anew(tmp_path: Path, edits: list[Edit]) -> None:
    play(tmp_path, edits)


def test_after_every_kind_of_edit_and_its_undoing_compiling_again_equals_compiling_anew(tmp_path: Path) -> None:
    edits: list[Edit] = []
    for text in TEXTS:
        edits += [("tenant", "a-b", text), ("env", "TENANT_A_B_KEY", None), ("env", "TENANT_A_B_KEY", "new")]
    for text in GATEWAYS:
        edits += [("gateway", "", text), ("tenant", "b", "other name")]
    play(tmp_path, [*edits, ("gateway", "", "as it was"), ("tenant", "b", None), ("tenant", "b", "plain")])


@pytest.mark.parametrize(
    ("where", "what", "edits"),
    [
        (tenants, "same_references", [("tenant", "a-b", "own"), ("env", "TENANT_A_B_KEY", "changed")]),
        (tenants, "same_references", [("tenant", "a-b", "file"), ("value", "", "changed")]),
        (tenants, "same_references", [("tenant", "a-b", "own"), ("env", "TENANT_A_B_KEY", None)]),
        (tenants, "same_references", [("tenant", "a", "own"), ("tenant", "a-b", None)]),
        (tenants, "same_bytes", [("tenant", "a-b", "open")]),
        (tenants, "same_bytes", [("tenant", "a-b", "comment")]),
        (compiler, "same_ground", [("gateway", "", "defaults")]),
        (compiler, "same_ground", [("gateway", "", "moved")]),
        (compiler, "same_bytes", [("gateway", "", "profile")]),
        (compiler, "same_references", [("env", "SAFE", "changed")]),
    ],
)  # fmt: skip
def test_with_a_dependency_left_out_compiling_again_would_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: object, what: str, edits: list[Edit]
) -> None:
    play(tmp_path, edits)
    monkeypatch.setattr(where, what, _yes)
    with pytest.raises(AssertionError):
        play(tmp_path, edits)


def _yes(*_: object) -> bool:
    return True


def _nothing(*_: object) -> None:
    return None


def crowd(folder: Path, many: int) -> Path:
    files = {f"tenants/t{n}.yaml": PLAIN.replace("NAME", f"t{n}").replace("HASH", digest(str(n))) for n in range(many)}
    gateway = GATEWAYS["as it was"].replace("[tenants/*.yaml, more.yaml]", "tenants/*.yaml")
    return write(folder, {"gateway.yaml": gateway, **files})


def change(file: Path, before: str, after: str) -> None:
    """Another text of the same length and with the same time: neither is ever asked."""
    info, text = file.stat(), file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))
    os.utime(file, ns=(info.st_atime_ns, info.st_mtime_ns))


def test_a_change_of_one_tenant_of_two_hundred_checks_that_one_and_keeps_the_others_as_they_are(tmp_path: Path) -> None:
    path = crowd(tmp_path, 200)
    first, left = recompile(path, ENV, catalog())
    assert left.work == Work(read=201, checked=202)  # the one in the gateway's file, and that file's own part
    change(tmp_path / "tenants" / "t7.yaml", "max_memories: 4", "max_memories: 5")
    second, left = recompile(path, ENV, catalog(), left)
    assert left.work == Work(read=1, checked=1)
    assert first.config is not None
    assert second.config is not None
    fresh = [name for name, each in second.config.tenants.items() if each is not first.config.tenants[name]]
    assert fresh == ["t7"]
    assert recompile(path, ENV, catalog(), left)[1].work == Work()


def test_a_value_that_one_tenant_references_checks_that_one_only(tmp_path: Path) -> None:
    path = crowd(tmp_path, 30)
    with (tmp_path / "tenants" / "t7.yaml").open("a") as file:
        file.write("labels: {it: '${env:TENANT_T7_X}'}\n")
    _, left = recompile(path, {**ENV, "TENANT_T7_X": "first"}, catalog())
    _, left = recompile(path, {**ENV, "TENANT_T7_X": "second", "OTHER": "x"}, catalog(), left)
    assert left.work == Work(read=0, checked=1)


def test_a_gateway_file_that_was_broken_for_a_while_costs_nobody_anything(tmp_path: Path) -> None:
    path = crowd(tmp_path, 20)
    first, left = recompile(path, ENV, catalog())
    good = path.read_bytes()
    path.write_bytes(b"version: [")
    broken, left = recompile(path, ENV, catalog(), left)
    assert broken.config is None
    path.write_bytes(good)
    again, left = recompile(path, ENV, catalog(), left)
    assert left.work == Work()
    assert again == first


def test_the_digest_of_a_tenant_changes_with_what_it_takes_from_the_gateway_and_with_nothing_else(
    tmp_path: Path,
) -> None:
    def digests(text: str, env: Mapping[str, str] = ENV) -> dict[str, str]:
        files = {"gateway.yaml": text, "tenants/a.yaml": made("a", "plain"), "tenants/b.yaml": made("b", "own")}
        write(tmp_path, {**files, "tenants/b.yaml": made("b", "plain").replace(b", chain: long", b"")})
        config = compile_config(tmp_path, env, catalog()).config
        assert config is not None
        return {name: tenant.digest for name, tenant in config.tenants.items() if name in "ab"}

    base = digests(GATEWAYS["as it was"])
    changed = {
        "defaults": "ab", "profile": "ab", "floor": "ab", "shared chain": "a", "moved": "", "lint": "", "home gone": "",
    }  # fmt: skip
    for name, expected in changed.items():
        text = GATEWAYS[name].replace("max_top_k: 6", "max_top_k: 89")
        now = digests(text)
        assert {each for each in "ab" if now[each] != base[each]} == set(expected), name
    assert digests(GATEWAY, {**ENV, "SAFE": "another"}) != base
    assert (
        digests(GATEWAYS["as it was"].replace("spare: {type: memory}", "spare: {type: memory, embedder: none}")) == base
    )


def test_hashes_tell_which_files_have_changed(tmp_path: Path) -> None:
    path = crowd(tmp_path, 3)
    (tmp_path / "tenants" / "t1.yaml").write_bytes(made("t1", "file"))
    (tmp_path / "value").write_text("first")
    first, left = recompile(path, ENV, catalog())
    (tmp_path / "value").write_text("other")
    change(tmp_path / "tenants" / "t2.yaml", "max_memories: 4", "max_memories: 5")
    second, _ = recompile(path, ENV, catalog(), left)
    both = {**first.hashes, **second.hashes}
    assert {file.name for file in both if first.hashes[file] != second.hashes[file]} == {"value", "t2.yaml"}
    assert tuple(first.hashes) == first.files


def test_a_mistake_that_all_tenants_share_names_a_few_of_the_others_only(tmp_path: Path) -> None:
    key = digest("the same")
    files = {f"tenants/t{n}.yaml": PLAIN.replace("NAME", f"t{n}").replace("HASH", key) for n in range(40)}
    write(tmp_path, {"gateway.yaml": GATEWAYS["as it was"].replace(", more.yaml", ""), **files})
    result = compile_config(tmp_path, ENV, catalog())
    told = [note for note in result.diagnostics if note.code == "MG0502"]
    assert len(told) == 40
    assert {len(note.related) for note in told} == {8}
    assert all(each.mark != note.mark for note in told for each in note.related)
    assert len(result.broken) == 40


def test_no_tenant_can_name_what_another_declares(tmp_path: Path) -> None:
    files = {"tenants/a.yaml": made("a", "strategy"), "tenants/b.yaml": made("b", "strategy of a")}
    write(tmp_path, {"gateway.yaml": GATEWAYS["as it was"].replace(", more.yaml", ""), **files})
    result = compile_config(tmp_path, ENV, catalog())
    assert [(note.code, note.mark.file.name) for note in result.diagnostics if note.severity == "error"] == [
        ("MG0304", "b.yaml")
    ]


def test_no_tenant_learns_what_another_references_by_writing_it_down(tmp_path: Path) -> None:
    env = {**ENV, "TENANT_A_B_KEY": "guessed-right"}
    guess = made("b", "plain").replace(b"long", b"guessed-right")
    files = {"tenants/a-b.yaml": made("a-b", "own"), "tenants/b.yaml": guess}
    write(tmp_path, {"gateway.yaml": GATEWAYS["as it was"].replace(", more.yaml", ""), **files})
    (note,) = [each for each in compile_config(tmp_path, env, catalog()).diagnostics if each.code == "MG0301"]
    assert "guessed-right" in note.message
    assert "TENANT_A_B" not in note.message + note.hint + note.excerpt


def texts(folder: Path) -> list[Path]:
    """Every text above in a folder of its own, as the only tenant."""
    for text in TEXTS:
        here = folder / text.replace(" ", "-")
        write(here, {"gateway.yaml": GATEWAYS["as it was"], "tenants/a.yaml": made("a", text), "value": "v"})
    return sorted(folder.iterdir())


def test_files_that_take_the_short_way_would_come_to_the_same_on_the_long_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = [(path, ENV) for path in texts(tmp_path)] + [(case.file, case.env) for case in cases()[::3]]
    short = [compile_config(path, env, catalog()) for path, env in places]
    monkeypatch.setattr(Shortcut, "convert", _nothing)
    for (path, env), quickly in zip(places, short, strict=True):
        assert compile_config(path, env, catalog()) == quickly, path


PLUGINS = (
    "disk: {type: sqlite, path: 5}", "disk: {type: sqlite, paht: x.db}", "disk: {type: sqlite, x-path: x.db}", "disk: {path: x.db}",
    "disk: {type: sqlite, embedder: 1}", "disk: {type: sqlite, labels: 1}", "disk: {type: sqlit}", "disk: 1", "disk: null", "Disk: {type: memory}",
    "disk: {type: sqlite, embedder: null}", "disk: {type: [sqlite]}", "disk: {type: vault, key: inline}", "disk: {type: memory, labels: {a: [1]}}",
    "disk: {type: vault, key: '${env:TENANT_A_KEY}', pool: 65}", "disk: {type: sqlite, path: '${env:TENANT_A_KEY}'}",
)  # fmt: skip


@pytest.mark.parametrize("entry", PLUGINS)
def test_declarations_that_take_the_short_way_come_to_the_same_on_the_long_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str
) -> None:
    file = made("a", "plain") + f"providers: {{{entry}}}\n".encode()
    write(tmp_path, {"gateway.yaml": GATEWAYS["as it was"].replace(", more.yaml", ""), "tenants/a.yaml": file})
    env = {**ENV, "TENANT_A_KEY": "key-of-a"}
    quickly = compile_config(tmp_path, env, catalog())
    monkeypatch.setattr(Shortcut, "convert", _nothing)
    assert compile_config(tmp_path, env, catalog()) == quickly


def test_if_the_short_way_passed_over_plugins_it_would_hide_what_is_wrong_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = made("a", "plain") + b"providers: {own: {type: vault, key: inline, pool: 65}}\n"
    write(tmp_path, {"gateway.yaml": GATEWAYS["as it was"].replace(", more.yaml", ""), "tenants/a.yaml": wrong})
    codes = [note.code for note in compile_config(tmp_path, ENV, catalog()).diagnostics]
    monkeypatch.setattr(shortcut, "GROUPS", ())
    assert {"MG0205", "MG0501"} <= set(codes)
    assert not {"MG0205", "MG0501"} & {note.code for note in compile_config(tmp_path, ENV, catalog()).diagnostics}


def test_another_catalogue_or_a_package_that_came_makes_everything_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distant = made("a", "plain").replace(b"long", b"far") + b"providers: {far: {type: distant}}\n"
    write(tmp_path, {"gateway.yaml": GATEWAYS["as it was"].replace(", more.yaml", ""), "tenants/a.yaml": distant})
    first, left = recompile(tmp_path, ENV, catalog())
    assert first.broken == {"a"}
    again, _ = recompile(tmp_path, ENV, catalog("one is broken"), left)
    assert again == compile_config(tmp_path, ENV, catalog("one is broken")) != first
    monkeypatch.setattr("gateway.config.catalog.find_spec", _yes)
    again, _ = recompile(tmp_path, ENV, catalog(), left)
    assert not again.broken


def test_what_is_remembered_holds_no_value_that_a_reference_stands_for(tmp_path: Path) -> None:
    write(tmp_path, {"gateway.yaml": GATEWAYS["as it was"], "tenants/a-b.yaml": made("a-b", "own")})
    _, left = recompile(tmp_path, {**ENV, "TENANT_A_B_KEY": "canary-5f1e"}, catalog())
    assert "canary-5f1e" not in repr(left.files)
    assert isinstance(left.base, Base)
    assert "the-safe-value" not in repr(msgspec.structs.replace(left.base, ground=None))
