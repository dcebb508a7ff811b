"""Questions about documents: passages are kept with their source, found again by meaning, and made into a prompt.

    memory-gateway serve examples/rag/gateway.yaml
    python examples/rag/ask.py http://127.0.0.1:8080

How a passage stands in the prompt, how many and how long, is said in the file. Running it again keeps nothing twice.
"""

import sys
from hashlib import sha256

from gateway.client import Gateway

DOCUMENTS = {
    ("kettle", "kettle.md"): """
The kettle holds 1.7 litres. Do not fill it above the mark.

Descale it every two months: boil water with two spoons of citric acid, and rinse it twice.

The warranty is two years from the day of purchase. It does not cover scale.
""",
    ("toaster", "toaster.md"): """
Crumbs are in the tray below. Empty it every week, when the toaster is cold.

The warranty is three years from the day of purchase.
""",
}


def passages(text: str) -> list[str]:
    return [part.strip() for part in text.split("\n\n") if part.strip()]


def load(gateway: Gateway) -> int:
    kept = 0
    for (product, source), text in DOCUMENTS.items():
        key = sha256(f"{source}\n{text}".encode()).hexdigest()  # the same document again is the same request again
        items = [
            {"content": passage, "metadata": {"source": source, "product": product, "part": number}}
            for number, passage in enumerate(passages(text))
        ]
        done = gateway.memories.add_batch(items, idempotency_key=key)
        kept += sum(each.event == "ADD" and not each.replayed for each in done.results)
    return kept


def prompt(gateway: Gateway, question: str, product: str | None = None) -> str:
    block = gateway.memories.context(question, top_k=1, filters={"product": product} if product else None)
    sources = ", ".join(sorted({str(each.metadata["source"]) for each in block.memories}))
    return f"{block.text}\nSources: {sources or '-'}\nQuestion: {question}\n"


if __name__ == "__main__":
    with Gateway(sys.argv[1]) as connected:
        print(f"passages kept: {load(connected)}\n")
        print(prompt(connected, "How often should I descale it?"))
        print(prompt(connected, "How long is the warranty?", product="kettle"))
        print(prompt(connected, "How long is the warranty?", product="toaster"))
        print(prompt(connected, "How long is the warranty?", product="lamp"))
