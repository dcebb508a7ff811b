"""Examples for the form of keys and values."""

from typing import Final

from gateway.config.examples.example import Example

EXAMPLES: Final[dict[str, Example]] = {
    "MG0201": Example(
        mend="Write a value of the type that is asked for; take quotes away from numbers.",
        broken='defaults: {chain: main, retrieval: {top_k: "10"}}',
        mended="defaults: {chain: main, retrieval: {top_k: 10}}",
    ),
    "MG0202": Example(
        mend="Correct the spelling; keep what is your own under `labels`, or let it start with x-.",
        broken="defaults: {chain: main, retrieval: {topk: 10}}",
        mended="defaults: {chain: main, retrieval: {top_k: 10}}",
    ),
    "MG0203": Example(
        mend="Add the key.",
        broken="providers: {main: {type: sqlite}}",
        mended="providers: {main: {type: sqlite, path: memories.db}}",
    ),
    "MG0204": Example(
        mend="Use one of the known words; the finding lists them.",
        broken="defaults: {chain: main, history: forever}",
        mended="defaults: {chain: main, history: full}",
    ),
    "MG0205": Example(
        mend="Stay within the bounds that the finding names.",
        broken="defaults: {chain: main, retrieval: {min_relevance: 20}}",
        mended="defaults: {chain: main, retrieval: {min_relevance: 0.2}}",
    ),
    "MG0206": Example(
        mend="Follow the form that the finding shows.",
        broken="defaults: {chain: main, ttl: 30 days}",
        mended="defaults: {chain: main, ttl: 30d}",
    ),
    "MG0207": Example(
        mend="Write a value, or leave the key out.",
        broken="embedders:",
        mended="embedders: {}",
    ),
    "MG0208": Example(
        mend="Change the options so that they fit together, as the plugin's words say.",
        broken='providers: {main: {type: sqlite, path: ":memory:"}}',
        mended="providers: {main: {type: memory}}",
    ),
    "MG0209": Example(
        mend="Keep one of the two.",
        broken="defaults: {chain: main, retrieval: {top_k: 10, max_memories: 20}}",
        mended="defaults: {chain: main, retrieval: {top_k: 10}}",
    ),
    "MG0210": Example(
        mend="Write a scheme that a provider has, or `type:` with the provider's own keys.",
        broken='providers: {main: {store: "rediss+fast://cache:6379/0"}}',
        mended='providers: {main: {store: "rediss://cache:6379/0"}}',
    ),
}
