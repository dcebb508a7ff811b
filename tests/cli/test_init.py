"""`init` and `new tenant`: what they write is valid, formatted and safe, and nothing is ever overwritten."""

import stat
from pathlib import Path

import pytest

from gateway.auth.keys import hash_key, well_formed
from gateway.config.catalog import Catalog
from gateway.config.compiled import Config
from gateway.config.compiler import compile_config
from gateway.config.scaffold import new_tenant
from gateway.domain.principal import Role
from tests.cli.places import run
from tests.config.plugins import catalog


def compiled(folder: Path) -> Config:
    found = compile_config(folder, {}, Catalog.builtin())
    assert found.config is not None and found.diagnostics == (), [each.line() for each in found.diagnostics]
    return found.config


def accepted(folder: Path) -> None:
    result = run("validate", folder, "--deny-warnings", env={})
    assert result.exit_code == 0, result.output
    assert run("fmt", "--check", folder).exit_code == 0, run("fmt", "--diff", folder).stdout


def test_a_new_folder_is_valid_formatted_and_closed_to_strangers(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    result = run("init", folder)
    assert result.exit_code == 0
    accepted(folder)
    key = result.stdout.strip()
    assert well_formed(key)
    tenant = compiled(folder).tenants["default"]
    assert [each.hash for each in tenant.auth.api_keys] == [f"sha256:{hash_key(key)}"] and tenant.auth.mode == "keys"
    assert Role.OPERATOR not in tenant.auth.api_keys[0].roles
    assert all(key not in file.read_text() for file in folder.rglob("*") if file.is_file())
    assert "data/" in (folder / ".gitignore").read_text().splitlines()


def test_every_file_finds_its_schema_beside_it(tmp_path: Path) -> None:
    run("init", tmp_path)
    run("new", "tenant", "acme", "--dir", tmp_path)
    for file in (tmp_path / "gateway.yaml", tmp_path / "tenants/default.yaml", tmp_path / "tenants/acme.yaml"):
        modeline = file.read_text().splitlines()[0]
        assert (file.parent / modeline.partition("$schema=")[2]).is_file()


@pytest.mark.parametrize("name", ["gateway.yaml", "tenants/default.yaml", ".gitignore"])
def test_init_overwrites_nothing_and_then_writes_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    before = {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    result = run("init", tmp_path)
    assert result.exit_code == 1 and name in result.stderr and result.stdout == ""
    assert {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_new_tenant_has_a_key_of_its_own_and_is_served(tmp_path: Path) -> None:
    run("init", tmp_path)
    result = run("new", "tenant", "acme", "--dir", tmp_path)
    assert result.exit_code == 0
    accepted(tmp_path)
    key = compiled(tmp_path).tenants["acme"].auth.api_keys[0]
    assert key.hash == f"sha256:{hash_key(result.stdout.strip())}"
    assert key.hash != compiled(tmp_path).tenants["default"].auth.api_keys[0].hash


def test_a_new_tenant_may_have_backends_of_its_own(tmp_path: Path) -> None:
    run("init", tmp_path)
    assert (
        run("new", "tenant", "acme", "--dir", tmp_path, "--provider", "sqlite", "--provider", "memory").exit_code == 0
    )
    accepted(tmp_path)
    config = compiled(tmp_path)
    routes = {route.name: config.chains[route.chain].steps[0].provider for route in config.tenants["acme"].routes}
    assert routes == {"memories": "acme/acme-sqlite", "acme-memory": "acme/acme-memory"}


def test_a_chain_is_named_where_the_defaults_name_none(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text("version: 1\nproviders:\n  main: {type: memory}\ninclude: tenants/*.yaml\n")
    assert run("new", "tenant", "acme", "--dir", tmp_path).exit_code == 0
    accepted(tmp_path)


def test_a_tenant_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    run("init", tmp_path)
    before = (tmp_path / "tenants/default.yaml").read_text()
    result = run("new", "tenant", "default", "--dir", tmp_path)
    assert result.exit_code == 1 and result.stdout == "" and "there already" in result.stderr
    assert (tmp_path / "tenants/default.yaml").read_text() == before


@pytest.mark.parametrize("name", ["Acme", "../acme", "a b", "", "9a", "a" * 64, "a/b"])
def test_a_name_that_is_none_is_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    run("init", tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert run("new", "tenant", name, "--dir", tmp_path).exit_code == 2
    assert sorted(tmp_path.rglob("*")) == before


def test_what_stands_in_the_way_is_told(tmp_path: Path) -> None:
    assert "init" in run("new", "tenant", "acme", "--dir", tmp_path).stderr  # no gateway here
    run("init", tmp_path)
    assert "known: " in run("new", "tenant", "acme", "--dir", tmp_path, "--provider", "nosql").stderr
    gateway = tmp_path / "gateway.yaml"
    text = gateway.read_text()
    gateway.write_text(text.replace("open_tenants: false", "open_tenants: false, providers: [sqlite]"))
    result = run("new", "tenant", "acme", "--dir", tmp_path, "--provider", "memory")
    assert result.exit_code == 1 and "MG0604" in result.stderr
    gateway.write_text(text.replace("include: tenants/*.yaml", "include: tenants/default.yaml"))
    result = run("new", "tenant", "globex", "--dir", tmp_path)
    assert result.exit_code == 1 and "does not include it" in result.stderr


def test_no_file_is_made_executable(tmp_path: Path) -> None:
    run("init", tmp_path)
    assert not any(file.stat().st_mode & stat.S_IXUSR for file in tmp_path.rglob("*") if file.is_file())


def test_options_that_must_be_given_become_variables_that_the_tenant_may_use(tmp_path: Path) -> None:
    """With a plugin that needs a secret: nothing built in does."""
    run("init", tmp_path)
    made = new_tenant("my-co", "sha256:" + "0" * 64, "app", ["vault"], None, catalog())
    (tmp_path / "tenants/my-co.yaml").write_text(made.text)
    assert made.needs == ("TENANT_MY_CO_VAULT_KEY",)
    found = compile_config(tmp_path, dict.fromkeys(made.needs, "x"), catalog())
    assert found.config is not None and found.diagnostics == () and "my-co" in found.config.tenants
