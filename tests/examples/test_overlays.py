"""One file of routes, and a gateway file for each place where it runs: only where records are kept differs."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.auth.keys import new_key
from gateway.cli import main
from tests.examples.serving import ROOT
from tests.gateways import Gateway, gateway

OVERLAYS = ROOT / "configs/overlays"
TENANT = "tenants/support.yaml"


def rendered(name: str) -> Any:
    told = CliRunner().invoke(main, ["render", str(OVERLAYS / f"{name}.yaml"), "--format", "json"])
    assert told.exit_code == 0, told.output
    return json.loads(told.output)


@pytest.mark.parametrize("name", ["local", "aws"])
def test_another_place_has_the_same_routes_on_another_backend(name: str) -> None:
    here, there = rendered("dev"), rendered(name)
    assert here["tenants"]["support"]["routes"] == there["tenants"]["support"]["routes"]
    assert set(here["tenants"]["support"]["routes"]) == {"memories", "chat"}
    types = (here["providers"]["main"]["type"], there["providers"]["main"]["type"])
    assert types == ("memory", {"local": "sqlite", "aws": "dynamodb"}[name])


@pytest.mark.parametrize("name", ["local", "aws"])
def test_a_diff_of_two_places_names_the_backend_and_no_route(name: str) -> None:
    told = CliRunner().invoke(main, ["diff", str(OVERLAYS / "dev.yaml"), str(OVERLAYS / f"{name}.yaml")])
    assert "~ provider main: recreate" in told.output
    assert "~ route" not in told.output and "~ tenant" not in told.output


def test_a_route_that_differed_would_be_seen(tmp_path: Path) -> None:
    for name in ("dev.yaml", TENANT):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        text = (OVERLAYS / name).read_text()
        (tmp_path / name).write_text(text.replace("top_k: 5", "top_k: 6"))
    told = CliRunner().invoke(main, ["diff", str(OVERLAYS / "dev.yaml"), str(tmp_path / "dev.yaml")])
    assert "~ route    support/memories" in told.output


async def test_the_same_calls_work_in_both_places_and_only_one_of_them_lasts(tmp_path: Path) -> None:
    key = new_key(os.urandom)
    tenant = {TENANT: (OVERLAYS / TENANT).read_text().replace(f"sha256:{'0' * 63}1", key.hash)}
    kept: dict[str, list[str]] = {}
    for name in ("dev", "local"):
        text = (OVERLAYS / f"{name}.yaml").read_text().replace("../../data/", "data/")
        home = tmp_path / name
        home.mkdir()
        async with gateway(home, text, tenant) as served:
            served.http.headers["Authorization"] = f"Bearer {key.text}"
            told = await served.post("/v1/memories", {"user_id": "ann", "content": "Ann likes tea"})
            assert told.status_code == 201, told.text
            assert await found(served) == ["Ann likes tea"]
        async with gateway(home, text, tenant) as again:
            again.http.headers["Authorization"] = f"Bearer {key.text}"
            kept[name] = await found(again)
    assert kept == {"dev": [], "local": ["Ann likes tea"]}


async def found(served: Gateway) -> list[str]:
    asked: dict[str, Any] = {"user_id": "ann", "query": "what does she drink?"}
    return [each["content"] for each in (await served.post("/v1/memories/search", asked)).json()["results"]]
