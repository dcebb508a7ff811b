"""Examples for credentials, secrets, and what the policy of a gateway forbids its tenants."""

from typing import Final

from gateway.config.examples.example import TENANT, Example, tenant

_HASH: Final = '"sha256:' + "fedcba9876543210" * 4 + '"'
_OTHER: Final = '"sha256:' + "00112233445566778899aabbccddeeff" * 2 + '"'


def _keys(*keys: str) -> str:
    return "auth:\n  api_keys:\n" + "\n".join(f"    - {{{each}}}" for each in keys)


def _issuer(
    name: str = "corp",
    audience: str = "memory",
    jwks: str = "https://login.example.com/jwks",
    tenant: str = "tenant: demo",
) -> str:
    lines = ["issuer: https://login.example.com/", f"audience: {audience}", f"jwks: {jwks}", *filter(None, [tenant])]
    return f"issuers:\n  {name}:\n" + "".join(f"    {each}\n" for each in lines)


def _under(policy: str, *settings: str) -> str:
    return f"policy: {{{policy}}}\ntenants:\n  demo:\n" + "\n".join(f"    {each}" for each in settings)


_NOTES: Final = "routes: {notes: {default: true}}"

EXAMPLES: Final[dict[str, Example]] = {
    "MG0501": Example(
        mend="Put the value into the environment or a file, and refer to it.",
        broken="server: {cursor_key: a-key-that-stands-in-the-file}",
        mended='server: {cursor_key: "${env:CURSOR_KEY}"}',
        env={"CURSOR_KEY": "a-key-that-nobody-finds-by-trying"},
    ),
    "MG0502": Example(
        mend="Make a key for each caller: `memory-gateway keys new`.",
        broken=_keys(f"id: web, hash: {_HASH}", f"id: batch, hash: {_HASH}"),
        mended=_keys(f"id: web, hash: {_HASH}", f"id: batch, hash: {_OTHER}"),
        file=TENANT,
    ),
    "MG0503": Example(
        mend="Write the time as ISO 8601, year first.",
        broken=_keys(f'hash: {_HASH}, expires: "31.12.2026"'),
        mended=_keys(f'hash: {_HASH}, expires: "2026-12-31T23:59:59Z"'),
        file=TENANT,
    ),
    "MG0504": Example(
        mend="Leave one tenant open and give the others keys.",
        broken="tenants:\n  demo: {auth: {mode: open}, routes: {notes: {default: true}}}\n"
        "  test: {auth: {mode: open}, routes: {notes: {default: true}}}",
        mended="tenants:\n  demo: {auth: {mode: open}, routes: {notes: {default: true}}}\n"
        f"  test:\n    auth: {{api_keys: [{{hash: {_HASH}}}]}}\n    routes: {{notes: {{default: true}}}}",
    ),
    "MG0505": Example(
        mend="Add a key (`memory-gateway keys new`), or open the tenant on a machine of your own.",
        broken="auth: {mode: keys}",
        mended=_keys(f"hash: {_HASH}"),
        file=TENANT,
    ),
    "MG0506": Example(
        mend="Remove the keys, or `mode: open`.",
        broken=f"auth: {{mode: open, api_keys: [{{hash: {_HASH}}}]}}",
        mended=_keys(f"hash: {_HASH}"),
        file=TENANT,
    ),
    "MG0507": Example(
        mend="Give each key an id of its own.",
        broken=_keys(f"id: web, hash: {_HASH}", f"id: web, hash: {_OTHER}"),
        mended=_keys(f"id: web, hash: {_HASH}", f"id: batch, hash: {_OTHER}"),
        file=TENANT,
    ),
    "MG0508": Example(
        mend="Make a longer one: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'.",
        broken='server: {cursor_key: "${file:short}"}',
        mended='server: {cursor_key: "${file:long}"}',
        beside={"short": "swordfish\n", "long": "a-key-that-nobody-finds-by-trying\n"},
    ),
    "MG0509": Example(
        mend="Give an https URL, or the path of a file.",
        broken=_issuer(jwks="http://login.example.com/jwks"),
        mended=_issuer(jwks="https://login.example.com/jwks"),
    ),
    "MG0510": Example(
        mend="Name the claim that says it, or one tenant for all tokens.",
        broken=_issuer(tenant=""),
        mended=_issuer(tenant="claims: {tenant: org_id}"),
    ),
    "MG0511": Example(
        mend="Name an issuer of the gateway file.",
        broken=f"auth: {{issuers: [corp], api_keys: [{{hash: {_HASH}}}]}}",
        mended=f"auth: {{api_keys: [{{hash: {_HASH}}}]}}",
        file=TENANT,
    ),
    "MG0512": Example(
        mend="Keep one entry, with every audience.",
        broken=_issuer(name="web") + _issuer(name="app", audience="app").partition("\n")[2],
        mended=_issuer(name="web", audience="[memory, app]"),
    ),
    "MG0513": Example(
        mend="Make one: python3 -c 'import secrets; print(secrets.token_hex(32))'.",
        broken='receipts: {key: "${file:short}"}',
        mended='receipts: {key: "${file:long}"}',
        beside={"short": "swordfish\n", "long": f"{'5a' * 32}\n"},
    ),
    "MG0520": Example(
        mend="Take the key as `Fernet.generate_key()` makes it, from the environment or a file.",
        broken='defaults: {chain: main, encryption: {type: fernet, key: "${env:MEMORY_KEY}"}}',
        mended='defaults: {chain: main, encryption: {type: fernet, key: "${env:MEMORY_KEY_2}"}}',
        env={"MEMORY_KEY": "short", "MEMORY_KEY_2": "c2l4dGVlbi1ieXRlcy10d2ljZS1hLWtleS0zMmJ5dGU="},
    ),
    "MG0521": Example(
        mend="Say where the key is.",
        broken="keyrings: {main: {root: {type: file}}}\ndefaults: {chain: main, encryption: {keys: main}}",
        mended="keyrings: {main: {root: {type: file, path: root.key}}}\ndefaults: {chain: main, encryption: {keys: main}}",
    ),
    "MG0601": Example(
        mend="Ask for a narrower part in `scope`, or talk to who owns the policy.",
        broken="policy: {widest_scope: user}\ndefaults: {chain: main, scope: agent}",
        mended="policy: {widest_scope: user}\ndefaults: {chain: main, scope: [user, agent]}",
    ),
    "MG0602": Example(
        mend="Return fewer, and let requests ask for fewer: `limits.max_top_k` counts too.",
        broken="policy: {max_top_k: 20}\ndefaults: {chain: main, limits: {max_top_k: 50}}",
        mended="policy: {max_top_k: 20}\ndefaults: {chain: main, limits: {max_top_k: 20}}",
    ),
    "MG0603": Example(
        mend="Set a ttl of that length or less.",
        broken="policy: {max_ttl: 30d}",
        mended="policy: {max_ttl: 30d}\ndefaults: {chain: main, ttl: 30d}",
    ),
    "MG0604": Example(
        mend="Use a provider of the gateway file, or a type that the policy lists.",
        broken=_under(
            "providers: [sqlite]", "providers: {own: {type: memory}}", "chain: own", "auth: {mode: open}", _NOTES
        ),
        mended=_under("providers: [sqlite]", "auth: {mode: open}", _NOTES),
    ),
    "MG0605": Example(
        mend="Give the tenant API keys.",
        broken=_under("open_tenants: false", "auth: {mode: open}", _NOTES),
        mended=_under("open_tenants: false", f"auth: {{api_keys: [{{hash: {_HASH}}}]}}", _NOTES),
    ),
    "MG0606": Example(
        mend="List the module under `plugins.allow` of the gateway file, after reading what it does.",
        broken='strategies: {ours: {type: custom, selector: "acme.ranking:pick"}}\n'
        "defaults: {chain: main, retrieval: {strategy: ours}}",
        mended='plugins: {allow: [acme.ranking]}\nstrategies: {ours: {type: custom, selector: "acme.ranking:pick"}}\n'
        "defaults: {chain: main, retrieval: {strategy: ours}}",
    ),
    "MG0607": Example(
        mend="Give the route the hooks that the policy asks for, in its order; a list of a lower level replaces all.",
        broken="hooks: {mark: {type: stamp}}\npolicy: {hooks: [mark]}",
        mended="hooks: {mark: {type: stamp}}\npolicy: {hooks: [mark]}\ndefaults: {chain: main, hooks: [mark]}",
    ),
    "MG0610": Example(
        mend="Seal what the policy asks for.",
        broken="keyrings: {main: {root: {type: env, name: ROOT_KEY}}}\npolicy: {encryption: {fields: [content]}}",
        mended="keyrings: {main: {root: {type: env, name: ROOT_KEY}}}\n"
        "policy: {encryption: {fields: [content]}}\n"
        "defaults: {chain: main, encryption: {fields: [content]}}",
    ),
    "MG0701": Example(
        mend="Correct the code; `memory-gateway explain-code` lists all.",
        broken="lint: {MG313: error}",
        mended="lint: {MG0313: error}",
    ),
    "MG0702": Example(
        mend="Mend what is wrong; only warnings can be turned off or allowed.",
        broken="lint: {MG0307: off}",
        mended="lint: {MG0309: off}",
    ),
    "MG0703": Example(
        mend="Write `# mgw: allow CODE -- reason`, on the line or the one above.",
        broken="include: [tenant/*.yaml]   # mgw: allow MG0107",
        mended="include: [tenant/*.yaml]   # mgw: allow MG0107 -- mounted in production only",
    ),
    "MG0704": Example(
        mend="Remove the comment.",
        broken="include: [tenants/*.yaml]   # mgw: allow MG0107 -- mounted in production only",
        mended="include: [tenants/*.yaml]",
        beside={"tenants/acme.yaml": tenant()},
    ),
}
