"""A server that speaks as much of OpenAI's API as mem0 asks for: deterministic embeddings, and a model that follows one rule.

Embeddings are those of the local token table, so paraphrases rank. The "model" answers mem0's extraction prompt: every
sentence of a user's message that is about the user becomes a fact. Run as `python -m tests.servers.openai PORT`.
"""

import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Generator, Mapping
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn

from gateway.domain.ports import Kit
from gateway.embedders.wordllama import WordLlama, WordLlamaOptions
from tests.servers import Absent, free_port, given

DIMENSION = 256
_ABOUT = re.compile(r"\b(I|I'm|my)\b")
_PERSONS = ((r"\bI'm\b", "User is"), (r"\bI am\b", "User is"), (r"\bI\b", "User"), (r"\bmy\b", "their"))


def facts(prompt: str) -> list[dict[str, str]]:
    """What mem0's prompt, in its section of new messages, says about the user."""
    section = re.search(r"## New Messages\n(.*?)\n\n## ", prompt, re.DOTALL)
    found: list[str] = []
    for line in (section[1] if section else "").splitlines():
        if line.strip().startswith("user: "):
            for sentence in re.split(r"(?<=[.!?])\s+", line.strip().removeprefix("user: ")):
                if _ABOUT.search(sentence):
                    fact = sentence
                    for pattern, word in _PERSONS:
                        fact = re.sub(pattern, word, fact)
                    found.append(fact.strip(" ."))
    return [{"id": str(n), "text": fact, "attributed_to": "user"} for n, fact in enumerate(found)]


class Application:
    """Counts what it was asked, under GET /counts, so that tests can prove that nothing was."""

    def __init__(self, embedder: WordLlama) -> None:
        self._embedder = embedder
        self._counts = {"embeddings": 0, "chat": 0}

    async def __call__(self, scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            part = await receive()
            body += part.get("body", b"")
            if not part.get("more_body"):
                break
        status, answer = await self.answer(scope["path"], json.loads(body or b"{}"))
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    async def answer(self, path: str, asked: dict[str, Any]) -> tuple[int, Any]:
        if path == "/counts":
            return 200, self._counts
        if path == "/v1/embeddings":
            self._counts["embeddings"] += 1
            texts: list[str] = [asked["input"]] if isinstance(asked["input"], str) else asked["input"]
            if not all(texts):  # as the real one does
                return 400, {"error": {"message": "input cannot be an empty string", "type": "invalid_request_error"}}
            vectors = await self._embedder.embed(texts)
            data = [
                {"object": "embedding", "index": n, "embedding": np.frombuffer(vector, "<f4").tolist()}
                for n, vector in enumerate(vectors)
            ]
            return 200, {"object": "list", "model": asked["model"], "data": data, "usage": _usage()}
        if path == "/v1/chat/completions":
            self._counts["chat"] += 1
            said = json.dumps({"memory": facts(asked["messages"][-1]["content"])})
            choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": said}}
            return 200, {
                "id": "c", "object": "chat.completion", "created": 0, "model": asked["model"], "choices": [choice],
                "usage": {**_usage(), "completion_tokens": 1},
            }  # fmt: skip
        return 404, {"error": {"message": "no such path"}}


def _usage() -> dict[str, int]:
    return {"prompt_tokens": 1, "total_tokens": 1}


@contextmanager
def openai(home: Path) -> Generator[Mapping[str, str]]:
    """`url` ends in /v1, as clients want it. `folder` is for embedded stores: in memory where the machine has such a
    place, for the embedded Qdrant flushes every point by itself."""
    elsewhere = given("OPENAI")
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else home, prefix="mem0-") as folder:
        if elsewhere:
            yield {"url": elsewhere, "folder": folder}
            return
        with running("tests.servers.openai", home) as (port, _):
            yield {"url": f"http://127.0.0.1:{port}/v1", "folder": folder}


def mem0_block(url: str, path: str, collection: str) -> dict[str, Any]:
    """mem0's configuration for this server and an embedded vector store."""
    models = {"api_key": "sk-test-nobody", "openai_base_url": url}
    return {
        "vector_store": {
            "provider": "qdrant",
            "config": {"collection_name": collection, "embedding_model_dims": DIMENSION, "path": path, "on_disk": True},
        },
        "embedder": {"provider": "openai", "config": {"model": "stub", "embedding_dims": DIMENSION, **models}},
        "llm": {"provider": "openai", "config": {"model": "stub", **models}},
    }


@contextmanager
def running(module: str, home: Path, *more: str, port: int | None = None) -> Generator[tuple[int, int]]:
    """A server of ours as a process of its own, which answers before this goes on: its port and process id."""
    place = port or free_port()
    root = Path(__file__).parents[2]
    with (home / f"{module.rsplit('.', 1)[-1]}.log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "-m", module, str(place), *more], cwd=root, stdout=log, stderr=log)
    try:
        _wait(process, f"http://127.0.0.1:{place}/counts")
        yield place, process.pid
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    until = time.monotonic() + 90
    while time.monotonic() < until:
        if process.poll() is not None:
            raise Absent(f"{process.args!r} ended with {process.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise Absent(f"{process.args!r} does not answer")


async def main(port: int) -> None:
    async with AsyncExitStack() as stack:
        kit = Kit(name="stub", clock=lambda: datetime.now(UTC), home=Path(), dimension=DIMENSION)
        embedder = WordLlama(WordLlamaOptions(), kit)
        await embedder.open(stack)
        settings = uvicorn.Config(Application(embedder), port=port, log_level="warning", lifespan="off")
        await uvicorn.Server(settings).serve()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
