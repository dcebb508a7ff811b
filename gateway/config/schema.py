"""The JSON Schemas of the config language, from the types of `model` and the Options of a catalogue of plugins.

One build serves both sides: the check reads it as it is, editors get it with references allowed in place of values.
Draft 2020-12, nothing remote, and the same text for the same catalogue on every machine.
"""

import json
import sys
from typing import Any, Final, Literal, TypeAlias

from gateway.config.cases.model import CaseFile
from gateway.config.catalog import GROUPS, Catalog, Group, section_of
from gateway.config.dialect import OWN_KEYS, Schema, components, with_references
from gateway.config.model import GatewayFile, Guarding, Hooking, TenantFile
from gateway.config.report.document import report_schema
from gateway.config.stores import KEY as STORE
from gateway.config.stores import schemes_of

File: TypeAlias = Literal["gateway", "tenant", "configtest"]

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
VERSION: Final = 1
_SINGULAR: Final[dict[Group, str]] = {
    "providers": "provider", "embedders": "embedder", "strategies": "strategy", "summarizers": "summarizer",
    "hooks": "hook", "upstreams": "upstream",
}  # fmt: skip
_ROOTS: Final[dict[File, type[Any]]] = {"gateway": GatewayFile, "tenant": TenantFile, "configtest": CaseFile}
_TITLES: Final[dict[File, str]] = {
    "gateway": "Memory Gateway: the gateway's own file",
    "tenant": "Memory Gateway: a file for one tenant",
    "configtest": "Memory Gateway: tests of a configuration",
}


def build_schema(file: File, catalog: Catalog) -> Schema:
    """The schema that the check uses: no references, they are resolved before."""
    definitions = components([_ROOTS[file], Guarding])
    for definition in definitions.values():
        _plug_in(definition)
    for group in GROUPS:
        definitions |= _group(group, catalog)
    name = _ROOTS[file].__name__
    root = definitions.pop(name)
    used = _reachable(root, definitions)
    return {
        "$schema": DRAFT,
        "$id": f"urn:memory-gateway:schema:v{VERSION}:{file}",
        **root,
        "title": _TITLES[file],
        "$defs": {key: definitions[key] for key in sorted(used)},
    }


def published(catalog: Catalog) -> dict[str, str]:
    """File name -> text of every schema that is committed."""
    files: tuple[File, ...] = ("gateway", "tenant", "configtest")
    texts = {
        f"{file}.json": json.dumps(
            _picked(with_references(build_schema(file, catalog)), catalog), indent=2, ensure_ascii=False
        )
        + "\n"
        for file in files
    }
    return {**texts, "diagnostics.json": report_schema()}


def _picked(schema: Schema, catalog: Catalog) -> Schema:
    """Editors see a provider as it may be written: by its type, or by a URL. The check sees it with its type."""
    provider = schema.get("$defs", {}).get("provider")
    if provider is not None:
        about = f"A URL in place of `type:` and the option that takes it: {', '.join(sorted(schemes_of(catalog)))}."
        provider["properties"][STORE] = {"type": "string", "description": about}
        del provider["required"]
        provider["anyOf"] = [{"required": ["type"]}, {"required": [STORE]}]
    return schema


def _plug_in(definition: Schema) -> None:
    """Point the sections with a `type` at the definitions of the plugins."""
    for group in GROUPS:
        for name in {group, section_of(group, "a tenant")}:
            section = definition.get("properties", {}).get(name)
            if section and section.get("additionalProperties") == {"type": "object"}:
                section["additionalProperties"] = {"$ref": f"#/$defs/{_SINGULAR[group]}"}


def _group(group: Group, catalog: Catalog) -> dict[str, Schema]:
    """One definition that picks by `type`, and one for each type."""
    kind = _SINGULAR[group]
    known = dict(sorted(catalog.of(group).items()))
    definitions: dict[str, Schema] = {}
    picks: list[Schema] = []
    for type_name, plugin in known.items():
        key = f"{kind}.{type_name}"
        options = components([plugin.Options], f"{key}.")
        own = options.pop(f"{key}.{plugin.Options.__name__}")
        definitions |= options
        definitions[key] = _entry(kind, type_name, plugin, own)
        told = {"properties": {"type": {"const": type_name}}, "required": ["type"]}
        picks.append({"if": told, "then": {"$ref": f"#/$defs/{key}"}})
    choice: Schema = {"type": "string", "enum": list(known), "description": f"Which kind of {kind}."}
    definitions[kind] = {"type": "object", "properties": {"type": choice}, "required": ["type"]}
    if picks:
        definitions[kind]["allOf"] = picks
    return definitions


def _entry(kind: str, type_name: str, plugin: type[Any], own: Schema) -> Schema:
    """All keys of one declaration: those of the plugin, and those that every declaration of the kind has."""
    common: Schema = {"type": {"const": type_name}}
    if kind == "provider":
        about = "Name of an embedder, or `none` for no vectors."
        common["embedder"] = {"type": "string", "default": "local", "description": about}
        about = "Whether tenants that use it are refused while it is away at the start, instead of waiting for it."
        common["required"] = {"type": "boolean", "default": False, "description": about}
        common["guard"] = {"anyOf": [{"type": "string", "enum": ["none"]}, {"$ref": "#/$defs/Guarding"}]}
    if kind == "hook":
        common |= components([Hooking])["Hooking"]["properties"]
    common["labels"] = {"type": "object", "description": "Free for your own use."}
    required = ["type", *own.get("required", [])]
    about = (sys.modules[plugin.__module__].__doc__ or "").strip().split("\n\n")[0]
    told: Schema = {"description": " ".join(about.split())} if about else {}
    return {
        "title": f"{kind} {type_name}",
        **told,
        "type": "object",
        "properties": {**common, **own.get("properties", {})},
        "required": required,
        "additionalProperties": False,
        "patternProperties": {OWN_KEYS: {}},
    }


def _reachable(node: Any, definitions: dict[str, Schema]) -> set[str]:
    """The names of the definitions that a schema leads to."""
    used: set[str] = set()
    queue: list[Any] = [node]
    while queue:
        each = queue.pop()
        if isinstance(each, list):
            queue.extend(each)  # pyright: ignore[reportUnknownArgumentType] -- JSON
        elif isinstance(each, dict):
            target = each.get("$ref")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] -- JSON
            if isinstance(target, str) and (name := target.removeprefix("#/$defs/")) not in used:
                used.add(name)
                queue.append(definitions[name])
            queue.extend(each.values())  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType] -- JSON
    return used
