"""What YAML says of AWS reaches its client: requests go to the address that is named, signed for the region that is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.config.catalog import Catalog
from gateway.config.compiler import compile_config
from gateway.domain.errors import Unavailable
from gateway.domain.ports import Kit

TEXT = """
version: 1
providers:
  main:
    {more}
    access_key_id: testing
    secret_access_key: testing
    {where}
    embedder: none
tenants: {{a: {{auth: {{mode: open}}, routes: {{r: {{default: true, chain: main}}}}}}}}
"""
PROVIDERS = {
    "dynamodb": "{type: dynamodb, table_name: memories}",
    "s3": "{type: s3, bucket: memories}",
    "agentcore": "{type: agentcore, memory_id: memory-abcdefghij}",
}


@pytest.fixture
async def spy() -> AsyncIterator[tuple[str, list[str]]]:
    """An address, and the Authorization header of each request that came to it. It refuses all of them."""
    heard: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        heard.extend(line for line in head.splitlines() if line.lower().startswith("authorization:"))
        writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1")
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heard


async def asked(text: str, folder: Path) -> None:
    """Opens the provider that the text declares, and pings it."""
    (folder / "gateway.yaml").write_text(text)
    compiled = compile_config(folder / "gateway.yaml", {}, Catalog.builtin())
    assert compiled.config is not None, compiled.diagnostics
    declared = compiled.config.providers["main"]
    plugin: Any = declared.plugin
    provider = plugin(declared.options, Kit(name="main", clock=lambda: datetime.now(UTC), home=folder, dimension=8))
    async with AsyncExitStack() as stack:
        await provider.open(stack)
        await provider.ping()


@pytest.mark.parametrize("kind", PROVIDERS)
async def test_region_and_endpoint_url_in_yaml_reach_the_aws_client(
    kind: str, spy: tuple[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the counter-test: without `region` it is the environment's, so the header does show what was said."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-1")
    address, heard = spy
    for region, expected in (("region: eu-central-1", "eu-central-1"), ("", "us-west-1")):
        heard.clear()
        more = PROVIDERS[kind].strip("{}").replace(", ", "\n    ")
        where = f"endpoint_url: '{address}'\n    {region}"
        with pytest.raises(Unavailable):
            await asked(TEXT.format(more=more, where=where), tmp_path)
        assert heard
        assert all(f"/{expected}/" in line for line in heard)
