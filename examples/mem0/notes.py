"""A program written for mem0's AsyncMemory, over a gateway: the import and the first line are what changed.

memory-gateway serve examples/mem0/gateway.yaml
python examples/mem0/notes.py http://127.0.0.1:8080 ann "I am allergic to peanuts"
python examples/mem0/notes.py http://127.0.0.1:8080 ann "What am I allergic to?"
"""

import asyncio
import sys

from gateway.client import AsyncGateway
from gateway.client.frameworks.mem0 import AsyncMemory  # was: from mem0 import AsyncMemory


async def main(url: str, user: str, said: str) -> None:
    async with AsyncMemory(AsyncGateway(url)) as memory:
        found = await memory.search(said, filters={"user_id": user}, top_k=3)
        for each in found["results"]:
            print(f"{each['score']:.2f}  {each['memory']}")
        if not said.endswith("?"):
            added = await memory.add([{"role": "user", "content": said}], user_id=user)
            print(f"kept as {added['results'][0]['id']}")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
