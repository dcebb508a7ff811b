"""A support bot: the conversation is a session, what is worth knowing next month is a memory.

    memory-gateway serve configs/quickstart.yaml
    python examples/support_bot/support_bot.py ann chat-1 "My order is #98765. Remember that I prefer e-mail."
    python examples/support_bot/support_bot.py ann chat-1 "What was my order?"       # this conversation
    python examples/support_bot/support_bot.py ann chat-2 "How do I like to be contacted?"   # any conversation

It answers offline, from what it is shown. With OPENAI_BASE_URL (and OPENAI_API_KEY, OPENAI_MODEL) any server of that API does.
MEMORY_GATEWAY_URL says where the gateway is, if not here.
"""

import os
import re
import sys
from typing import Any

import httpx

from gateway.client import Gateway

INSTRUCTIONS = "You are a support agent. Be brief, and use what you know of the customer."


def offline(prompt: list[dict[str, Any]]) -> str:
    """In the place of a model: says the line of the prompt that has most words of the question."""
    *shown, question = [line for message in prompt for line in str(message["content"]).splitlines()]
    wanted = {word[:5] for word in re.findall(r"\w{4,}", question.lower())}
    best = max(
        shown[1:], key=lambda line: len({word[:5] for word in re.findall(r"\w{4,}", line.lower())} & wanted), default=""
    )
    return f"You told me: {best.removeprefix('- ')}" if best else "How can I help?"


def model(prompt: list[dict[str, Any]]) -> str:
    url = os.environ.get("OPENAI_BASE_URL")
    if not url:
        return offline(prompt)
    asked = {"model": os.environ.get("OPENAI_MODEL", "gpt-4.1-mini"), "messages": prompt}
    key = {"Authorization": f"Bearer {os.environ.get('OPENAI_API_KEY', 'none')}"}
    answered = httpx.post(f"{url.rstrip('/')}/chat/completions", json=asked, headers=key, timeout=60).raise_for_status()
    return str(answered.json()["choices"][0]["message"]["content"])


def answer(customer: Gateway, session: str, question: str) -> str:
    known = customer.memories.context(question, top_k=5).text  # of all conversations
    said = customer.sessions.context(session, max_tokens=2000)  # the newest of this one
    prompt = [
        {"role": "system", "content": f"{INSTRUCTIONS}\n{known}".strip()},
        *({"role": each.role, "content": each.content} for each in said if each.role in ("user", "assistant")),
        {"role": "user", "content": question},
    ]
    reply = model(prompt)
    customer.sessions.append(session, [{"role": "user", "content": question}, {"role": "assistant", "content": reply}])
    for wish in re.findall(r"[Rr]emember that ([^.!?]+)", question):  # a rule of this bot: what it was told to
        customer.memories.add(f"The customer says: {wish}", metadata={"source": session})
    return reply


if __name__ == "__main__":
    user, chat, words = sys.argv[1:]
    with Gateway(os.environ.get("MEMORY_GATEWAY_URL", "http://127.0.0.1:8080"), user_id=user) as gateway:
        print(answer(gateway, chat, words))
