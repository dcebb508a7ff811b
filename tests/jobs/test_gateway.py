"""A gateway with a mirror: its jobs begin when a configuration needs them, are seen, and cost nothing before that."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from tests.gateways import Gateway, gateway, process

ALONE = """
version: 1
reload: {{watch: false}}
jobs: {{store: {store}, attempts: 1}}
providers:
  main: {{type: sqlite, path: data/main.db}}
  copy: {{type: sqlite, path: data/copy.db}}
chains:
  both: [{{provider: main}}{mirror}]
tenants:
  default:
    auth: {{mode: open}}
    routes:
      notes: {{default: true, chain: both}}
      copied: {{chain: copy, match: {{header: {{x-look: copy}}}}}}
"""
MIRROR = ", {provider: copy, role: mirror}"
WITH = ALONE.format(mirror=MIRROR, store="data/jobs.db")
WITHOUT = ALONE.format(mirror="", store="data/jobs.db")

IMPORTED = """
import asyncio, sys
from pathlib import Path
from tests.gateways import gateway

async def main():
    async with gateway(Path(sys.argv[1]), sys.argv[2]) as made:
        assert (await made.post("/v1/memories", {"user_id": "ada", "content": "tea"})).status_code == 201
        print(sorted({"dbos", "sqlalchemy", "psycopg"} & sys.modules.keys()))

asyncio.run(main())
"""


async def copied(made: Gateway, seconds: float = 10) -> list[str]:
    """What is at the mirror, as soon as anything is."""
    until = asyncio.get_running_loop().time() + seconds
    while True:
        reply = await made.get("/v1/memories?user_id=ada", headers={"x-look": "copy"})
        found = [each["content"] for each in reply.json()["memories"]]
        if found or asyncio.get_running_loop().time() > until:
            return found
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("text", "imported"), [(WITHOUT, "[]"), (WITH, "['dbos', 'psycopg', 'sqlalchemy']")], ids=["without", "with"]
)
def test_only_a_configuration_that_needs_jobs_imports_what_runs_them(text: str, imported: str, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", IMPORTED, str(tmp_path), text], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == imported
    assert (tmp_path / "data/jobs.db").exists() == (text == WITH)


async def test_a_write_comes_to_the_mirror_and_so_does_its_deletion(tmp_path: Path) -> None:
    async with gateway(tmp_path, WITH) as made:
        written = (await made.post("/v1/memories", {"user_id": "ada", "content": "tea"})).json()
        assert await copied(made) == ["tea"]
        assert (await made.http.delete(f"/v1/memories/{written['id']}?user_id=ada")).status_code in (200, 204)
        for _ in range(100):
            if not (await made.get("/v1/memories?user_id=ada", headers={"x-look": "copy"})).json()["memories"]:
                break
            await asyncio.sleep(0.1)
        else:
            pytest.fail("the deletion did not come to the mirror")


async def test_a_reload_that_needs_jobs_starts_them(tmp_path: Path) -> None:
    async with gateway(tmp_path, WITHOUT) as made:
        assert (await made.get("/admin/jobs")).json() == []
        (tmp_path / "gateway.yaml").write_text(WITH)
        outcome = (await made.post("/admin/reload")).json()["outcome"]
        assert outcome["result"] == "applied", outcome
        await made.post("/v1/memories", {"user_id": "ada", "content": "tea"})
        assert await copied(made) == ["tea"]


async def test_a_reload_that_needs_jobs_which_cannot_be_kept_is_refused_with_the_reason(tmp_path: Path) -> None:
    async with gateway(tmp_path, WITHOUT) as made:
        (tmp_path / "gateway.yaml").write_text(ALONE.format(mirror=MIRROR, store="gateway.yaml/jobs.db"))
        outcome = (await made.post("/admin/reload")).json()["outcome"]
        assert (outcome["result"], outcome["stage"]) == ("rejected", "build")
        assert outcome["reasons"][0].startswith(
            "the jobs that mirrors and failovers need cannot be kept (jobs.store gateway.yaml/jobs.db): "
        )
        assert (await made.post("/v1/memories", {"user_id": "ada", "content": "tea"})).status_code == 201


async def test_a_gateway_that_does_not_start_leaves_no_jobs_behind_for_the_next_one(tmp_path: Path) -> None:
    broken = WITH.replace("data/main.db", "gateway.yaml/main.db")
    with pytest.raises(BaseExceptionGroup):
        async with gateway(tmp_path, broken):
            pass
    async with gateway(tmp_path, WITH) as made:
        await made.post("/v1/memories", {"user_id": "ada", "content": "tea"})
        assert await copied(made) == ["tea"]


async def test_a_second_gateway_with_jobs_in_one_process_is_refused(tmp_path: Path) -> None:
    async with gateway(tmp_path / "one", WITH) as made:
        with pytest.raises(BaseExceptionGroup) as refused:
            async with gateway(tmp_path / "two", WITH):
                pass
        assert "another gateway of this process has its jobs here already" in str(refused.value.exceptions[0])
        await made.post("/v1/memories", {"user_id": "ada", "content": "tea"})
        assert await copied(made) == ["tea"]


async def test_what_is_to_be_done_is_seen_in_metrics_by_operators_and_on_the_command_line(tmp_path: Path) -> None:
    async with gateway(tmp_path, WITH) as made:
        await made.post("/v1/memories", {"user_id": "ada", "content": "a secret"})
        assert await copied(made) == ["a secret"]
        # The mirror goes from the configuration while something is owed to it.
        await made.post("/v1/memories", {"user_id": "ada", "content": "a secret"})
        text = WITH.replace("      copied: {chain: copy, match: {header: {x-look: copy}}}\n", "").replace(MIRROR, "")
        (tmp_path / "gateway.yaml").write_text(text)
        assert (await made.post("/admin/reload")).json()["outcome"]["result"] == "applied"
        dead: list[dict[str, Any]] = []
        for _ in range(100):
            dead = dead or (await made.get("/admin/jobs?dead=true")).json()
            await asyncio.sleep(0.1 * (not dead))
        assert dead[0]["reason"] == "no route uses the provider 'copy' any more"
        told = (await made.get("/metrics")).text
        assert 'gateway_jobs{state="dead"} 1.0' in told
        assert 'gateway_jobs_records{state="dead"} 1.0' in told
        assert 'gateway_jobs_oldest_age_seconds{state="dead"}' in told
        config = ["--config", str(tmp_path / "gateway.yaml")]
        listed = await asyncio.to_thread(_run, "ls", *config, "--dead", "--exit-code")
        assert listed.exit_code == 6
        assert "main -> copy" in listed.output and "no route uses" in listed.output
        assert "ada" not in listed.output and "secret" not in listed.output
        (tmp_path / "gateway.yaml").write_text(WITH)
        assert (await made.post("/admin/reload")).json()["outcome"]["result"] == "applied"
        again = await asyncio.to_thread(_run, "retry", *config, "--dead")
        assert (again.exit_code, again.output) == (0, "1 job begun anew\n")
        for _ in range(100):
            if len(await copied(made)) == 2:
                break
            await asyncio.sleep(0.1)
        assert await copied(made) == ["a secret"] * 2


def test_the_command_line_says_when_there_is_nothing_or_no_such_job(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(WITH)
    config = ["--config", str(tmp_path / "gateway.yaml")]
    assert (_run("ls", *config).exit_code, _run("ls", *config).output) == (0, "")
    assert json.loads(_run("ls", *config, "--format", "json").output) == []
    assert not (tmp_path / "data/jobs.db").exists()
    gone = _run("drop", *config, "nobody")
    assert (gone.exit_code, gone.output) == (1, "0 jobs dropped\n")
    assert _run("drop", *config).exit_code == 2


def test_a_gateway_with_jobs_says_nothing_but_its_own_lines_and_stops_in_time(tmp_path: Path) -> None:
    import httpx

    (tmp_path / "gateway.yaml").write_text(WITH)
    with process(tmp_path / "gateway.yaml", "--workers", "2") as server:
        for _ in range(20):
            httpx.post(f"{server.url}/v1/memories", json={"user_id": "ada", "content": "tea"}).raise_for_status()
        assert server.stop() in (0, -15)
        lines = [json.loads(line) for line in server.errors().splitlines()]
    assert not [line for line in lines if line.get("event", "").startswith("dbos")]
    assert "dbos" not in server.errors().lower()


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["jobs", *arguments])
