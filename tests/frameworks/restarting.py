"""Programs of the examples, each in a process of its own, before and after their gateway is stopped and made anew."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn

from tests.gateways import free_port, gateway

EXAMPLES = Path(__file__).parents[2] / "examples"


async def told_and_asked(framework: str, home: Path, tell: Sequence[str], ask: Sequence[str]) -> tuple[str, str]:
    """What an agent says when it is told something, and what another one says when it is asked after a restart."""
    program, config = EXAMPLES / framework / "assistant.py", (EXAMPLES / framework / "gateway.yaml").read_text()
    async with _listening(home, config) as url:
        told = await _said(program, url, tell)
    async with _listening(home, config) as url:
        return told, await _said(program, url, ask)


async def _said(program: Path, url: str, arguments: Sequence[str]) -> str:
    """The last line that it prints."""
    pipe = asyncio.subprocess.PIPE
    ran = await asyncio.create_subprocess_exec(
        sys.executable, str(program), url, *arguments, stdout=pipe, stderr=pipe, cwd=EXAMPLES.parent
    )
    async with asyncio.timeout(60):
        said, wrong = await ran.communicate()
    assert ran.returncode == 0, wrong.decode()[-2000:]
    return said.decode().strip().splitlines()[-1]


@asynccontextmanager
async def _listening(home: Path, text: str) -> AsyncGenerator[str]:
    """A gateway of this process on a port: another one knows nothing of it but what is on the disk."""
    async with gateway(home, text) as served:
        port = free_port()
        told = uvicorn.Config(served.app, port=port, log_level="warning", lifespan="off", interface="asgi3")
        server = uvicorn.Server(told)
        task = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - it says so in no other way
            await asyncio.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            await task
