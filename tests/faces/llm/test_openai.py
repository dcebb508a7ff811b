"""OpenAI's own client, unmodified, with its base URL changed."""

import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest

from tests.faces.llm.proxied import BLOCK, FACT, HEADER, Proxied

SYSTEM = {"role": "system", "content": "Be kind."}


@pytest.fixture
async def at(proxied: Proxied) -> AsyncIterator[Any]:
    clients: list[openai.AsyncOpenAI] = []

    def client(route: str) -> openai.AsyncOpenAI:
        made = openai.AsyncOpenAI(base_url=proxied.route(route), api_key=proxied.key, max_retries=0)
        clients.append(made)
        return made

    yield client
    for each in clients:
        await each.close()


async def chat(client: openai.AsyncOpenAI, user: str, *texts: str) -> str:
    """Texts of user and assistant by turns, the user's first and last."""
    said: list[Any] = [
        SYSTEM, *({"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(texts)),
    ]  # fmt: skip
    done = await client.chat.completions.create(model="parrot", messages=said, user=user)
    return done.choices[0].message.content or ""


async def test_the_model_is_told_what_is_remembered_just_before_the_last_message(proxied: Proxied, at: Any) -> None:
    memory_id = await proxied.remember("ann")
    raw = await at("late").chat.completions.with_raw_response.create(
        model="parrot",
        user="ann",
        messages=[SYSTEM, {"role": "user", "content": "hello"}, {"role": "assistant", "content": "hi"},
                  {"role": "user", "content": "may I eat nuts?"}],
        temperature=0.5,
        seed=7,
    )  # fmt: skip
    assert raw.parse().choices[0].message.content == "You said: may I eat nuts?"
    assert raw.headers["x-memory-injected"] == memory_id
    told = (await proxied.asked("may I eat nuts?"))["body"]
    assert [each["content"] for each in told["messages"]] == ["Be kind.", "hello", "hi", BLOCK, "may I eat nuts?"]
    assert told["messages"][3]["role"] == "system"
    assert (told["temperature"], told["seed"]) == (0.5, 7)


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ("first", [f"Be kind.\n\n{BLOCK}", "one", "two", "nuts?"]),
        ("plainly", ["Be kind.", "one", "two", f"{BLOCK}\n\nnuts?"]),
        ("plainly_first", ["Be kind.", f"{BLOCK}\n\none", "two", "nuts?"]),
    ],
)
async def test_where_the_block_stands_is_the_route_s_to_say(
    route: str, expected: list[str], proxied: Proxied, at: Any
) -> None:
    await proxied.remember(f"user of {route}")
    await chat(at(route), f"user of {route}", "one", "two", "nuts?")
    told = await proxied.asked("nuts?")
    assert [each["content"] for each in told["body"]["messages"]] == expected


async def test_what_nothing_is_added_to_reaches_the_model_byte_for_byte(proxied: Proxied) -> None:
    body = (
        b'{ "model":"parrot",  "messages": [{"role":"user","content":"odd \\u0041 spacing"}], "user":"zoe" , "x": 1.0}'
    )
    async with httpx.AsyncClient(headers=proxied.headers) as http:
        for route in ("late", "silent"):
            await http.post(f"{proxied.route(route)}/chat/completions", content=body)
            assert (await proxied.asked("odd "))["raw"] == body.decode()


async def test_nobody_is_told_what_is_somebody_else_s(proxied: Proxied, at: Any) -> None:
    await proxied.remember("owner")
    assert await chat(at("late"), "stranger", "am I allergic to nuts?") == "You said: am I allergic to nuts?"
    assert FACT not in (await proxied.asked("am I allergic"))["raw"]


@pytest.mark.parametrize("named", ["header", "identity", "metadata"])
async def test_who_the_user_is_comes_from_a_header_the_route_s_identity_or_the_body(
    named: str, proxied: Proxied, at: Any
) -> None:
    user, text = f"by {named}", f"nuts for {named}?"
    await proxied.remember(user)
    more: dict[str, Any] = {
        "header": {"extra_headers": {"X-User-Id": user}},
        "identity": {"extra_headers": {"X-Person": user}},
        "metadata": {"metadata": {"user_id": user}},
    }[named]
    await at("late").chat.completions.create(model="parrot", messages=[{"role": "user", "content": text}], **more)
    assert BLOCK in [each["content"] for each in (await proxied.asked(text))["body"]["messages"]]


async def test_a_stream_passes_through_as_it_comes_byte_for_byte(proxied: Proxied, at: Any) -> None:
    await proxied.remember("streamer")
    body = {
        "model": "parrot",
        "user": "streamer",
        "stream": True,
        "messages": [{"role": "user", "content": "nuts, pause"}],
    }
    times: list[float] = []
    pieces: list[bytes] = []
    async with httpx.AsyncClient(headers=proxied.headers) as http:
        started = time.perf_counter()
        async with http.stream("POST", f"{proxied.route('late')}/chat/completions", json=body) as reply:
            assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
            assert "x-memory-injected" in reply.headers
            async for piece in reply.aiter_raw():
                times.append(time.perf_counter() - started)
                pieces.append(piece)
        direct = await http.post(f"{proxied.model}/chat/completions", json=body)
    assert b"".join(pieces) == direct.content
    assert times[0] < 0.3 * len(pieces) / 2  # the first was not held back for the last
    assert times[-1] - times[0] > 0.9
    stream = await at("late").chat.completions.create(
        model="parrot", user="streamer", stream=True, messages=[{"role": "user", "content": "nuts"}]
    )
    assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream]) == "You said: nuts"


async def test_what_was_said_is_kept_and_what_was_recalled_is_not(proxied: Proxied, at: Any) -> None:
    client = at("keeping")
    assert await chat(client, "kim", "I moved to Oslo") == "You said: I moved to Oslo"
    first = [
        {"role": "user", "content": "I moved to Oslo"},
        {"role": "assistant", "content": "You said: I moved to Oslo"},
    ]
    assert await proxied.kept("keeping", "kim") == [first]
    await chat(client, "kim", "where do I live, Oslo?")
    told = (await proxied.asked("where do I live"))["raw"]
    assert HEADER in told
    kept = await proxied.kept("keeping", "kim")
    assert len(kept) == 2
    assert HEADER not in str(kept)


async def test_a_repeated_request_keeps_nothing_twice(proxied: Proxied, at: Any) -> None:
    for _ in range(3):
        await chat(at("keeping"), "again", "I moved to Rome")
    assert len(await proxied.kept("keeping", "again")) == 1


async def test_a_streamed_conversation_is_kept_and_a_broken_one_is_not(proxied: Proxied, at: Any) -> None:
    async def stream(text: str) -> str:
        said: list[Any] = [{"role": "user", "content": text}]
        reply = await at("keeping").chat.completions.create(model="parrot", user="lee", stream=True, messages=said)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in reply])

    assert await stream("I play the oboe") == "You said: I play the oboe"
    with pytest.raises((openai.APIError, httpx.HTTPError)):
        await stream("I play the harp, break")
    with pytest.raises(openai.RateLimitError):
        await stream("I play the drum, fail")
    assert [each[0]["content"] for each in await proxied.kept("keeping", "lee")] == ["I play the oboe"]


async def test_turns_are_kept_together_every_so_many(proxied: Proxied, at: Any) -> None:
    texts = ["one", "You said: one", "two", "You said: two", "three"]
    for upto, expected in ((1, 0), (3, 0), (5, 3)):
        await chat(at("in_threes"), "max", *texts[:upto])
        assert len(await proxied.kept("in_threes", "max")) == expected
    kept = await proxied.kept("in_threes", "max")
    assert [each[0]["content"] for each in kept] == ["one", "two", "three"]
    assert kept[2][1]["content"] == "You said: three"


async def test_a_block_that_is_there_already_is_neither_added_again_nor_kept(proxied: Proxied, at: Any) -> None:
    await chat(at("keeping"), "loop", "I like teal")
    said = f"{HEADER}\n- I like teal\n\nwhat is my colour?"
    await chat(at("keeping"), "loop", said)
    told = (await proxied.asked("what is my colour?"))["body"]
    assert sum(HEADER in each["content"] for each in told["messages"]) == 1
    kept = await proxied.kept("keeping", "loop")
    assert [each[0]["content"] for each in kept] == ["I like teal", "what is my colour?"]


async def test_the_responses_api_does_the_same(proxied: Proxied, at: Any) -> None:
    await proxied.remember("ray")
    done = await at("late").responses.create(model="parrot", input="nuts for ray?", user="ray", instructions="Be kind.")
    assert done.output_text == "You said: nuts for ray?"
    told = (await proxied.asked("nuts for ray?"))["body"]
    assert told["input"] == [{"role": "developer", "content": BLOCK}, {"role": "user", "content": "nuts for ray?"}]
    await at("first").responses.create(model="parrot", input="ray, first?", user="ray", instructions="Be kind.")
    assert (await proxied.asked("ray, first?"))["body"]["instructions"] == f"Be kind.\n\n{BLOCK}"
    stream = await at("keeping").responses.create(model="parrot", input="I am Ray", user="ray", stream=True)
    text = "".join([each.delta async for each in stream if each.type == "response.output_text.delta"])
    assert text == "You said: I am Ray"
    assert [each[0]["content"] for each in await proxied.kept("keeping", "ray")] == ["I am Ray"]


async def test_failures_raise_the_client_s_own_exceptions_with_our_words(proxied: Proxied, at: Any) -> None:
    with pytest.raises(openai.PermissionDeniedError, match="does not lead to that model"):
        await chat(at("choosy"), "u", "hello")
    with pytest.raises(openai.BadRequestError, match="needs user_id"):
        await chat(at("late"), "", "hello")
    with pytest.raises(openai.InternalServerError, match="away cannot be reached"):
        await chat(at("nowhere"), "u", "hello")
    with pytest.raises(openai.NotFoundError, match="no route"):
        await chat(at("nothing"), "u", "hello")
    with pytest.raises(openai.RateLimitError, match="slow down") as limited:
        await chat(at("late"), "u", "please fail")
    assert limited.value.response.headers["retry-after"] == "7"
    wrong = openai.AsyncOpenAI(base_url=f"{proxied.url}/t/nonsense/v1", api_key="unused", max_retries=0)
    with pytest.raises(openai.AuthenticationError, match="not known here"):
        await chat(wrong, "u", "hello")


async def test_while_memories_are_away_the_model_answers_without_them_or_nobody_does(proxied: Proxied, at: Any) -> None:
    said: list[Any] = [{"role": "user", "content": "who remembers?"}]
    raw = await at("blind").chat.completions.with_raw_response.create(model="parrot", user="u", messages=said)
    assert raw.parse().choices[0].message.content == "You said: who remembers?"
    assert raw.headers["memory-gateway-degraded"]
    assert "x-memory-injected" not in raw.headers
    before = await proxied.asked("who remembers?")
    with pytest.raises(openai.InternalServerError) as refused:
        await at("strict").chat.completions.create(model="parrot", user="u", messages=[*said, *said])
    assert refused.value.status_code == 503
    assert await proxied.asked("who remembers?") == before


async def test_the_caller_s_credential_never_reaches_the_model(proxied: Proxied) -> None:
    async with httpx.AsyncClient(headers={**proxied.headers, "X-Api-Key": "sk-callers-own"}) as http:
        body = {"model": "parrot", "user": "u", "messages": [{"role": "user", "content": "who am I?"}]}
        await http.post(f"{proxied.route('late')}/chat/completions", json=body)
    asked = await proxied.asked("who am I?")
    assert "sk-callers-own" not in str(asked)
    assert proxied.key not in str(asked)
    assert asked["headers"]["authorization"] == "Bearer sk-upstream-own"


async def test_the_models_are_the_upstream_s(at: Any) -> None:
    assert [each.id async for each in await at("late").models.list()] == ["parrot"]
