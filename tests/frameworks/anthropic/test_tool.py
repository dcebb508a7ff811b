"""Claude's memory tool over a gateway lives the life of Anthropic's own tool over a folder, word for word."""

import asyncio
import random
import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from anthropic.lib.tools import ToolError
from anthropic.tools import BetaAsyncLocalFilesystemMemoryTool

from gateway.client import AsyncGateway
from gateway.client.frameworks.anthropic import GatewayMemoryTool
from gateway.client.frameworks.files import Files, Refused
from tests.gateways import QUICK, gateway

PATHS = (
    "/memories", "/memories/a.md", "/memories/b.txt", "/memories/deep", "/memories/deep/c.md",
    "/memories/deep/er/d.md", "/memories/deep/er/est/e.md", "/memories/.hidden", "/memories/ü ö.md", "/memories/a.md/../x",
)  # fmt: skip
TEXTS = ("", "\n", " ", "one", "one\n", "one\ntwo\nthree\n", "one\none\n", "é\r\n\n\nlast", "tea " * 400)
SEEDS = 6
STEPS = 60


@pytest.fixture
async def client(gateway_url: str) -> AsyncGenerator[AsyncGateway]:
    async with AsyncGateway(gateway_url, user_id=f"user-{uuid4().hex[:8]}") as opened:
        yield opened


def command(chance: random.Random) -> dict[str, Any]:
    path = chance.choice(PATHS)
    name = chance.choice(("view", "view", "create", "create", "str_replace", "insert", "delete", "rename"))
    match name:
        case "view":
            ranges: list[dict[str, Any]] = [{}, {"view_range": [2, 3]}, {"view_range": [2, -1]}, {"view_range": [0, 1]}]
            more = chance.choice(ranges)
        case "create":
            more = {"file_text": chance.choice(TEXTS)}
        case "str_replace":
            more = {
                "old_str": chance.choice(("one", "two", "\n", "nothing")),
                "new_str": chance.choice(("", "three\n")),
            }
        case "insert":
            more = {"insert_line": chance.randrange(-1, 4), "insert_text": chance.choice(TEXTS)}
        case "rename":
            return {"command": name, "old_path": path, "new_path": chance.choice(PATHS)}
        case _:
            more = {}
    return {"command": name, "path": path, **more}


async def told(tool: Any, asked: dict[str, Any]) -> str:
    try:
        answer = await tool.call(asked)
    except ToolError as error:
        return f"error: {error}"
    except OSError as error:  # their own takes a file for a folder
        return f"fault: {type(error).__name__}"
    # What a folder takes is the file system's own number.
    return re.sub(r"(?m)^\S+\t(/.*/|/memories[^\t]*)$", _folder, answer)


def _folder(line: re.Match[str]) -> str:
    whole = line.group(0)
    return f"-\t{line.group(1)}" if line.group(1).endswith("/") else whole


def first_line_of_a_folder(answer: str) -> str:
    """Of a listing, the folder's own line."""
    return re.sub(r"(hidden items:\n)\S+\t", r"\1-\t", answer)


def emptied(root: Path) -> None:
    """Ours has no folders without files."""
    for folder in sorted((each for each in root.rglob("*") if each.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()


async def test_it_says_what_the_tool_over_a_folder_says(client: AsyncGateway, tmp_path: Path) -> None:
    met = set[str]()
    for seed in range(SEEDS):
        chance = random.Random(seed)
        own = BetaAsyncLocalFilesystemMemoryTool(str(tmp_path / str(seed)))
        ours = GatewayMemoryTool(client.user(f"{seed}-{uuid4().hex[:8]}"))
        for step in range(STEPS):
            asked = command(chance)
            theirs = first_line_of_a_folder(await told(own, asked))
            emptied(tmp_path / str(seed) / "memories")
            if theirs.startswith("fault"):
                assert (await told(ours, asked)).startswith("error"), (seed, step, asked)
                continue
            assert first_line_of_a_folder(await told(ours, asked)) == theirs, (seed, step, asked)
            met.add(theirs.split("/")[0])
    assert len(met) > 8


async def test_two_that_edit_one_file_lose_nothing_of_each_other(client: AsyncGateway) -> None:
    first, second = Files(client), Files(client)
    await first.run({"command": "create", "path": "/memories/list.md", "file_text": "one\n"})
    edits = [
        {"command": "insert", "path": "/memories/list.md", "insert_line": 0, "insert_text": f"n{n}"} for n in range(8)
    ]
    answers = await asyncio.gather(
        *(each.run(edit) for each, edit in zip([first, second] * 4, edits, strict=True)), return_exceptions=True
    )
    refused = [each for each in answers if isinstance(each, BaseException)]
    assert all(isinstance(each, Refused) and "view it again" in str(each) for each in refused)
    text = await second.run({"command": "view", "path": "/memories/list.md"})
    kept = [n for n, answer in enumerate(answers) if not isinstance(answer, BaseException)]
    assert kept and sorted(re.findall(r"\tn(\d)", text)) == [str(n) for n in kept]


async def test_a_file_that_two_have_made_at_once_is_one_and_goes_whole(client: AsyncGateway) -> None:
    files = Files(client.scoped(route="short"))  # whose pages are short
    for name in ("first", "second"):  # as both would, had neither seen the other's
        await client.memories.add(name, metadata={"file": "/memories/twice.md"}, route="short")
    for number in range(5):
        await files.run({"command": "create", "path": f"/memories/{number}.md", "file_text": "more"})
    assert (await files.run({"command": "view", "path": "/memories"})).count("\n") == 7
    assert (await files.run({"command": "view", "path": "/memories/twice.md"})).endswith("\tfirst")
    await files.run({"command": "rename", "old_path": "/memories/twice.md", "new_path": "/memories/once.md"})
    await files.run({"command": "delete", "path": "/memories/once.md"})
    for gone in ("once", "twice"):
        with pytest.raises(Refused, match="does not exist"):
            await files.run({"command": "view", "path": f"/memories/{gone}.md"})


async def test_files_are_memories_of_their_user_alone(client: AsyncGateway) -> None:
    await Files(client).run({"command": "create", "path": "/memories/tea.md", "file_text": "Ada prefers tea"})
    assert [each.content for each in await client.memories.search("tea")] == ["Ada prefers tea"]
    other = Files(client.user(f"other-{uuid4().hex[:8]}"))
    with pytest.raises(Refused, match="does not exist"):
        await other.run({"command": "view", "path": "/memories/tea.md"})


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"command": "forget"}, "does not understand"),
        ({"command": "view"}, "missing required field `path`"),
        ({"command": "view", "path": "/etc/passwd"}, "must start with /memories"),
        ({"command": "view", "path": "/memories/../etc"}, "would escape"),
        ({"command": "rename", "old_path": "/memories/tea", "new_path": "/memories/tea/pot"}, "is within"),
    ],
)
async def test_what_makes_no_sense_is_told_to_the_model(client: AsyncGateway, asked: dict[str, Any], told: str) -> None:
    files = Files(client)
    await files.run({"command": "create", "path": "/memories/tea/leaf.md", "file_text": "green"})
    with pytest.raises(Refused, match=told):
        await files.run(asked)


async def test_what_a_hook_rules_out_and_a_gateway_that_is_away_are_told_to_the_model(tmp_path: Path) -> None:
    text = f"{QUICK.format(provider='memory').rstrip()}\nhooks: {{card: {{type: redact, types: [card], action: reject}}}}\ndefaults: {{hooks: [card]}}\n"
    async with gateway(tmp_path, text) as served:
        transport = httpx.ASGITransport(app=served.app)
        async with AsyncGateway("http://gateway", user_id="ann", transport=transport) as client:
            asked = {"command": "create", "path": "/memories/a.md", "file_text": "pay with 4111 1111 1111 1111"}
            with pytest.raises(Refused, match="memory does not take"):
                await Files(client).run(asked)
    async with AsyncGateway("http://127.0.0.1:1", user_id="ann", timeout=1.0) as nobody:
        with pytest.raises(ToolError, match="memory does not take or give this now"):
            await GatewayMemoryTool(nobody).call({"command": "view", "path": "/memories"})
