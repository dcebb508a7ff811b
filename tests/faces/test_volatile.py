"""Where no provider is declared, records live in memory: it works, the check says so, and a restart forgets."""

from pathlib import Path
from typing import Any

import pytest

from gateway.config.catalog import Catalog
from gateway.config.compiler import compile_config
from tests.gateways import gateway

ROUTES = "tenants: {demo: {auth: {mode: open}, routes: {all: {default: true, kinds: [memory, message, checkpoint]}}}}\n"
NOTHING = f"version: 1\n{ROUTES}"
DECLARED = f"version: 1\nproviders: {{main: {{type: sqlite, path: data/m.db}}}}\ndefaults: {{chain: main}}\n{ROUTES}"


def warnings(home: Path, text: str) -> list[str]:
    (home / "gateway.yaml").write_text(text)
    compiled = compile_config(home / "gateway.yaml", {}, Catalog.builtin())
    assert compiled.config is not None
    return [note.code for note in compiled.diagnostics]


async def kept(home: Path, text: str) -> tuple[list[str], list[str], list[str]]:
    """What is there at the start, what is after writing, and what is after a restart."""
    ann: dict[str, Any] = {"user_id": "ann"}
    seen: list[list[str]] = []
    for writes in (True, False):
        async with gateway(home, text) as served:

            async def listed(served: Any = served) -> list[str]:
                memories = (await served.get("/v1/memories", params=ann)).json()["memories"]
                said = (await served.get("/v1/sessions/s1/messages", params=ann)).json()["messages"]
                runs = (await served.get("/v1/runs/r1/checkpoints", params=ann)).json()["checkpoints"]
                return [*(each["content"] for each in [*memories, *said]), *("checkpoint" for _ in runs)]

            seen.append(await listed())
            if writes:
                message = {"role": "user", "content": "hello"}
                for path, body in (
                    ("/v1/memories", {"content": "tea"}),
                    ("/v1/sessions/s1/messages", {"message": message}),
                    ("/v1/runs/r1/checkpoints", {"state": {"step": 1}}),
                ):
                    told = await served.post(path, {**ann, **body})
                    assert told.status_code == 201, told.text
                seen.append(await listed())
    before, after, restarted = seen
    return before, after, restarted


async def test_without_a_provider_records_live_in_memory_until_the_process_ends(tmp_path: Path) -> None:
    config = compile_config(_written(tmp_path, NOTHING), {}, Catalog.builtin()).config
    assert config is not None
    assert [(each.name, each.type_name) for each in config.providers.values()] == [("memory", "memory")]
    assert await kept(tmp_path, NOTHING) == ([], ["tea", "hello", "checkpoint"], [])


async def test_with_one_the_same_records_outlive_it(tmp_path: Path) -> None:
    assert await kept(tmp_path, DECLARED) == ([], *[["tea", "hello", "checkpoint"]] * 2)


@pytest.mark.parametrize(("text", "told"), [(NOTHING, ["MG0326"]), (DECLARED, [])])
def test_the_check_says_that_nothing_lasts(tmp_path: Path, text: str, told: list[str]) -> None:
    assert warnings(tmp_path, text) == told


def _written(home: Path, text: str) -> Path:
    (home / "gateway.yaml").write_text(text)
    return home / "gateway.yaml"
