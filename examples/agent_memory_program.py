"""A program written for the agent-memory server, with one address changed.

memory-gateway serve configs/clients.yaml                # with a key of your own: memory-gateway keys new
python examples/agent_memory_program.py http://localhost:8080/t/mgk_...
"""

import asyncio
import sys

from agent_memory_client import create_memory_client
from agent_memory_client.filters import UserId
from agent_memory_client.models import ClientMemoryRecord, MemoryTypeEnum


async def main(url: str) -> None:
    client = await create_memory_client(url, default_namespace="travel")
    async with client:
        for text in ("I am going to Lisbon", "and I am allergic to peanuts"):
            await client.append_messages_to_working_memory("trip", [{"role": "user", "content": text}], user_id="ada")
        fact = ClientMemoryRecord(text="is allergic to peanuts", user_id="ada", memory_type=MemoryTypeEnum.SEMANTIC)
        await client.create_long_term_memory([fact])
        found = await client.search_long_term_memory("which allergy?", user_id=UserId(eq="ada"), limit=1)
        sys.stdout.write(f"found: {found.memories[0].text}\n")
        prompt = await client.memory_prompt("What can I eat?", session_id="trip", user_id="ada", long_term_search={})
        sys.stdout.write(f"prompt: {[each['role'] for each in prompt['messages']]}\n")
        await client.delete_working_memory("trip", user_id="ada")
        sys.stdout.write(f"sessions: {(await client.list_sessions()).total}\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
