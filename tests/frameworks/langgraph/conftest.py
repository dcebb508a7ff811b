"""Clients of a user of its own, for each test."""

from collections.abc import AsyncGenerator, Generator
from uuid import uuid4

import pytest

from gateway.client import AsyncGateway, Gateway


@pytest.fixture
def user() -> str:
    return f"user-{uuid4().hex[:8]}"


@pytest.fixture
def blocking(gateway_url: str, user: str) -> Generator[Gateway]:
    with Gateway(gateway_url, user_id=user) as client:
        yield client


@pytest.fixture
async def awaiting(gateway_url: str, user: str) -> AsyncGenerator[AsyncGateway]:
    async with AsyncGateway(gateway_url, user_id=user) as client:
        yield client
