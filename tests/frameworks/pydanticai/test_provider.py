"""The memory interface of PydanticAI's documentation, word for word, over a gateway."""

import inspect
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic_ai.messages import (
    BinaryContent,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    ThinkingPart,
    UserPromptPart,
)

import gateway.client.frameworks.pydanticai as module
from gateway.client import AsyncGateway, GatewayError, Malformed
from gateway.client.frameworks.pydanticai import (
    BaseMemoryProvider,
    GatewayMemoryProvider,
    MemoryContext,
    MemoryProvider,
    RetrievalStrategy,
    RetrievedMemory,
    StoredMemory,
)

TALK: list[ModelMessage] = [
    ModelRequest(parts=[SystemPromptPart("Be nice."), UserPromptPart("I love Python programming")]),
    ModelResponse(parts=[ThinkingPart("hm"), TextPart("Python it is.")]),
    ModelRequest(parts=[UserPromptPart(["Look at", BinaryContent(b"\x00", media_type="image/png"), "this cat"])]),
]
TEXTS = ["I love Python programming", "Python it is.", "Look at\nthis cat"]


def of(text: str) -> list[ModelMessage]:
    return [ModelRequest(parts=[UserPromptPart(text)])]


def test_all_names_of_the_documentation_are_there_with_its_signatures() -> None:
    names = {
        "MemoryProvider", "BaseMemoryProvider", "MemoryConfig", "MemoryContext", "RetrievedMemory", "StoredMemory",
        "RetrievalStrategy", "MemoryScope",
    }  # fmt: skip
    assert names <= set(module.__all__)
    ids = ["user_id", "agent_id", "run_id"]
    wanted = {
        "retrieve_memories": ["self", "query", *ids, "top_k", "metadata"],
        "store_memories": ["self", "messages", *ids, "metadata"],
        "get_all_memories": ["self", *ids, "limit"],
        "delete_memory": ["self", "memory_id"],
    }
    for kind in (MemoryProvider, BaseMemoryProvider, GatewayMemoryProvider):
        for name, parameters in wanted.items():
            signature = inspect.signature(getattr(kind, name))
            assert list(signature.parameters) == parameters
            assert all(signature.parameters[each].kind is inspect.Parameter.KEYWORD_ONLY for each in parameters[2:])
    assert inspect.signature(MemoryProvider.retrieve_memories).parameters["top_k"].default == 5


def test_what_is_given_back_is_made_as_the_documentation_makes_it(client: AsyncGateway) -> None:
    memory = RetrievedMemory(
        id="mem_123",
        memory="concise",
        score=0.95,
        metadata={"category": "preference"},
        created_at="2024-01-01T00:00:00Z",
    )
    stored = StoredMemory(id="mem_456", memory="Python", event="ADD", metadata={"importance": "high"})
    assert (memory.memory, stored.event) == ("concise", "ADD")

    class Own:
        async def retrieve_memories(self, *_: Any, **__: Any) -> list[Any]:
            return []

        store_memories = get_all_memories = delete_memory = retrieve_memories

    assert isinstance(GatewayMemoryProvider(client), MemoryProvider)
    assert isinstance(BaseMemoryProvider(), MemoryProvider)
    assert isinstance(Own(), MemoryProvider)
    assert not isinstance(object(), MemoryProvider)


async def test_texts_of_users_and_models_are_kept_and_found_best_first(client: AsyncGateway, user: str) -> None:
    provider = GatewayMemoryProvider(client)
    stored = await provider.store_memories(TALK, user_id=user, metadata={"category": "talk"})
    assert [(each.memory, each.event) for each in stored] == [(text, "ADD") for text in TEXTS]
    assert {each.metadata["category"] for each in stored} == {"talk"}
    found = await provider.retrieve_memories("programming preferences", user_id=user)
    assert found[0].memory == "I love Python programming"
    scores = [each.score or 0 for each in found]
    assert scores == sorted(scores, reverse=True)
    made = datetime.fromisoformat(found[0].created_at or "")
    assert made.utcoffset() == UTC.utcoffset(None)
    fuller = GatewayMemoryProvider(client, keep_system=True, keep_thinking=True)
    kept = await fuller.store_memories(TALK, user_id=f"{user}-2")
    assert [each.memory for each in kept] == ["Be nice.", TEXTS[0], "hm", *TEXTS[1:]]


async def test_a_history_that_is_sent_again_is_not_kept_twice(client: AsyncGateway, user: str) -> None:
    provider = GatewayMemoryProvider(client)
    first = await provider.store_memories(TALK[:2], user_id=user)
    again = await provider.store_memories(TALK, user_id=user)
    assert [each.event for each in again] == ["NONE", "NONE", "ADD"]
    assert [each.id for each in again[:2]] == [each.id for each in first]
    assert len(await provider.get_all_memories(user_id=user)) == 3
    said_again = await provider.store_memories(of(TEXTS[0]), user_id=user)  # the same words, at another time
    assert [each.event for each in said_again] == ["ADD"]


async def test_limits_metadata_and_ids_reach_the_gateway(client: AsyncGateway, user: str) -> None:
    provider = GatewayMemoryProvider(client)
    for n in range(8):
        await provider.store_memories(of(f"tea number {n}"), user_id=user, metadata={"odd": n % 2 == 1})
    assert len(await provider.retrieve_memories("tea", user_id=user)) == 5
    assert len(await provider.retrieve_memories("tea", user_id=user, top_k=7)) == 7
    odd = await provider.retrieve_memories("tea", user_id=user, top_k=8, metadata={"odd": True})
    assert {each.memory for each in odd} == {f"tea number {n}" for n in (1, 3, 5, 7)}
    newest = await provider.get_all_memories(user_id=user, limit=3)
    assert [each.memory for each in newest] == [f"tea number {n}" for n in (7, 6, 5)]
    assert len(await provider.get_all_memories(user_id=user)) == 8
    assert await provider.get_all_memories(user_id=f"{user}-2") == []
    recent = await provider.recall("tea number 0", user_id=user, top_k=1, strategy=RetrievalStrategy.RECENCY)
    assert recent[0].memory == "tea number 7"


async def test_deleting_says_whether_it_was_there_and_the_callers(client: AsyncGateway, user: str) -> None:
    provider = GatewayMemoryProvider(client)
    (stored,) = await provider.store_memories(of("gone soon"), user_id=user)
    eve = GatewayMemoryProvider(client.user("eve"))
    assert await eve.delete_memory(stored.id) is False
    assert await provider.delete_memory(stored.id) is True
    assert await provider.delete_memory(stored.id) is False
    (other,) = await GatewayMemoryProvider(client.user(user)).store_memories(of("gone too"))
    assert await GatewayMemoryProvider(client.user(user)).delete_memory(other.id) is True


async def test_the_context_is_the_provider_by_shorter_names(client: AsyncGateway, user: str) -> None:
    provider = GatewayMemoryProvider(client)
    context = MemoryContext(provider)
    stored = await context.add(messages=TALK, user_id=user, metadata={"a": 1})
    both = [await ask("Python", user_id=user, top_k=2) for ask in (context.search, provider.retrieve_memories)]
    assert [each.id for each in both[0]] == [each.id for each in both[1]]  # their age is part of their scores
    assert len(both[0]) == 2
    assert await context.get_all(user_id=user) == await provider.get_all_memories(user_id=user)
    assert len(await context.get_all(user_id=user)) == len(stored) == 3
    assert await context.delete(stored[0].id) is True
    assert await context.delete(stored[0].id) is False


async def test_ids_that_are_named_must_all_match(client: AsyncGateway, user: str) -> None:
    provider = GatewayMemoryProvider(client.scoped(route="any"), on_error="raise")
    await provider.store_memories(of("of the session"), user_id=user, run_id="session_1")
    await provider.store_memories(of("of the agent"), agent_id=f"support-{user}", metadata={"category": "product"})
    query = "what did we discuss?"
    found = await provider.retrieve_memories(query, user_id=user, run_id="session_1")
    assert [each.memory for each in found] == ["of the session"]
    assert await provider.retrieve_memories(query, user_id=user, run_id="session_2") == []
    assert await provider.retrieve_memories(query, user_id=f"{user}-2", run_id="session_1") == []
    product = {"category": "product"}
    (known,) = await provider.retrieve_memories("features", agent_id=f"support-{user}", metadata=product)
    assert known.memory == "of the agent"
    assert await provider.retrieve_memories("features", agent_id="other") == []
    assert await provider.retrieve_memories("features", agent_id=f"support-{user}", metadata={"category": "x"}) == []


async def test_a_route_that_decides_for_itself_has_its_way(client: AsyncGateway, user: str) -> None:
    provider = GatewayMemoryProvider(client.scoped(route="strict"), on_error="raise")
    for n in range(6):
        await provider.store_memories(of(f"memory {n}"), user_id=user)
    asked: dict[str, Any] = {"user_id": user, "strategy": RetrievalStrategy.SEMANTIC_SEARCH, "min_relevance": 0.9}
    found = await provider.recall("memory 0", top_k=9, **asked)
    assert [each.memory for each in found] == ["memory 5", "memory 4", "memory 3"]
    assert len(await provider.recall("memory 0", top_k=2, **asked)) == 2


async def test_all_memories_are_a_page_of_the_gateways_unless_more_are_asked_for(
    client: AsyncGateway, user: str
) -> None:
    provider = GatewayMemoryProvider(client.scoped(route="short"), on_error="raise")
    for n in range(8):
        await provider.store_memories(of(f"memory {n}"), user_id=user)
    assert len(await provider.get_all_memories(user_id=user)) == 3
    assert len(await provider.get_all_memories(user_id=user, limit=2)) == 2
    assert len(await provider.get_all_memories(user_id=user, limit=7)) == 7
    assert len(await provider.get_all_memories(user_id=user, limit=70)) == 8


async def test_errors_come_to_nothing_unless_they_are_asked_for(client: AsyncGateway) -> None:
    away = AsyncGateway("http://127.0.0.1:9", retries=0, user_id="ann")
    for provider in (GatewayMemoryProvider(away), GatewayMemoryProvider(client)):  # the latter names nobody: a 400
        assert await provider.retrieve_memories("x") == []
        assert await provider.store_memories(TALK) == []
        assert await provider.get_all_memories() == []
        assert await provider.delete_memory("x") is False
    with pytest.raises(GatewayError):
        await GatewayMemoryProvider(away, on_error="raise").retrieve_memories("x")
    with pytest.raises(Malformed):
        await GatewayMemoryProvider(client, on_error="raise").store_memories(TALK)
