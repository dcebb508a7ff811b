"""explain, graph, keys and serve, as an operator types them."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.auth.keys import hash_key, well_formed
from gateway.cli import main
from gateway.cli.settings import ProcessSettings

ROOT = Path(__file__).parents[2]
MANY = str(ROOT / "configs/multi-tenant/gateway.yaml")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_explain_names_the_winner_and_why_the_others_lost() -> None:
    told = run("explain", MANY, "--tenant", "acme", "--agent", "support-7", "--user", "u").output
    assert re.search(r"support +WINS +matches +tenants/acme.yaml:\d+", told)
    assert re.search(r"notes +default, not needed", told)
    assert re.search(r"knowledge +reached by name only", told)
    assert re.search(r"retrieval.top_k = 20 +route +tenants/acme.yaml:\d+", told)
    assert re.search(r"retrieval.min_relevance = 0.1 +defaults +gateway.yaml:\d+", told)
    assert "main (sqlite, primary)" in told


def test_explain_names_the_condition_that_does_not_hold() -> None:
    told = run("explain", MANY, "--tenant", "acme", "--agent", "sales", "--user", "u").output
    assert re.search(r"notes +WINS +default", told)
    assert "does not match: agent is support-* or triage" in told


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--tenant", "nobody"), 2, "known: acme, globex"),
        (("--tenant", "acme", "--kind", "checkpoint"), 1, "no_route"),
        (("--tenant", "acme", "--key", "nope"), 2, "no key"),
        (("--tenant", "acme", "--key", "acme-kiosk", "--user", "else"), 1, "user_bound"),
    ],
)
def test_explain_says_why_a_request_would_be_refused(arguments: tuple[str, ...], code: int, says: str) -> None:
    result = run("explain", MANY, *arguments)
    assert result.exit_code == code and says in result.output


@pytest.mark.parametrize("form", ["mermaid", "dot"])
def test_graph_draws_every_tenant_route_and_provider(form: str) -> None:
    told = run("graph", MANY, "--format", form).output
    for name in ("acme", "globex", "acme/support", "globex/drafts", "main (sqlite)", "scratch (memory)"):
        assert name in told
    assert told.startswith("flowchart" if form == "mermaid" else "digraph")
    assert "globex" not in run("graph", MANY, "--tenant", "acme", "--format", form).output


def test_a_new_key_and_its_line_belong_together() -> None:
    result = run("keys", "new", "--role", "eraser", "--user", 'a "b"', "--label", "x")
    key = result.stdout.strip()
    assert well_formed(key)
    assert f'hash: "sha256:{hash_key(key)}"' in result.stderr
    assert "roles: [eraser]" in result.stderr and key not in result.stderr


def test_the_line_of_a_new_key_is_taken_by_the_configuration(tmp_path: Path) -> None:
    line = next(each for each in run("keys", "new", "--user", "a: #b").stderr.splitlines() if each.startswith("- "))
    text = (
        "version: 1\nproviders: {main: {type: memory}}\ntenants:\n  t:\n    auth:\n      api_keys:\n"
        f"        {line}\n    routes: {{all: {{default: true, chain: main}}}}\n"
    )
    (tmp_path / "gateway.yaml").write_text(text)
    result = run("validate", str(tmp_path / "gateway.yaml"))
    assert result.exit_code == 0, result.output


def test_serve_refuses_an_open_tenant_on_an_address_that_others_can_reach() -> None:
    result = run("serve", str(ROOT / "configs/quickstart.yaml"), "--host", "0.0.0.0")
    assert result.exit_code == 78 and "keys new" in result.output


def test_serve_refuses_a_broken_configuration_with_its_places(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text("version: 1\nproviderz: {}\n")
    result = run("serve", str(tmp_path / "gateway.yaml"))
    assert result.exit_code == 78
    assert "gateway.yaml:2:1" in result.output and "providers" in result.output and "Traceback" not in result.output


def test_serve_says_that_there_is_no_configuration(tmp_path: Path) -> None:
    result = run("serve", str(tmp_path / "nothing.yaml"))
    assert result.exit_code == 78 and "nothing.yaml" in result.output


def test_a_flag_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMORY_GATEWAY_PORT", "9000")
    monkeypatch.setenv("MEMORY_GATEWAY_HOST", "::1")
    assert (ProcessSettings().port, ProcessSettings().host) == (9000, "::1")
    assert ProcessSettings(port=9001).port == 9001


def test_explain_shows_references_as_they_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADER", "canary")
    text = (
        "version: 1\nproviders: {main: {type: memory}}\ntenants:\n  t:\n    auth: {mode: open}\n"
        '    routes: {all: {default: true, chain: main, context: {header: "${env:HEADER}"}}}\n'
    )
    (tmp_path / "gateway.yaml").write_text(text)
    told = run("explain", str(tmp_path / "gateway.yaml"), "--tenant", "t", "--user", "u").output
    assert "${env:HEADER}" in told
    assert "canary" not in told
