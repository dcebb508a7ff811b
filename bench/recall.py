"""How much of the evidence each strategy finds: LoCoMo conversations, every turn one memory.

    python bench/recall.py locomo.json [--weights 0.3,0.7,0.1] [--half-life 30d] [--speaker]

Prints recall at 5 and 10 and nDCG at 10 over all questions with evidence (adversarial ones apart), and the time of one
search. Reads the data file and nothing else.
"""

import argparse
import asyncio
import json
import math
import re
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from gateway.domain.ports import Kit
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Scope
from gateway.domain.units import Duration
from gateway.embedders.wordllama import WordLlama
from gateway.retrieval.ask import Ask
from gateway.retrieval.pool import Pool
from gateway.retrieval.recall import best
from gateway.retrieval.strategies.hybrid import Hybrid, Weights
from gateway.retrieval.strategies.lexical import Lexical
from gateway.retrieval.strategies.recent import Recent
from gateway.retrieval.strategies.semantic import Semantic
from gateway.retrieval.strategy import Strategy

KINDS = frozenset({Kind.MEMORY})
ADVERSARIAL = 5


class Measured(msgspec.Struct):
    questions: int = 0
    at_5: float = 0.0
    at_10: float = 0.0
    ndcg: float = 0.0
    seconds: float = 0.0

    def line(self, name: str) -> str:
        n = self.questions
        figures = f"{self.at_5 / n:.3f}  {self.at_10 / n:.3f}  {self.ndcg / n:.3f}"
        return f"{name:<12} {figures}  {self.seconds / n * 1e6:7.0f} us"


def turns(conversation: dict[str, Any], *, speaker: bool) -> Iterator[Record]:
    scope = Scope("bench", "locomo")
    for number in range(1, 100):
        session = conversation.get(f"session_{number}")
        if not session:
            continue
        said = datetime.strptime(conversation[f"session_{number}_date_time"], "%I:%M %p on %d %B, %Y").replace(
            tzinfo=UTC
        )
        for place, turn in enumerate(session):
            at = said + timedelta(seconds=place)
            text = f"{turn['speaker']}: {turn['text']}" if speaker else turn["text"]
            yield Record(id=turn["dia_id"], kind=Kind.MEMORY, scope=scope, text=text, created_at=at, updated_at=at)


async def with_vectors(records: list[Record], embedder: WordLlama) -> list[Record]:
    vectors = await embedder.embed([record.text for record in records])
    return [msgspec.structs.replace(r, vector=v) for r, v in zip(records, vectors, strict=True)]


async def measure(
    data: list[dict[str, Any]], strategies: dict[str, Strategy], embedder: WordLlama, *, speaker: bool
) -> None:
    results = {name: Measured() for name in strategies}
    for sample in data:
        records = await with_vectors(list(turns(sample["conversation"], speaker=speaker)), embedder)
        pool = Pool(records, embedder.dimension)
        known = {record.id for record in records}
        now = max(record.created_at for record in records) + timedelta(days=1)
        _ = pool.postings
        for asked in sample["qa"]:
            wanted = {each for line in asked["evidence"] for each in re.findall(r"D\d+:\d+", line)} & known
            if asked["category"] == ADVERSARIAL or not wanted:
                continue
            for name, strategy in strategies.items():
                started = time.perf_counter()
                vector = (await embedder.embed([asked["question"]]))[0]
                ask = Ask(query=asked["question"], vector=vector, kinds=KINDS, now=now)
                ranking = await strategy.rank(pool, ask)
                strength = ranking.score if ranking.strength is None else ranking.strength
                rows = pool.rows if ranking.rows is None else ranking.rows
                top = rows[:10] if strength is None else best(rows, strength, 10)
                spent = time.perf_counter() - started
                places: list[int] = top.tolist()
                found = [pool.records[row].id in wanted for row in places]
                add(results[name], found, len(wanted), spent)
    print(f"{'strategy':<12}  R@5    R@10  nDCG@10")
    for name, measured in results.items():
        print(measured.line(name))


def add(measured: Measured, found: list[bool], wanted: int, seconds: float) -> None:
    measured.questions += 1
    measured.at_5 += sum(found[:5]) / wanted
    measured.at_10 += sum(found) / wanted
    gain = sum(1 / math.log2(place + 2) for place, hit in enumerate(found) if hit)
    measured.ndcg += gain / sum(1 / math.log2(place + 2) for place in range(min(wanted, 10)))
    measured.seconds += seconds


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", default="0.3,0.7,0.1", help="semantic,lexical,recency; several joined by +")
    parser.add_argument("--half-life", default="30d")
    parser.add_argument("--speaker", action="store_true", help="put the speaker's name into the text")
    given = parser.parse_args()
    kit = Kit(name="bench", clock=lambda: datetime.now(UTC), home=Path())
    strategies: dict[str, Strategy] = {
        "semantic": Semantic(Semantic.Options(), kit),
        "lexical": Lexical(Lexical.Options(), kit),
        "recent": Recent(Recent.Options(), kit),
    }
    for weights in given.weights.split("+"):
        semantic, lexical, recency = map(float, weights.split(","))
        chosen = Weights(semantic=semantic, lexical=lexical, recency=recency)
        options = Hybrid.Options(weights=chosen, half_life=Duration(given.half_life))
        strategies[f"{weights}"] = Hybrid(options, kit)
    data = json.loads(await asyncio.to_thread(given.data.read_text))
    async with AsyncExitStack() as stack:
        embedder = WordLlama(WordLlama.Options(), kit)
        await embedder.open(stack)
        await measure(data, strategies, embedder, speaker=given.speaker)


if __name__ == "__main__":
    asyncio.run(main())
