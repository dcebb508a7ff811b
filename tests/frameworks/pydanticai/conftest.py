"""A client of a user of its own for each test, and models that answer from what they are given."""

from collections.abc import AsyncGenerator
from uuid import uuid4

import pytest
from pydantic_ai import ModelMessagesTypeAdapter, models
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from gateway.client import AsyncGateway


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "ALLOW_MODEL_REQUESTS", False)


@pytest.fixture
def user() -> str:
    return f"user-{uuid4().hex[:8]}"


@pytest.fixture
async def client(gateway_url: str) -> AsyncGenerator[AsyncGateway]:
    """Of nobody: calls name whose memories they are about."""
    async with AsyncGateway(gateway_url) as opened:
        yield opened


class Told:
    """A model that knows the names in what it is given; `seen` is all that it was given."""

    def __init__(self) -> None:
        self.seen: list[list[ModelMessage]] = []
        self.model = FunctionModel(self._answer)

    def _answer(self, messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
        self.seen.append(messages)
        known = [name for name in ("Ada", "Bob") if name in self.last]
        return ModelResponse(parts=[TextPart(f"You are {known[0]}" if known else "Who are you?")])

    @property
    def last(self) -> str:
        return ModelMessagesTypeAdapter.dump_json(self.seen[-1]).decode()


@pytest.fixture
def told() -> Told:
    return Told()
