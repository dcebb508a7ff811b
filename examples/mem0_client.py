"""A program written for mem0's platform, with one address changed.

memory-gateway serve configs/clients.yaml                # with a key of your own: memory-gateway keys new
MEM0_API_KEY=mgk_... python examples/mem0_client.py http://localhost:8080
"""

import sys
from typing import Any

from mem0 import MemoryClient  # pyright: ignore[reportMissingTypeStubs] - mem0 ships none


def main(host: str) -> None:
    memory: Any = MemoryClient(host=host)  # the key is in MEM0_API_KEY, as it was
    memory.add(
        [
            {"role": "user", "content": "I am allergic to peanuts"},
            {"role": "user", "content": "My sister lives in Lisbon"},
        ],
        user_id="ada",
        metadata={"source": "chat"},
    )
    found = memory.search("Which food should I avoid, any allergy?", filters={"user_id": "ada"}, top_k=1)
    sys.stdout.write(f"found: {found['results'][0]['memory']}\n")
    (lisbon,) = memory.get_all(filters={"AND": [{"user_id": "ada"}, {"keywords": {"icontains": "lisbon"}}]})["results"]
    memory.update(lisbon["id"], text="My sister lives in Porto")
    sys.stdout.write(f"changed: {[step['new_memory'] for step in memory.history(lisbon['id'])]}\n")
    memory.delete_all(user_id="ada")
    sys.stdout.write(f"left: {memory.get_all(filters={'user_id': 'ada'})['count']}\n")


if __name__ == "__main__":
    main(sys.argv[1])
