"""Two gateways with one store of jobs: what one of them erases, the other one keeps out as well."""

from pathlib import Path
from typing import Final

import pytest

from tests.gateways import gateway
from tests.servers.postgres import postgres

CONFIG: Final = """
version: 1
jobs: {url: "${env:FLEET}"}
receipts: {key: "${env:FLEET_KEY}"}
providers: {main: {type: postgres, url: "${env:FLEET}", table: fleet, vectors: false, embedder: none}}
defaults: {chain: main, retrieval: {strategy: recent}}
tenants: {default: {auth: {mode: open}, routes: {notes: {default: true}}}}
"""


async def test_a_repeated_key_and_a_refused_user_are_kept_out_by_every_gateway_of_a_fleet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_KEY", "5a" * 32)
    with postgres(tmp_path / "postgres") as server:
        monkeypatch.setenv("FLEET", f"postgresql://{server['authority']}")
        for name in ("one", "other"):
            (tmp_path / name).mkdir()
        async with gateway(tmp_path / "one", CONFIG) as one, gateway(tmp_path / "other", CONFIG) as other:
            body, key = {"content": "likes tea", "user_id": "ada"}, {"Idempotency-Key": "k"}
            assert (await other.post("/v1/memories", body, headers=key)).status_code == 201
            reply = (await one.http.delete("/v1/subjects/ada")).json()
            assert (reply["status"], reply["deleted_memories"]) == ("done", 1)
            again = await other.post("/v1/memories", body, headers=key)
            assert (again.status_code, again.json()["code"]) == (409, "subject_erased")
            found = await other.get(f"/v1/subjects/ada/erasures/{reply['id']}")
            assert found.json()["receipt"] == reply["receipt"]
            second = (await other.http.delete("/v1/subjects/ada", params={"refuse_new": True})).json()
            assert (second["receipt"]["number"], second["receipt"]["key"]) == (2, reply["receipt"]["key"])
            refused = await one.post("/v1/memories", body)
            assert (refused.status_code, refused.json()["code"]) == (403, "subject_refused")
