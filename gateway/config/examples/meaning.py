"""Examples for settings that are well formed and cannot work."""

from typing import Final

from gateway.config.examples.example import Example

_TALK: Final = "tenants: {demo: {auth: {mode: open}, routes: {talk: {default: true, kinds: [message]}}}}\n"

EXAMPLES: Final[dict[str, Example]] = {
    "MG0401": Example(
        mend="Give the provider an embedder, or use a strategy that needs no vectors.",
        broken="providers: {main: {type: memory, embedder: none}}\n"
        "defaults: {chain: main, retrieval: {strategy: semantic}}",
        mended="providers: {main: {type: memory, embedder: local}}\n"
        "defaults: {chain: main, retrieval: {strategy: semantic}}",
    ),
    "MG0402": Example(
        mend="Choose a chain whose provider keeps the kinds; the finding lists what this one keeps.",
        broken="providers: {main: {type: transcripts, path: talks.log}}",
        mended="providers: {main: {type: memory}}",
        assumes="`transcripts` is a provider of another package, which keeps messages only",
    ),
    "MG0403": Example(
        mend="Correct the schema; refer to its own `$defs` only.",
        broken="defaults: {chain: main, metadata_schema: {type: object, required: topic}}",
        mended="defaults: {chain: main, metadata_schema: {type: object, required: [topic]}}",
    ),
    "MG0404": Example(
        mend="Write {path: {op: value}} with a known operator, or {path: value} for equality.",
        broken="defaults: {chain: main, retrieval: {filters: {priority: {above: 3}}}}",
        mended="defaults: {chain: main, retrieval: {filters: {priority: {gt: 3}}}}",
    ),
    "MG0405": Example(
        mend="Let each part stand once: needed, allowed, one of several, or noted.",
        broken="defaults: {chain: main, scope: {require: [user], allow: [user, run]}}",
        mended="defaults: {chain: main, scope: {require: [user], allow: [run]}}",
    ),
    "MG0406": Example(
        mend="Use request.user, request.agent, request.run, header.<name>, claim.<path>, key.user or key.id.",
        broken='defaults: {chain: main, identity: {user: "{claims.sub}"}}',
        mended='defaults: {chain: main, identity: {user: "{claim.sub}"}}',
    ),
    "MG0407": Example(
        mend="Use the fields that the finding lists.",
        broken='defaults: {chain: main, context: {item: "- {text}"}}',
        mended='defaults: {chain: main, context: {item: "- {content}"}}',
    ),
    "MG0408": Example(
        mend="Declare the thing once and refer to it twice, or give each its own.",
        broken="providers: {main: {type: sqlite, path: memories.db}, notes: {type: sqlite, path: ./memories.db}}",
        mended="providers: {main: {type: sqlite, path: memories.db}}",
    ),
    "MG0409": Example(
        mend="Lower the setting, or raise the limit.",
        broken="defaults: {chain: main, retrieval: {top_k: 50}, limits: {max_top_k: 20}}",
        mended="defaults: {chain: main, retrieval: {top_k: 20}, limits: {max_top_k: 20}}",
    ),
    "MG0410": Example(
        mend="Let both work with one embedder, or the second with none.",
        broken="embedders: {other: {type: wordllama, dimension: 64}}\n"
        "providers: {main: {type: memory}, copy: {type: memory, embedder: other}}\n"
        "chains: {both: [{provider: main}, {provider: copy, role: mirror}]}\ndefaults: {chain: both}",
        mended="providers: {main: {type: memory}, copy: {type: memory}}\n"
        "chains: {both: [{provider: main}, {provider: copy, role: mirror}]}\ndefaults: {chain: both}",
    ),
    "MG0411": Example(
        mend="Name events that the type is for; `memory-gateway list hooks` and docs/hooks.md say which.",
        broken="hooks: {mark: {type: stamp, on: [add, search]}}\ndefaults: {chain: main, hooks: [mark]}",
        mended="hooks: {mark: {type: stamp, on: [add, update]}}\ndefaults: {chain: main, hooks: [mark]}",
    ),
    "MG0413": Example(
        mend="Let the route hold memories, or lead nowhere.",
        broken="upstreams: {models: {type: openai}}\ntenants:\n  demo:\n    auth: {mode: open}\n"
        "    routes: {chat: {default: true, kinds: [message], proxy: {upstream: models}}}",
        mended="upstreams: {models: {type: openai}}\ntenants:\n  demo:\n    auth: {mode: open}\n"
        "    routes: {chat: {default: true, kinds: [memory, message], proxy: {upstream: models}}}",
    ),
    "MG0430": Example(
        mend="Name fields that exist, and seal the content where roles or vectors are to be sealed.",
        broken="keyrings: {main: {root: {type: env, name: ROOT_KEY}}}\n"
        "defaults: {chain: main, encryption: {fields: [content, text]}}",
        mended="keyrings: {main: {root: {type: env, name: ROOT_KEY}}}\n"
        "defaults: {chain: main, encryption: {fields: [content]}}",
    ),
    "MG0431": Example(
        mend="Leave the path out of `index`.",
        broken="keyrings: {main: {root: {type: env, name: ROOT_KEY}}}\n"
        "defaults: {chain: main, encryption: {fields: [content, metadata.urgent], index: [urgent]},\n"
        "  metadata_schema: {properties: {urgent: {type: boolean}}}}",
        mended="keyrings: {main: {root: {type: env, name: ROOT_KEY}}}\n"
        "defaults: {chain: main, encryption: {fields: [content, metadata.urgent]},\n"
        "  metadata_schema: {properties: {urgent: {type: boolean}}}}",
    ),
    "MG0432": Example(
        mend="Seal both alike, or give one route a space of its own.",
        broken="keyrings: {main: {root: {type: env, name: ROOT_KEY}}}\n"
        "tenants: {demo: {auth: {mode: open}, encryption: {fields: [content]}, routes: {notes: {default: true},\n"
        "  open: {match: {agent: a}, encryption: {type: none}}}}}",
        mended="keyrings: {main: {root: {type: env, name: ROOT_KEY}}}\n"
        "tenants: {demo: {auth: {mode: open}, encryption: {fields: [content]}, routes: {notes: {default: true},\n"
        "  open: {match: {agent: a}, space: open, encryption: {type: none}}}}}",
    ),
    "MG0433": Example(
        mend="Let the gateway rank, with `vectors: sealed`, or use a strategy that goes by words or time.",
        broken="keyrings: {main: {root: {type: env, name: ROOT_KEY}}}\n"
        "defaults: {chain: main, encryption: {vectors: none}, retrieval: {strategy: semantic}}",
        mended="keyrings: {main: {root: {type: env, name: ROOT_KEY}}}\n"
        "defaults: {chain: main, encryption: {vectors: sealed}, retrieval: {strategy: semantic}}",
    ),
    "MG0434": Example(
        mend="Use `vectors: sealed`; or `keyed`, which hides less and lets backends search.",
        broken="keyrings: {main: {root: {type: env, name: ROOT_KEY}}}\n"
        "defaults: {chain: main, encryption: {vectors: plain}}",
        mended="keyrings: {main: {root: {type: env, name: ROOT_KEY}}}\n"
        "defaults: {chain: main, encryption: {vectors: sealed}}",
    ),
    "MG0440": Example(
        mend="Give the session a limit, and keep no more than it allows.",
        broken=_TALK + "defaults: {chain: main, session: {on_overflow: summarize}}",
        mended=_TALK + "defaults: {chain: main, session: {max_messages: 50, on_overflow: summarize}}",
    ),
    "MG0441": Example(
        mend="Name a provider in `retention.archive`, or leave out what needs one.",
        broken=_TALK + "defaults: {chain: main, session: {max_messages: 50, on_overflow: archive}}",
        mended=_TALK + "providers: {main: {type: memory}, cold: {type: folder, path: cold}}\n"
        "defaults:\n  chain: main\n  session: {max_messages: 50, on_overflow: archive}\n  retention: {archive: cold}",
    ),
    "MG0442": Example(
        mend="Use another provider, one that keeps everything and forgets nothing.",
        broken="providers: {main: {type: sqlite, path: data.db}}\n"
        "defaults: {chain: main, retention: {max_age_days: 30, archive: main}}",
        mended="providers: {main: {type: sqlite, path: data.db}, cold: {type: folder, path: cold}}\n"
        "defaults: {chain: main, retention: {max_age_days: 30, archive: cold}}",
    ),
    "MG0443": Example(
        mend="Declare a summarizer of the type custom and name it, or sum up.",
        broken=_TALK + "defaults: {chain: main, session: {max_messages: 50, on_overflow: plugin}}",
        mended=_TALK + "defaults: {chain: main, session: {max_messages: 50, on_overflow: summarize}}",
    ),
    "MG0444": Example(
        mend="Let the age come before the ttl, or leave one of them out.",
        broken="defaults: {chain: main, ttl: 7d, retention: {max_age_days: 30}}",
        mended="defaults: {chain: main, ttl: 90d, retention: {max_age_days: 30}}",
    ),
}
