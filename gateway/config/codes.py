"""Every finding has a stable code. This table says, once, how grave each is and what it means.

Blocks: 00 YAML, 01 references and files, 02 structure, 03 names and routing, 04 meaning, 05 credentials and secrets,
06 policy, 07 lint and allowances, 08 environment, 10 config tests. A code is never reused for something else.
"""

from typing import Final

import msgspec

from gateway.config.diagnostics import Diagnostic, Mark, Related, Severity

E: Final = Severity.ERROR
W: Final = Severity.WARNING


class Code(msgspec.Struct, frozen=True):
    title: str
    severity: Severity
    about: str


CODES: Final[dict[str, Code]] = {
    "MG0001": Code("not YAML", E, "The text cannot be read as YAML. Only the first such place of a file is known."),
    "MG0002": Code("not UTF-8", E, "Files are UTF-8. Save the file again in that encoding."),
    "MG0003": Code("control character", E, "NUL and other control characters have no place in YAML; write escapes."),
    "MG0004": Code("tab in the indentation", E, "YAML is indented with spaces; a tab has no agreed width."),
    "MG0005": Code("empty file", E, "A file without any key configures nothing, and is most often half written."),
    "MG0006": Code("several documents", E, "A file holds one document; a second one after `---` would be ignored."),
    "MG0007": Code("file too large", E, "A file may have up to 1 MiB."),
    "MG0008": Code("nested too deep", E, "Nothing in the language nests deeper than 64 levels, aliases included."),
    "MG0009": Code("duplicate key", E, "Many readers keep the last of two equal keys, silently. Here it is an error."),
    "MG0010": Code("key is not text", E, "A key such as 1, true or null means different things to different readers."),
    "MG0011": Code("merge key", E, "`<<` left YAML with version 1.2. Profiles share settings and show where from."),
    "MG0012": Code(
        "tag", E, "Tags ask the reader to build objects. Only text, numbers, true, false and null exist here."
    ),
    "MG0013": Code("alias", E, "An alias must name an anchor that stands before it and is complete."),
    "MG0014": Code("aliases expand too far", E, "Aliases may make a file 50 times larger, and up to 200,000 values."),
    "MG0015": Code("byte order mark", W, "UTF-8 needs none; some tools take it for a part of the first key."),
    "MG0016": Code("file cannot be read", E, "The file is missing, no regular file, or not readable by this process."),
    "MG0101": Code("variable not set", E, "`${env:NAME}` names a variable the process does not have. All are listed."),
    "MG0102": Code(
        "referenced file", E, "`${file:...}` names a file that is missing, unreadable, no text or too large."
    ),
    "MG0103": Code("unknown store", E, "References start with `env:` or `file:`; nothing else is a store of values."),
    "MG0104": Code("malformed reference", E, "A reference is `${env:NAME}`, `${env:NAME:-default}` or `${file:path}`."),
    "MG0105": Code(
        "variable of others", E, "Tenant files may use TENANT_<NAME>_* and what `secrets.tenant_env` lists."
    ),
    "MG0106": Code("file out of bounds", E, "Tenant files may only reference files below the gateway file's folder."),
    "MG0107": Code("include matches nothing", W, "A pattern of `include:` finds no file: a typo, or an empty mount."),
    "MG0201": Code("wrong type", E, "The value is of another type than the key takes."),
    "MG0202": Code("unknown key", E, "The key means nothing here. Own keys go under `labels` or start with `x-`."),
    "MG0203": Code("missing key", E, "The mapping lacks a key without which it means nothing."),
    "MG0204": Code("unknown word", E, "The key takes one of a few words, and this is none of them."),
    "MG0205": Code("out of range", E, "The number, text or list is smaller or larger than the key takes."),
    "MG0206": Code("wrong form", E, "The text or name does not have the form that its place asks for."),
    "MG0207": Code("nothing given", E, "The key has no value. null is only taken where a key can be unset."),
    "MG0208": Code("options refused", E, "The options are well formed, but the plugin says they do not fit together."),
    "MG0209": Code("two spellings", E, "Two spellings of the same key stand side by side; which holds is not decided."),
    "MG0210": Code("unknown scheme", E, "A provider is picked by a URL, and no provider has its scheme."),
    "MG0301": Code("unknown chain", E, "No chain, and no provider that would stand alone, has this name."),
    "MG0302": Code("unknown provider", E, "No provider of the gateway or this tenant has this name."),
    "MG0303": Code(
        "unknown embedder", E, "No embedder has this name; `none` stands for no vectors, `local` is built in."
    ),
    "MG0304": Code("unknown strategy", E, "No strategy is built in or declared under this name."),
    "MG0305": Code("unknown profile", E, "No profile of the gateway file has this name."),
    "MG0306": Code("name taken", E, "Chains and providers share their names, and tenants never shadow the gateway's."),
    "MG0307": Code(
        "routes tie", E, "Some request fits two routes of equal priority and specificity; order never decides."
    ),
    "MG0308": Code("two defaults", E, "Two default routes of a tenant hold the same kinds."),
    "MG0309": Code("no default", W, "Requests of a kind that no route takes are answered with 404."),
    "MG0310": Code(
        "file name", W, "A tenant's file is named after the tenant, so that each is found where it is looked for."
    ),
    "MG0311": Code("tenant twice", E, "The same tenant stands in two places. Neither is served until one is gone."),
    "MG0312": Code("no chain", E, "Nothing says where the route keeps its records: no `chain` at any level."),
    "MG0313": Code("unused", W, "Something is declared that nothing refers to."),
    "MG0314": Code("no tenants", W, "Without a tenant no request can be answered."),
    "MG0315": Code(
        "default with match", E, "A default takes what is left over, so it has neither a match nor a priority."
    ),
    "MG0316": Code(
        "star within a pattern", E, "A pattern is a literal or a prefix; `*` is only understood at its end."
    ),
    "MG0317": Code("not one primary", E, "A chain has exactly one primary step: the provider that holds the records."),
    "MG0318": Code(
        "never reached", E, "With a priority below 0 the default takes every request before this route does."
    ),
    "MG0319": Code("key of another role", E, "A step has a key that means nothing for its role."),
    "MG0320": Code("provider twice", E, "A provider has two parts in one chain."),
    "MG0321": Code("unknown hook", E, "No hook of the gateway or this tenant has this name."),
    "MG0322": Code("hook twice", E, "A level lists a hook twice; each is asked once, in the order of the list."),
    "MG0323": Code("unknown upstream", E, "No upstream of the gateway or this tenant has this name."),
    "MG0324": Code("unknown summarizer", E, "No summarizer is built in or declared under this name."),
    "MG0325": Code("unknown archive", E, "No provider of the gateway or this tenant has this name."),
    "MG0326": Code("nothing kept", W, "Without a provider, records live in memory and end with the process."),
    "MG0330": Code("unknown keyring", E, "The gateway file declares no keyring of this name."),
    "MG0401": Code("no vectors", E, "The strategy ranks by meaning, and the chain's provider keeps no vectors."),
    "MG0402": Code("kinds not held", E, "The chain's provider cannot keep the kinds the route is for."),
    "MG0403": Code("metadata schema", E, "`metadata_schema` is no valid JSON Schema, or refers to something outside."),
    "MG0404": Code("filter", E, "`retrieval.filters` or `retention.archive_if` cannot be read as a filter."),
    "MG0405": Code("scope contradicts itself", E, "A part stands in two lists of `scope`, or twice in one."),
    "MG0406": Code("identity template", E, "A template names a variable that no request has."),
    "MG0407": Code("text template", E, "`session.id` or `context.item` names a field that does not exist there."),
    "MG0408": Code("resource shared", E, "Two providers would open something that only one may hold."),
    "MG0409": Code("limit below setting", E, "A setting of the route is beyond the route's own limit."),
    "MG0410": Code(
        "other vectors",
        E,
        "A step's provider works with another embedder than the primary, so it cannot stand in for it.",
    ),
    "MG0411": Code(
        "hook never asked", E, "A word of `on:` means nothing for the hook's type, so it would never be asked there."
    ),
    "MG0413": Code("proxy without memories", E, "A language model is told memories, and this route holds none."),
    "MG0430": Code(
        "sealing contradicts itself", E, "A field that cannot be sealed, or a part of `encryption` that lacks another."
    ),
    "MG0431": Code("index of few values", W, "Whoever sees which of a few values are equal nearly sees the values."),
    "MG0432": Code(
        "sealed apart",
        E,
        "Two routes keep records in one place and seal them differently: one finds the other's damaged.",
    ),
    "MG0433": Code("search over sealed content", E, "What a backend does not see it cannot search; the gateway can."),
    "MG0434": Code(
        "readable vectors", W, "A text can be guessed from its vector, so sealing the text alone hides little."
    ),
    "MG0440": Code(
        "overflow contradicts itself", E, "A session overflows by limits; what they say does not fit together."
    ),
    "MG0441": Code("no archive", E, "Something is to be archived, and no `retention.archive` says where."),
    "MG0442": Code(
        "archive unfit",
        E,
        "The archive is part of the chain, loses what it holds, or cannot keep what the route holds.",
    ),
    "MG0443": Code("nothing to hand over to", E, "`on_overflow: plugin` needs a summarizer of the type custom."),
    "MG0444": Code("ended before its age", W, "Records end by their ttl, unarchived, before they reach max_age_days."),
    "MG0501": Code("secret in the file", E, "Secrets come from references, so that files can be shown and shared."),
    "MG0502": Code("key used twice", E, "Two API keys have one hash: the same credential would mean two callers."),
    "MG0503": Code(
        "expiry", E, "`not_before` and `expires` are ISO 8601 times, and the first comes before the second."
    ),
    "MG0504": Code("two open tenants", E, "Requests without a credential can only belong to one tenant."),
    "MG0505": Code("no credentials", W, "The tenant is not open and has no API key, so nobody can be its caller."),
    "MG0506": Code("open with keys", E, "`mode: open` asks for no credential, so the keys beside it protect nothing."),
    "MG0507": Code("key id twice", E, "Two keys of a tenant share an id; logs could not tell them apart."),
    "MG0508": Code("short cursor key", E, "Whoever finds the key by trying can make page cursors of their own."),
    "MG0509": Code(
        "keys in danger", E, "An issuer's keys come over https or from a file: with others, anyone could sign."
    ),
    "MG0510": Code(
        "tenant of a token", E, "Either a claim says whose callers an issuer's tokens are, or one tenant is named."
    ),
    "MG0511": Code("unknown issuer", E, "A tenant believes an issuer that the gateway file does not declare."),
    "MG0512": Code("issuer twice", E, "Two entries take the tokens of one issuer; which would hold is not decided."),
    "MG0513": Code("receipt key", E, "`receipts.key` is no Ed25519 private key, so no receipt could be signed."),
    "MG0520": Code("Fernet key", E, "`type: fernet` needs keys of 32 bytes in url-safe base64."),
    "MG0521": Code("root key without source", E, "A root of a keyring does not say where its key comes from."),
    "MG0601": Code("scope too wide", E, "The route's scope is wider than `policy.widest_scope` allows."),
    "MG0602": Code("too many results", E, "The route returns more than `policy.max_top_k` allows."),
    "MG0603": Code("kept too long", E, "`policy.max_ttl` asks for a ttl on every route, up to that long."),
    "MG0604": Code("provider type not allowed", E, "`policy.providers` lists the types that tenants may declare."),
    "MG0605": Code("open tenant not allowed", E, "`policy.open_tenants: false` asks every tenant for credentials."),
    "MG0606": Code("import not allowed", E, "Code is only imported from modules that `plugins.allow` lists."),
    "MG0607": Code("hook not in place", E, "`policy.hooks` asks every route for hooks, in that order."),
    "MG0610": Code(
        "not sealed enough", E, "`policy.encryption` says what every route must seal, and how it may keep vectors."
    ),
    "MG0701": Code("unknown code", W, "`lint` or an allowance names a code that no finding has, so it does nothing."),
    "MG0702": Code(
        "not to be lowered", W, "What has an error cannot be served, so no setting and no comment hides it."
    ),
    "MG0703": Code(
        "allowance without reason", W, "An allowance says which codes and why; without that it does nothing."
    ),
    "MG0704": Code("unused allowance", W, "Nothing is found at this place any more that the comment would allow."),
    "MG0801": Code("package missing", E, "A plugin needs an optional package that is not installed here."),
    "MG0802": Code("plugin cannot be used", E, "An installed plugin is broken, or takes the name of another one."),
    "MG0803": Code(
        "provider does not open", E, "With `--probe`: a declared provider could not be opened as `serve` would."
    ),
    "MG0804": Code(
        "embedder does not open", E, "With `--probe`: a declared embedder could not be opened as `serve` would."
    ),
    "MG0805": Code(
        "no answer in time", E, "With `--probe`: a provider or embedder was still opening when time ran out."
    ),
    "MG1001": Code("nothing to test", E, "The configuration or tenant that a test is about is broken, or not there."),
    "MG1002": Code("test of no tenant", E, "A case names a tenant that the configuration does not have."),
    "MG1003": Code("test of no key", E, "A case calls with an API key that its tenant does not have."),
    "MG1004": Code("test of nothing", E, "A case names a route or a setting that does not exist, so it says nothing."),
    "MG1005": Code("test makes no sense", E, "A case contradicts itself, repeats a name, or expects nothing at all."),
}

SOMETIMES: Final = frozenset({"MG0501"})  # errors that are warnings where less is at stake


def can_be_lowered(code: str) -> bool:
    """Whether findings of this code may be warnings, which `lint` and allowances are for."""
    return CODES[code].severity is W or code in SOMETIMES


def found(
    code: str,
    mark: Mark,
    message: str,
    hint: str = "",
    *,
    related: tuple[Related, ...] = (),
    severity: Severity | None = None,
) -> Diagnostic:
    """A finding at a place. Its pointer and excerpt are filled in at the end, for all findings alike."""
    grave = severity or CODES[code].severity
    return Diagnostic(code=code, severity=grave, mark=mark, path="", message=message, hint=hint, related=related)
