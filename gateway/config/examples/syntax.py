"""Examples for what is wrong with the text itself."""

from typing import Final

from gateway.config.examples.example import Example, tenant

_DEEP = 70

EXAMPLES: Final[dict[str, Example]] = {
    "MG0001": Example(
        mend="Look at the place and at the lines before it: a bracket, a quote or an indentation is not closed.",
        broken="defaults: {chain: main, retrieval: {top_k: 5}",
        mended="defaults: {chain: main, retrieval: {top_k: 5}}",
    ),
    "MG0002": Example(
        mend="Save the file as UTF-8. Editors call this encoding by that name.",
        broken="labels: {city: Köln}",
        mended="labels: {city: Köln}",
        encoding="latin-1",
        assumes="the file is saved as Latin-1",
    ),
    "MG0003": Example(
        mend="Remove the character, or write its escape in double quotes.",
        broken="labels: {bell: \x07}",
        mended='labels: {bell: "\\u0007"}',
    ),
    "MG0004": Example(
        mend="Indent with spaces; most editors can be told to, by file type.",
        broken="defaults:\n\tchain: main",
        mended="defaults:\n  chain: main",
    ),
    "MG0005": Example(
        mend="Write at least the required keys, or take the file away.",
        broken="# to be written",
        mended=(
            "version: 1\nproviders: {main: {type: memory}}\n"
            "tenants: {demo: {auth: {mode: open}, routes: {notes: {default: true, chain: main}}}}"
        ),
        whole=True,
    ),
    "MG0006": Example(
        mend="Keep one document in a file; put the other into a file of its own and include it.",
        broken="---\ntenant: acme",
        mended="include: tenants/*.yaml",
        beside={"tenants/acme.yaml": tenant()},
    ),
    "MG0007": Example(
        mend="Give each tenant a file of its own, and include them.",
        broken=f"labels: {{about: {'x' * (1 << 20)}}}",
        mended="labels: {about: x}",
    ),
    "MG0008": Example(
        mend="Flatten the part; nothing in the language nests that deep.",
        broken=f"labels: {{a: {'[' * _DEEP}{']' * _DEEP}}}",
        mended="labels: {a: []}",
    ),
    "MG0009": Example(
        mend="Remove or rename one of the two.",
        broken="defaults: {chain: main, ttl: 30d, ttl: 7d}",
        mended="defaults: {chain: main, ttl: 7d}",
    ),
    "MG0010": Example(
        mend="Write the key in quotes.",
        broken="labels: {on-call: {1: ada, 2: bob}}",
        mended='labels: {on-call: {"1": ada, "2": bob}}',
    ),
    "MG0011": Example(
        mend="Share settings with a profile, or repeat them.",
        broken=(
            "defaults: &base {chain: main}\n"
            "tenants: {demo: {<<: *base, auth: {mode: open}, routes: {notes: {default: true}}}}"
        ),
        mended=(
            "profiles: {base: {chain: main}}\n"
            "tenants: {demo: {profiles: [base], auth: {mode: open}, routes: {notes: {default: true}}}}"
        ),
    ),
    "MG0012": Example(
        mend="Remove the tag; put text that looks like a number in quotes.",
        broken="labels: {since: !!timestamp 2026-01-01}",
        mended="labels: {since: 2026-01-01}",
    ),
    "MG0013": Example(
        mend="Define the anchor with & before the alias names it with *.",
        broken="labels: {a: *owner, b: &owner platform}",
        mended="labels: {a: &owner platform, b: *owner}",
    ),
    "MG0014": Example(
        mend="Share settings with profiles or defaults; write the rest out.",
        broken=(
            "labels:\n  a: &a [x, x, x, x, x, x, x, x, x, x]\n  b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\n"
            "  c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\n  d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]\n"
            "  e: [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]"
        ),
        mended="labels: {a: [x, x, x]}",
    ),
    "MG0015": Example(
        mend="Save the file as UTF-8 without a byte order mark.",
        broken="labels: {owner: platform}",
        mended="labels: {owner: platform}",
        encoding="utf-8-sig",
        assumes="the file is saved as UTF-8 with a byte order mark",
    ),
    "MG0016": Example(
        mend="Correct the path, or make the file readable for whom the gateway runs as.",
        broken="include: tenants/amce.yaml",
        mended="include: tenants/acme.yaml",
        beside={"tenants/acme.yaml": tenant()},
    ),
}
