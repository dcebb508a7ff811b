"""Anthropic's own client, unmodified, with its base URL changed."""

from collections.abc import AsyncIterator
from typing import Any

import anthropic
import pytest

from tests.faces.llm.proxied import BLOCK, Proxied


@pytest.fixture
async def at(proxied: Proxied) -> AsyncIterator[Any]:
    clients: list[anthropic.AsyncAnthropic] = []

    def client(route: str) -> anthropic.AsyncAnthropic:
        base = proxied.route(route).removesuffix("/v1")
        clients.append(anthropic.AsyncAnthropic(base_url=base, api_key=proxied.key, max_retries=0))
        return clients[-1]

    yield client
    for each in clients:
        await each.close()


async def say(client: anthropic.AsyncAnthropic, user: str, *said: Any, **more: Any) -> Any:
    messages: list[Any] = [{"role": ("user", "assistant")[n % 2], "content": each} for n, each in enumerate(said)]
    create: Any = client.messages.create
    return await create(model="parrot", max_tokens=100, messages=messages, metadata={"user_id": user}, **more)


async def test_the_model_is_told_what_is_remembered(proxied: Proxied, at: Any) -> None:
    await proxied.remember("amy")
    cached: Any = [{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}]
    done = await say(at("claude"), "amy", "hello", "hi", "nuts for amy?", system=cached)
    assert done.content[0].text == f"You said: {BLOCK}\n\nnuts for amy?"
    told = (await proxied.asked("nuts for amy?"))["body"]
    assert told["system"] == cached
    assert [each["content"] for each in told["messages"]] == ["hello", "hi", f"{BLOCK}\n\nnuts for amy?"]
    await say(at("claude_first"), "amy", "amy, first?", system=cached)
    told = (await proxied.asked("amy, first?"))["body"]
    assert told["system"] == [*cached, {"type": "text", "text": BLOCK}]


async def test_what_is_no_word_of_the_user_gets_no_block(proxied: Proxied, at: Any) -> None:
    await proxied.remember("tom")
    result: Any = [{"type": "tool_result", "tool_use_id": "t1", "content": "42"}]
    use: Any = [{"type": "tool_use", "id": "t1", "name": "count", "input": {}}]
    with_text: Any = [{"type": "text", "text": "nuts for tom?"}]
    await say(at("claude"), "tom", with_text, use, result)
    told = (await proxied.asked("nuts for tom?"))["body"]
    assert told["messages"][0]["content"] == [{"type": "text", "text": BLOCK}, *with_text]
    assert told["messages"][2]["content"] == result


async def test_a_stream_is_passed_on_and_kept(proxied: Proxied, at: Any) -> None:
    async with at("claude_keeping").messages.stream(
        model="parrot",
        max_tokens=100,
        messages=[{"role": "user", "content": "I sail"}],
        metadata={"user_id": "sue"},
    ) as stream:
        assert "".join([text async for text in stream.text_stream]) == "You said: I sail"
    (kept,) = await proxied.kept("claude_keeping", "sue")
    assert [each["content"] for each in kept] == ["I sail", "You said: I sail"]


async def test_failures_raise_the_client_s_own_exceptions_with_our_words(proxied: Proxied, at: Any) -> None:
    with pytest.raises(anthropic.BadRequestError, match="needs user_id"):
        await say(at("claude"), "", "hello")
    with pytest.raises(anthropic.RateLimitError, match="slow down"):
        await say(at("claude"), "u", "please fail")
    wrong = anthropic.AsyncAnthropic(base_url=f"{proxied.url}/t/nonsense", api_key="unused", max_retries=0)
    with pytest.raises(anthropic.AuthenticationError, match="not known here"):
        await say(wrong, "u", "hello")
