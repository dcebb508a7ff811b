"""Memories put before an agent: a runnable around another one, for FastAgentic has no place for them in an endpoint.

What is found stands in `ctx.memories` and before the message that the agent gets; what is kept afterwards is the message
as it was sent, and the answer.
"""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final, Literal, cast

from fastagentic.adapters.base import BaseAdapter
from fastagentic.app import App
from fastagentic.context import AgentContext
from fastagentic.types import StreamEvent, StreamEventType

from gateway.client.frameworks.fastagentic.memory import GatewayProvider

Runnable = BaseAdapter | Callable[[Any, Any], Awaitable[Any]]
Selector = Callable[[Any, list[dict[str, Any]]], list[dict[str, Any]]]
Strategy = Literal["relevant", "recent", "all", "custom"]

FIELD: Final = "message"
_NAMES: Final = {"custom": "all", "relevant": "semantic"}


class MemoryInjecting(BaseAdapter):
    """See `inject_memory`."""

    def __init__(
        self,
        runnable: Runnable,
        provider: GatewayProvider | None,
        how: Mapping[str, Any],
        selector: Selector | None,
        *,
        store: bool,
    ) -> None:
        self._runnable = runnable
        self._provider = provider
        self._how = how
        self._selector = selector
        self._store = store

    async def invoke(self, input: Any, ctx: Any) -> Any:  # noqa: A002 - FastAgentic's own name
        """ValueError where nobody is known to be asking: then there are no memories to look into."""
        provider, user_id, message = self._asked(input, ctx)
        prompt = await self._prompt(provider, user_id, message, ctx)
        if isinstance(self._runnable, BaseAdapter):
            answer = await self._runnable.invoke(_with(input, prompt), ctx)
        else:
            answer = await self._runnable(_with(input, prompt), ctx)
        await self._keep(provider, user_id, message, answer, ctx)
        return answer

    async def stream(self, input: Any, ctx: Any) -> AsyncIterator[StreamEvent]:  # noqa: A002 - the same
        """Events pass as they come; what they came to is kept once the last one has passed."""
        if not isinstance(self._runnable, BaseAdapter):
            yield StreamEvent(type=StreamEventType.DONE, data={"result": await self.invoke(input, ctx)})
            return
        provider, user_id, message = self._asked(input, ctx)
        prompt = await self._prompt(provider, user_id, message, ctx)
        said: list[str] = []
        result: Any = None
        async for event in self._runnable.stream(_with(input, prompt), ctx):
            if event.type is StreamEventType.TOKEN:
                said.append(str(event.data.get("content", "")))
            elif event.type is StreamEventType.DONE:
                result = event.data.get("result")
            yield event
        await self._keep(provider, user_id, message, "".join(said) if result is None else result, ctx)

    def _asked(self, given: Any, ctx: AgentContext) -> tuple[GatewayProvider, str, str]:
        provider = self._provider or ctx.memory
        if not isinstance(provider, GatewayProvider):
            raise TypeError("inject_memory needs a GatewayProvider: its own, or that of App(memory=...)")
        if ctx.user is None:
            raise ValueError("inject_memory needs to know who is asking: this request names no user")
        return provider, ctx.user.id, _message(given)

    async def _prompt(self, provider: GatewayProvider, user_id: str, message: str, ctx: AgentContext) -> str:
        text, found = await provider.block(user_id, message, **self._how)
        if self._selector is not None:
            found = self._selector(ctx, found)
            text = "\n".join(f"- {each['content']}" for each in found)
        ctx.set_memories(found)
        return f"{text}\n\n{message}" if found else message

    async def _keep(
        self, provider: GatewayProvider, user_id: str, message: str, answer: Any, ctx: AgentContext
    ) -> None:
        """Once for a run, however often the run is tried."""
        if self._store:
            pair = [{"role": "user", "content": message}, {"role": "assistant", "content": str(answer)}]
            await provider.add(user_id, pair, idempotency_key=f"{ctx.run_id}:turn")


def inject_memory(  # noqa: PLR0913 - what may be chosen
    runnable: Runnable,
    *,
    provider: GatewayProvider | None = None,
    strategy: Strategy | None = None,
    max_memories: int | None = None,
    min_relevance: float | None = None,
    time_window_hours: float | None = None,
    selector: Selector | None = None,
    store: bool = True,
) -> MemoryInjecting:
    """Around an adapter, or an async function of what was sent and the context.

    What is left out is the route's own setting, and what is given must be what the route lets a request change.
    `custom` looks at all there is, up to `max_memories`, and `selector` picks. `provider` is else that of the App.
    """
    if (strategy == "custom") != (selector is not None):
        raise ValueError("the strategy custom goes with a selector, and a selector with it")
    how = {
        "strategy": _NAMES.get(strategy, strategy) if strategy else None,
        "top_k": max_memories,
        "min_relevance": min_relevance,
        "time_window_hours": time_window_hours,
    }
    return MemoryInjecting(runnable, provider, how, selector, store=store)


def route(app: App, path: str, runnable: Runnable) -> None:
    """Serves a runnable at a path: POST, JSON in, `{"result": ...}` out. For FastAgentic 1.2's own `@agent_endpoint`,
    which answers every JSON body with 422."""
    from fastapi import Request  # FastAgentic brings it

    async def endpoint(request: Request) -> dict[str, Any]:
        context = app._create_context(str(uuid.uuid4()), path, request)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - the App has no other way to one
        body = await request.json()
        if isinstance(runnable, BaseAdapter):
            return {"result": await runnable.invoke(body, context)}
        return {"result": await runnable(body, context)}

    endpoint.__annotations__["request"] = Request
    app.post(path)(endpoint)


def _message(given: Any) -> str:
    if isinstance(given, str):
        return given
    found = cast("Mapping[str, Any]", given).get(FIELD) if isinstance(given, Mapping) else getattr(given, FIELD, None)
    if not isinstance(found, str):
        raise TypeError(f"what is sent must be text, or have a text {FIELD!r}")
    return found


def _with(given: Any, prompt: str) -> Any:
    if isinstance(given, str):
        return prompt
    if isinstance(given, Mapping):
        return {**cast("Mapping[str, Any]", given), FIELD: prompt}
    return given.model_copy(update={FIELD: prompt})
