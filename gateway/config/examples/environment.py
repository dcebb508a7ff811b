"""Examples for what the machine lacks that checks or probes, and for config tests."""

from typing import Final

from gateway.config.examples.example import CASES, Example

EXAMPLES: Final[dict[str, Example]] = {
    "MG0801": Example(
        mend="Install the extra that the finding names, here and where the gateway runs.",
        broken="embedders: {small: {type: fastembed}}\nproviders: {main: {type: memory, embedder: small}}",
        mended="providers: {main: {type: memory, embedder: local}}",
        assumes="the package fastembed is not installed",
    ),
    "MG0802": Example(
        mend="Fix or uninstall the package that the finding names.",
        broken="providers: {main: {type: memory}}",
        mended="providers: {main: {type: memory}}",
        assumes="a package is installed that brings a provider named `memory` of its own; mended: it is not",
    ),
    "MG0803": Example(
        mend="Start what the provider needs, or correct its address, its path or its permissions.",
        broken="providers: {main: {type: sqlite, path: gateway.yaml/memories.db}}",
        mended="providers: {main: {type: sqlite, path: data/memories.db}}",
    ),
    "MG0804": Example(
        mend="Correct the model's name or path, and see that its files are there.",
        broken="embedders: {own: {type: tables, path: no-such-folder}}\n"
        "providers: {main: {type: memory, embedder: own}}",
        mended="providers: {main: {type: memory, embedder: local}}",
        assumes="`tables` is an embedder of another package, which reads its vectors from a folder",
    ),
    "MG0805": Example(
        mend="See what keeps it: a firewall that drops, a name that resolves slowly. Or give it more time: --probe-timeout.",
        broken="providers: {main: {type: distant-disk, path: /mnt/far}}",
        mended="providers: {main: {type: memory}}",
        assumes="`distant-disk` is a provider of another package, and its disk does not answer",
    ),
    "MG1001": Example(
        mend="Mend the configuration or the tenant: `memory-gateway validate` shows how.",
        broken="target: gatewey.yaml\ncases: [{name: notes, expect: {route: notes}}]",
        mended="target: gateway.yaml\ncases: [{name: notes, expect: {route: notes}}]",
        file=CASES,
    ),
    "MG1002": Example(
        mend="Correct the tenant's name.",
        broken="tenant: dmeo\ncases: [{name: notes, expect: {route: notes}}]",
        mended="tenant: demo\ncases: [{name: notes, expect: {route: notes}}]",
        file=CASES,
    ),
    "MG1003": Example(
        mend="Correct the key's id, or say instead what the caller is: `as: {roles: [reader]}`.",
        broken="cases: [{name: notes, as: {key: web}, expect: {route: notes}}]",
        mended="cases: [{name: notes, as: {roles: [reader]}, expect: {route: notes}}]",
        file=CASES,
    ),
    "MG1004": Example(
        mend="Correct the name of the route or the path of the setting.",
        broken="cases: [{name: notes, expect: {effective: {retrieval.topk: 10}}}]",
        mended="cases: [{name: notes, expect: {effective: {retrieval.top_k: 10}}}]",
        file=CASES,
    ),
    "MG1005": Example(
        mend="Say what the case is about, so that it can fail.",
        broken="cases: [{name: notes, expect: {}}]",
        mended="cases: [{name: notes, expect: {route: notes}}]",
        file=CASES,
    ),
}
