"""Examples for references to the environment, to files, and for includes."""

from typing import Final

from gateway.config.examples.example import TENANT, Example, tenant

EXAMPLES: Final[dict[str, Example]] = {
    "MG0101": Example(
        mend="Set the variable where the gateway runs, or give it a default: `${env:NAME:-text}`.",
        broken='server: {cursor_key: "${env:CURSOR_KEI}"}',
        mended='server: {cursor_key: "${env:CURSOR_KEY}"}',
        env={"CURSOR_KEY": "a-key-that-nobody-finds-by-trying"},
        assumes="CURSOR_KEY is set, and CURSOR_KEI is not",
    ),
    "MG0102": Example(
        mend="Correct the path, which starts at the folder of the file it is written in; one value per file.",
        broken='labels: {owner: "${file:owner}"}',
        mended='labels: {owner: "${file:names/owner}"}',
        beside={"names/owner": "platform\n"},
    ),
    "MG0103": Example(
        mend="Write `env:` or `file:`. Whatever mounts secrets as files or variables serves both.",
        broken='labels: {owner: "${vault:owner}"}',
        mended='labels: {owner: "${file:names/owner}"}',
        beside={"names/owner": "platform\n"},
    ),
    "MG0104": Example(
        mend="Write `${env:NAME}`; where a dollar sign is meant, double it: `$$`.",
        broken='labels: {owner: "${OWNER}"}',
        mended='labels: {owner: "${env:OWNER}"}',
        env={"OWNER": "platform"},
    ),
    "MG0105": Example(
        mend="Name the variable TENANT_<NAME>_..., or list it under `secrets.tenant_env` of the gateway file.",
        broken='labels: {region: "${env:REGION}"}',
        mended='labels: {region: "${env:TENANT_ACME_REGION}"}',
        file=TENANT,
        env={"REGION": "north", "TENANT_ACME_REGION": "north"},
    ),
    "MG0106": Example(
        mend="Keep the file below the folder of the gateway file, or declare what needs it in the gateway file.",
        broken='labels: {host: "${file:/etc/hostname}"}',
        mended='labels: {host: "${file:host}"}',
        file=TENANT,
        beside={"tenants/host": "north-1\n"},
    ),
    "MG0107": Example(
        mend="Correct the pattern, which starts at the folder of the gateway file; or take it away.",
        broken="include: [tenant/*.yaml]",
        mended="include: [tenants/*.yaml]",
        beside={"tenants/acme.yaml": tenant()},
    ),
}
