"""A broken tenant harms nobody else; a broken gateway file is refused whole."""

from pathlib import Path

import pytest

from gateway.config.compiled import Compiled
from tests.config.corpus import cases
from tests.config.sample import ACME, FILES, GATEWAY, HASH, compiled


def _names(result: Compiled) -> set[str]:
    assert result.config is not None, result.diagnostics
    return set(result.config.tenants)


@pytest.mark.parametrize(
    "text",
    [
        "", "tenant: acme\n\tx: 1", "tenant: [", ACME.replace("regulated", "regulatd"), ACME.replace("durable", "durabl"),
        ACME.replace("${env:TENANT_ACME_KEY}", "${env:VAULT_KEY}"), ACME.replace("top_k: 3", "top_k: 0"),
        ACME.replace("own:", "safe:"), ACME.replace("type: vault", "type: distant"), ACME.replace("[reader, writer]", "[x]"),
    ],
)  # fmt: skip
def test_a_broken_tenant_is_left_out_and_named_and_the_others_are_served(tmp_path: Path, text: str) -> None:
    assert text != ACME
    result = compiled(tmp_path, {**FILES, "tenants/acme.yaml": text})
    assert _names(result) == {"home"}
    assert result.broken == {"acme"}
    assert result.config is not None
    assert not [key for key in (*result.config.providers, *result.config.chains) if key.startswith("acme/")]


def test_a_broken_tenant_within_the_gateway_file_is_left_out_too(tmp_path: Path) -> None:
    result = compiled(tmp_path, {**FILES, "gateway.yaml": GATEWAY.replace("max_memories: 20", "max_memories: 0")})
    assert (_names(result), result.broken) == ({"acme"}, {"home"})


@pytest.mark.parametrize(
    "text",
    [GATEWAY.replace("chain: main", "chain: mian"), GATEWAY.replace("pool: $", "pool: x$"), GATEWAY + "a: 1\n",
     GATEWAY.replace("version: 1", "version: 2"), GATEWAY.replace("half_life: 3d", "half_life: 3")],
)  # fmt: skip
def test_an_error_in_the_gateways_own_part_refuses_the_whole(tmp_path: Path, text: str) -> None:
    assert text != GATEWAY
    result = compiled(tmp_path, {**FILES, "gateway.yaml": text})
    assert result.config is None
    assert result.files


def test_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    files = {
        "gateway.yaml": GATEWAY.replace("max_top_k: 90", "max_topk: 90").replace("pool:", "pol:"),
        "tenants/acme.yaml": ACME.replace("durable", "durabl"),
        "tenants/beta.yaml": "tenant: beta\nauth: {mode: closed}\n",
    }
    notes = compiled(tmp_path, files).diagnostics
    assert [(note.mark.file.name, note.code) for note in notes] == [
        ("gateway.yaml", "MG0202"), ("gateway.yaml", "MG0202"), ("acme.yaml", "MG0301"), ("beta.yaml", "MG0204"),
    ]  # fmt: skip


def test_tenants_named_twice_are_both_left_out(tmp_path: Path) -> None:
    again = (
        ACME.replace("tenant: acme", "tenant: home")
        .replace("TENANT_ACME_KEY", "TENANT_HOME_KEY")
        .replace(HASH, "sha256:" + "ab" * 32)
    )
    result = compiled(tmp_path, {**FILES, "tenants/home.yaml": again}, {**_env(), "TENANT_HOME_KEY": "kkkkkkkk"})
    assert (_names(result), result.broken) == ({"acme"}, {"home"})


def test_no_case_of_the_corpus_leaves_a_half_broken_tenant_in(tmp_path: Path) -> None:
    del tmp_path
    from gateway.config.compiler import compile_config
    from tests.config.plugins import catalog

    for case in cases():
        result = compile_config(case.file, case.env, catalog(*case.problems))
        if result.config is None:
            continue
        assert not result.broken & set(result.config.tenants), case.name
        for tenant in result.config.tenants.values():
            for route in tenant.routes:
                assert route.chain in result.config.chains, case.name
                assert route.strategy in result.config.strategies, case.name
        for chain in result.config.chains.values():
            assert all(step.provider in result.config.providers for step in chain.steps), case.name


def _env() -> dict[str, str]:
    from tests.config.sample import ENV

    return dict(ENV)
