"""A gateway on a port, in this process, for programs that are started beside it as their readers would start them."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn

from tests.gateways import gateway

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def served(home: Path, text: str) -> AsyncGenerator[str]:
    """Its address. What the file keeps is below `home`."""
    async with gateway(home, text) as made:
        door = socket.create_server(("127.0.0.1", 0))  # open at once; the server closes it
        config = uvicorn.Config(made.app, interface="asgi3", lifespan="off", log_config=None, access_log=False)
        server = uvicorn.Server(config)
        task = asyncio.create_task(server._serve([door]))  # pyright: ignore[reportPrivateUsage] - serve() takes the signals
        try:
            yield f"http://127.0.0.1:{door.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


async def run(*command: str, stdin: bytes | None = None, **environment: str) -> str:
    """What a program prints; it must end well."""
    quiet = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "MEMORY_GATEWAY_"))}
    started = await asyncio.create_subprocess_exec(
        *command, env={**quiet, **environment}, cwd=ROOT, stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, errors = await asyncio.wait_for(started.communicate(stdin), 60)
    assert started.returncode == 0, (out + errors).decode()[-3000:]
    return out.decode()


async def python(program: str, *arguments: str, **environment: str) -> str:
    command = (sys.executable, str(ROOT / "examples" / program), *arguments)
    return await run(*command, stdin=None, **environment)
