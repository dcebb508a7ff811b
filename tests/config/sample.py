"""One valid configuration that uses most of the language, as files; and how to compile a set of files."""

from collections.abc import Mapping
from pathlib import Path

from gateway.config.compiled import Compiled
from gateway.config.compiler import compile_config
from tests.config.plugins import catalog

HASH = "sha256:" + "0123456789abcdef" * 4
OTHER = "sha256:" + "fedcba9876543210" * 4
ENV = {
    "VAULT_KEY": "canary-vault-5f1e",
    "TENANT_ACME_KEY": "canary-acme-77aa",
    "POOL": "7",
    "CURSOR": "canary-cursor-90",
}

GATEWAY = f"""version: 1
x-owner: platform
server: {{max_body: 2MiB, cursor_key: "${{env:CURSOR}}"}}
embedders:
  small: {{type: wordllama}}
providers:
  main: {{type: memory, embedder: small}}
  safe:
    type: vault
    key: ${{env:VAULT_KEY}}
    pool: ${{env:POOL}}
    timeout: 3s
    labels: {{owner: search}}
chains:
  durable:
    - {{provider: safe, role: primary}}
strategies:
  fresh: {{type: hybrid, half_life: 3d}}
profiles:
  regulated:
    ttl: 30d
    scope: {{require: [user], context: [agent, run]}}
    retrieval: {{top_k: 8, filters: {{state: open}}}}
defaults:
  chain: main
  retrieval: {{strategy: hybrid, top_k: 12, min_relevance: 0.1}}
policy: {{widest_scope: agent, max_top_k: 90}}
include: tenants/*.yaml
tenants:
  home:
    auth: {{api_keys: [{{hash: "{OTHER}", id: home}}]}}
    routes:
      notes: {{default: true, retrieval: {{max_memories: 20}}}}
"""

ACME = f"""tenant: acme
auth: {{api_keys: [{{hash: "{HASH}", id: ci, roles: [reader, writer], expires: "2031-01-01"}}]}}
profiles: [regulated]
providers:
  own: {{type: vault, key: "${{env:TENANT_ACME_KEY}}"}}
retrieval: {{strategy: fresh}}
labels: {{cost-centre: 7, x: [1, {{y: 2}}]}}
routes:
  notes: {{default: true}}
  support:
    match: {{agent: [support-*, triage], header: {{x-team: red}}}}
    priority: 2
    chain: durable
    retrieval: {{strategy: relevant, top_k: 3}}
  talks: {{kinds: [message], default: true, chain: own, session: {{id: "{{user}}-{{uuid}}"}}}}
"""

FILES: dict[str, str | bytes] = {"gateway.yaml": GATEWAY, "tenants/acme.yaml": ACME}


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder / "gateway.yaml"


def compiled(folder: Path, files: Mapping[str, str | bytes] = FILES, env: Mapping[str, str] = ENV) -> Compiled:
    return compile_config(write(folder, files), env, catalog())
