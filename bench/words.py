"""What is stored and asked: the same on every side and in every run. Sentences of about sixty words, some 450 bytes."""

import random
from typing import Any, Final

_NOUNS: Final = [
    "garden",
    "river",
    "invoice",
    "telescope",
    "bicycle",
    "kitchen",
    "meeting",
    "library",
    "concert",
    "passport",
    "bakery",
    "harbour",
    "violin",
    "contract",
    "orchard",
    "airport",
    "dentist",
    "museum",
    "lantern",
    "festival",
    "printer",
    "blanket",
    "compass",
    "orchestra",
    "recipe",
    "glacier",
    "notebook",
    "balcony",
    "carpenter",
    "subscription",
    "vaccine",
    "tournament",
    "greenhouse",
    "mortgage",
    "scholarship",
    "aquarium",
    "ferry",
]
_VERBS: Final = [
    "prefers",
    "visited",
    "cancelled",
    "repaired",
    "borrowed",
    "painted",
    "compared",
    "postponed",
    "ordered",
    "described",
    "measured",
    "forgot",
    "recommended",
    "planted",
    "returned",
    "collected",
    "translated",
    "refused",
    "practised",
    "attended",
]
_QUALITIES: Final = [
    "quiet",
    "expensive",
    "blue",
    "broken",
    "early",
    "seasonal",
    "wooden",
    "crowded",
    "organic",
    "annual",
    "narrow",
    "reliable",
    "foreign",
    "handmade",
    "digital",
    "temporary",
    "northern",
    "vegetarian",
]


def _sentences(seed: int, words: int) -> str:
    choose = random.Random(seed)
    said: list[str] = []
    while len(said) < words:
        said += ["the", "user", choose.choice(_VERBS), "a", choose.choice(_QUALITIES), choose.choice(_NOUNS), "and"]
    return " ".join(said[:words])


TEXTS: Final = [_sentences(seed, 60) for seed in range(100)]
QUERIES: Final = [_sentences(1_000 + seed, 8) for seed in range(100)]
SEARCHED: Final = [f"searched-{number}" for number in range(10)]  # users, each with all of TEXTS


def metadata() -> dict[str, Any]:
    return {"source": "bench", "topics": ["garden", "travel"], "importance": 3, "reviewed": False}
