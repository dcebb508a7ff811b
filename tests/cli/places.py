"""Configurations in folders, and the command line run on them."""

from collections.abc import Mapping
from pathlib import Path

from click.testing import CliRunner, Result

from gateway.cli import main

ROOT = Path(__file__).parents[2]
MANY = ROOT / "configs/multi-tenant"

GATEWAY = """version: 1
secrets: {tenant_env: [HASH, ORG, ORG2, HELLO]}
server: {max_body: 2MiB, cursor_key: "${env:CURSOR}"}
embedders:
  far: {type: openai, url: "https://user:canary-userinfo@models.test/v1", model: m, dimension: 256, api_key: "${env:KEY}"}
providers:
  main: {type: sqlite, path: data/main.db, embedder: far}
  scratch: {type: memory, embedder: none}
defaults: {chain: main}
policy: {widest_scope: agent, open_tenants: false}
include: tenants/*.yaml
"""
TENANT = """tenant: acme
auth:
  api_keys:
    - {id: app, hash: "sha256:0000000000000000000000000000000000000000000000000000000000000001", user: ada, roles: [reader]}
    - {hash: "${env:HASH}", claims: {org: "${env:ORG}"}}
ttl: 30d
routes:
  notes: {default: true, retrieval: {top_k: 5, filters: {state: open}}}
  drafts: {match: {agent: [draft-*]}, chain: scratch, metadata_schema: {type: object}}
  chat: {kinds: [message], default: true, session: {prefill: "${env:HELLO}"}}
"""
ENV = {
    "CURSOR": "canary-cursor-long-enough-to-be-a-key",
    "KEY": "canary-key",
    "HASH": "sha256:" + "ca9a" * 16,
    "ORG": "canary-org",
    "HELLO": "canary-hello",
}


def put(folder: Path, files: Mapping[str, str] | None = None) -> Path:
    """The sample, or other files, in a folder."""
    for name, text in (files or {"gateway.yaml": GATEWAY, "tenants/acme.yaml": TENANT}).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def run(*arguments: str | Path, env: Mapping[str, str] = ENV) -> Result:
    """stdout and stderr are apart in the result; an exception that is no exit is raised."""
    result = CliRunner().invoke(main, [str(each) for each in arguments], env=dict(env))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result
