"""A program that keeps items in the store of LangGraph's server, with one address changed.

memory-gateway serve configs/clients.yaml                # with a key of your own: memory-gateway keys new
LANGGRAPH_API_KEY=mgk_... python examples/langgraph_sdk_client.py http://localhost:8080/r/store
"""

import sys

from langgraph_sdk import get_sync_client


def main(url: str) -> None:
    store = get_sync_client(url=url).store  # the key is in LANGGRAPH_API_KEY, as it was
    store.put_item(["users", "ada"], "food", {"text": "is allergic to peanuts", "sure": 0.9})
    store.put_item(["users", "ada"], "home", {"text": "lives in Lisbon", "sure": 0.6})
    store.put_item(["users", "bob"], "home", {"text": "lives in Porto", "sure": 0.9})
    found = store.search_items(["users", "ada"], query="which allergy?", limit=1)["items"]
    sys.stdout.write(f"found: {found[0]['value']['text']}\n")
    sure = store.search_items(["users"], filter={"sure": {"$gt": 0.8}})["items"]
    sys.stdout.write(f"sure: {sorted(each['namespace'][1] for each in sure)}\n")
    store.delete_item(["users", "ada"], "home")
    sys.stdout.write(f"namespaces: {store.list_namespaces(prefix=['users'])['namespaces']}\n")


if __name__ == "__main__":
    main(sys.argv[1])
