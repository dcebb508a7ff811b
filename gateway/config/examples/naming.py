"""Examples for names that refer to things, and for which route takes a request."""

from typing import Final

from gateway.config.examples.example import TENANT, Example, tenant

_DEMO: Final = "tenants:\n  demo:\n    auth: {mode: open}\n    routes:\n"


def _routes(*routes: str) -> str:
    return _DEMO + "\n".join(f"      {each}" for each in routes)


EXAMPLES: Final[dict[str, Example]] = {
    "MG0301": Example(
        mend="Correct the name, or declare the chain under `chains:`.",
        broken="defaults: {chain: mian}",
        mended="defaults: {chain: main}",
    ),
    "MG0302": Example(
        mend="Correct the name, or declare the provider under `providers:`.",
        broken="chains: {durable: [{provider: mian}]}\ndefaults: {chain: durable}",
        mended="chains: {durable: [{provider: main}]}\ndefaults: {chain: durable}",
    ),
    "MG0303": Example(
        mend="Name an embedder of `embedders:`, `local`, or `none` for no vectors. A type is no name.",
        broken="providers: {main: {type: memory, embedder: wordllama}}",
        mended="providers: {main: {type: memory, embedder: local}}",
    ),
    "MG0304": Example(
        mend="Name a built-in strategy, or one of `strategies:`.",
        broken="defaults: {chain: main, retrieval: {strategy: newest}}",
        mended="defaults: {chain: main, retrieval: {strategy: recent}}",
    ),
    "MG0305": Example(
        mend="Correct the name, or declare the profile in the gateway file.",
        broken="profiles: {shortlived: {ttl: 7d}}\n"
        "tenants: {demo: {profiles: [short-lived], auth: {mode: open}, routes: {notes: {default: true}}}}",
        mended="profiles: {short-lived: {ttl: 7d}}\n"
        "tenants: {demo: {profiles: [short-lived], auth: {mode: open}, routes: {notes: {default: true}}}}",
    ),
    "MG0306": Example(
        mend="Give one of the two another name.",
        broken="chains: {main: [{provider: main}]}",
        mended="chains: {durable: [{provider: main}]}\ndefaults: {chain: durable}",
    ),
    "MG0307": Example(
        mend="Give one a higher priority, or a condition that the other lacks.",
        broken=_routes("notes: {default: true}", "bots: {match: {agent: bot-*}}", "ada: {match: {user: ada-*}}"),
        mended=_routes(
            "notes: {default: true}", "bots: {match: {agent: bot-*}}", "ada: {match: {user: ada-*}, priority: 1}"
        ),
    ),
    "MG0308": Example(
        mend="Keep one default, or let them hold different kinds.",
        broken=_routes("notes: {default: true}", "talks: {default: true}"),
        mended=_routes("notes: {default: true}", "talks: {default: true, kinds: [message]}"),
    ),
    "MG0309": Example(
        mend="Add `default: true` to the route that takes the rest, or allow it: 404 may be what you want.",
        broken=_routes("notes: {match: {agent: bot}}"),
        mended=_routes("notes: {default: true}"),
    ),
    "MG0310": Example(
        mend="Name the file after the tenant.",
        broken="tenant: acme-corp",
        mended="tenant: acme",
        file=TENANT,
    ),
    "MG0311": Example(
        mend="Keep one of the places.",
        broken="tenants: {acme: {auth: {mode: open}, routes: {notes: {default: true}}}}\ninclude: tenants/*.yaml",
        mended="tenants: {}\ninclude: tenants/*.yaml",
        beside={"tenants/acme.yaml": tenant()},
    ),
    "MG0312": Example(
        mend="Set `chain` in the defaults, a profile, the tenant or the route.",
        broken="defaults: {ttl: 30d}",
        mended="defaults: {ttl: 30d, chain: main}",
    ),
    "MG0313": Example(
        mend="Remove it, refer to it, or allow it with a reason where it stands.",
        broken="providers: {main: {type: memory}, spare: {type: memory}}",
        mended="providers:\n  main: {type: memory}\n"
        "  spare: {type: memory}   # mgw: allow MG0313 -- takes over on the first of the month",
    ),
    "MG0314": Example(
        mend="Add a tenant under `tenants:`, or include its file.",
        broken="providers: {}\ndefaults: {}\ntenants: {}",
        mended="tenants: {demo: {auth: {mode: open}, routes: {notes: {default: true}}}}",
    ),
    "MG0315": Example(
        mend="Remove the match or the priority, or `default: true`.",
        broken=_routes("notes: {default: true, match: {agent: bot}}"),
        mended=_routes("notes: {default: true}", "bots: {match: {agent: bot}}"),
    ),
    "MG0316": Example(
        mend="End the pattern with the star, or write several patterns.",
        broken=_routes("notes: {default: true}", 'bots: {match: {agent: "*-bot"}}'),
        mended=_routes("notes: {default: true}", "bots: {match: {agent: [search-bot, mail-bot]}}"),
    ),
    "MG0317": Example(
        mend="Keep one step.",
        broken="providers: {main: {type: memory}, spare: {type: memory}}\n"
        "chains: {durable: [{provider: main}, {provider: spare}]}\ndefaults: {chain: durable}",
        mended="chains: {durable: [{provider: main}]}\ndefaults: {chain: durable}",
    ),
    "MG0318": Example(
        mend="Give the route a priority of 0 or more.",
        broken=_routes("notes: {default: true}", "bots: {match: {agent: bot}, priority: -1}"),
        mended=_routes("notes: {default: true}", "bots: {match: {agent: bot}}"),
    ),
    "MG0319": Example(
        mend="Give the step the role that the key belongs to, or leave the key out.",
        broken="providers: {main: {type: memory}, copy: {type: memory}}\n"
        "chains: {both: [{provider: main}, {provider: copy, role: failover, ack: all}]}\ndefaults: {chain: both}",
        mended="providers: {main: {type: memory}, copy: {type: memory}}\n"
        "chains: {both: [{provider: main}, {provider: copy, role: mirror, ack: all}]}\ndefaults: {chain: both}",
    ),
    "MG0320": Example(
        mend="Declare a second provider for the other part.",
        broken="providers: {main: {type: memory}}\nchains: {both: [{provider: main}, {provider: main, role: mirror}]}\ndefaults: {chain: both}",
        mended="providers: {main: {type: memory}, copy: {type: memory}}\n"
        "chains: {both: [{provider: main}, {provider: copy, role: mirror}]}\ndefaults: {chain: both}",
    ),
    "MG0321": Example(
        mend="Correct the name, or declare the hook under `hooks:` of the gateway file, or `own_hooks:` of the tenant.",
        broken="hooks: {mark: {type: stamp}}\ndefaults: {chain: main, hooks: [marks, mark]}",
        mended="hooks: {mark: {type: stamp}}\ndefaults: {chain: main, hooks: [mark]}",
    ),
    "MG0322": Example(
        mend="Name each hook once, where it belongs in the order.",
        broken="hooks: {mark: {type: stamp}}\ndefaults: {chain: main, hooks: [mark, mark]}",
        mended="hooks: {mark: {type: stamp}}\ndefaults: {chain: main, hooks: [mark]}",
    ),
    "MG0323": Example(
        mend="Correct the name, or declare the upstream under `upstreams:`.",
        broken="upstreams: {models: {type: openai}}\ndefaults: {chain: main, proxy: {upstream: model}}",
        mended="upstreams: {models: {type: openai}}\ndefaults: {chain: main, proxy: {upstream: models}}",
    ),
    "MG0324": Example(
        mend="Name `extractive`, or one of `summarizers:`.",
        broken="defaults: {chain: main, session: {max_messages: 50, on_overflow: summarize, summarizer: short}}",
        mended="defaults: {chain: main, session: {max_messages: 50, on_overflow: summarize, summarizer: extractive}}",
    ),
    "MG0325": Example(
        mend="Correct the name, or declare the provider under `providers:`.",
        broken="providers: {main: {type: memory}}\ndefaults: {chain: main, retention: {max_age_days: 30, archive: cold}}",
        mended="providers: {main: {type: memory}, cold: {type: folder, path: cold}}\n"
        "defaults: {chain: main, retention: {max_age_days: 30, archive: cold}}",
    ),
    "MG0326": Example(
        mend="Declare a provider, and lead the routes to it.",
        broken="version: 1\ntenants: {demo: {auth: {mode: open}, routes: {notes: {default: true}}}}\n",
        mended="version: 1\nproviders: {main: {type: sqlite, path: data/m.db}}\ndefaults: {chain: main}\n"
        "tenants: {demo: {auth: {mode: open}, routes: {notes: {default: true}}}}\n",
        whole=True,
    ),
    "MG0330": Example(
        mend="Declare the keyring in the gateway file, or correct the name.",
        broken="keyrings: {main: {root: {type: env, name: ROOT_KEY}}}\n"
        "defaults: {chain: main, encryption: {keys: mian}}",
        mended="keyrings: {main: {root: {type: env, name: ROOT_KEY}}}\n"
        "defaults: {chain: main, encryption: {keys: main}}",
    ),
}
