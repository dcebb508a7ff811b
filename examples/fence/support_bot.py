"""A support bot of Fence that remembers a conversation for as long as the gateway does.

    memory-gateway serve examples/fence/gateway.yaml
    python examples/fence/support_bot.py http://127.0.0.1:8080 12345 abc-def "I have trouble with my order #98765"
    python examples/fence/support_bot.py http://127.0.0.1:8080 12345 abc-def "What was my order number again?"

The model here answers offline, from what it is shown; put a model of Fence in its place.
"""

# pyright: basic
# Fence has annotations of its own, but no stubs, and not everywhere.

import re
import sys
from typing import Any

from fence.agents import Agent
from fence.models.base import LLM

from gateway.client import Gateway
from gateway.client.frameworks.fence import GatewayMemory


class Offline(LLM):
    model_name = model_id = "offline"

    def __init__(self) -> None:
        super().__init__(source="example")

    def invoke(self, prompt: Any, **_: Any) -> str:
        said = [part.text for each in prompt.messages if each.role == "user" for part in each.content]
        orders = re.findall(r"#\d+", " ".join(said))
        answer = f"Your order number is {orders[-1]}." if orders else "How can I help?"
        return f"[THOUGHT] I read {len(said)} messages\n[ANSWER] {answer}"


def create_support_agent(gateway: Gateway, user_id: str, session_id: str) -> Agent:
    """One conversation of one user; whoever creates it again goes on with it."""
    return Agent(
        identifier="support_agent",
        model=Offline(),
        memory=GatewayMemory(gateway, f"user_{user_id}_session_{session_id}", user_id=user_id),
        role="You are a helpful customer support agent. Always be polite.",
        max_memory_size=5000,
        log_agentic_response=False,
    )


if __name__ == "__main__":
    url, user, session, question = sys.argv[1:]
    with Gateway(url) as connected:
        print(create_support_agent(connected, user, session).run(question))
