"""Sections with a `type` to Plugged: the class, its decoded options, the embedder it uses."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias, cast

import msgspec

from gateway.config.catalog import GROUPS, Catalog, Group, missing_packages, section_of
from gateway.config.codes import found
from gateway.config.compiled import Plugged
from gateway.config.diagnostics import Diagnostic, Mark
from gateway.config.model import Guarding, Hooking
from gateway.config.suggest import advise
from gateway.config.unit import Unit, decode_unit

Missing: TypeAlias = Mapping[type[Any], tuple[tuple[str, str], ...]]  # class -> modules, each with its extra

COMMON: Final = frozenset({"type", "embedder", "guard", "required", "labels"})
_PROVIDERS: Final = frozenset({"embedder", "guard", "required"})
_HOOKS: Final = frozenset(Hooking.__struct_fields__)
LOCAL: Final = "local"
VOLATILE: Final = "memory"  # the provider that is there when none is declared
NONE: Final = "none"


def key_of(owner: str, name: str) -> str:
    return f"{owner}/{name}" if owner else name


def lacking(catalog: Catalog) -> Missing:
    """What this environment lacks, for every class of a catalogue that lacks something."""
    plugins = (plugin for group in GROUPS for plugin in catalog.of(group).values())
    return {plugin: found for plugin in plugins if (found := tuple(missing_packages(plugin)))}


def read_plugged(
    unit: Unit, group: Group, catalog: Catalog, missing: Missing
) -> tuple[dict[str, Plugged], list[Diagnostic]]:
    """The declarations of one section by their key, and what their plugins refuse. Embedders are joined later."""
    place = section_of(group, unit.owner)
    section: Mapping[str, dict[str, Any]] = getattr(unit.written, place, {})
    out: dict[str, Plugged] = {}
    notes: list[Diagnostic] = []
    for name, entry in section.items():
        plugin = catalog.of(group)[entry["type"]]
        own = COMMON if group == "providers" else COMMON - _PROVIDERS
        own = own | _HOOKS if group == "hooks" else own
        given = {key: value for key, value in entry.items() if key not in own}
        mark = unit.key(place, name)
        notes.extend(_absent(missing.get(plugin, ()), f"{group[:-1]} {name!r}", unit.mark(place, name, "type")))
        try:
            options = msgspec.convert(given, plugin.Options, dec_hook=decode_unit)
        except msgspec.ValidationError as error:
            why = str(error).split(" - at `$")[0]
            notes.append(
                found("MG0208", mark, f"{place}.{name}: {why}", "change the options so that they fit together")
            )
            continue
        notes.extend(_absent(missing_packages(options), f"{group[:-1]} {name!r}", unit.mark(place, name, "type")))
        out[key_of(unit.owner, name)] = Plugged(
            name=name,
            type_name=entry["type"],
            plugin=plugin,
            options=options,
            embedder=_embedder(entry, plugin, options) if group == "providers" else None,
            guard=_guard(entry, plugin, options) if group == "providers" else None,
            required=bool(entry.get("required")),
            hooking=_hooking(entry) if group == "hooks" else None,
            labels=entry.get("labels", {}),
            mark=mark,
            owner=unit.owner,
            key=key_of(unit.owner, name),
        )
    return out, notes


def _absent(lacks: Iterable[tuple[str, str]], who: str, mark: Mark) -> Iterator[Diagnostic]:
    for module, extra in lacks:
        what = f"{who} needs the package {module!r}"
        yield found("MG0801", mark, what, f"pip install 'memory-gateway[{extra}]'")


def _embedder(entry: Mapping[str, Any], plugin: Any, options: Any) -> str:
    """The declared one; else ours, unless the backend understands questions by itself."""
    own = NONE if plugin.capabilities(options).relevant else LOCAL
    return cast("str", entry.get("embedder", own))


def _guard(entry: Mapping[str, Any], plugin: Any, options: Any) -> Guarding | None:
    """The declared one; else the usual one before what is behind a network, and none before what is in this process."""
    written = entry.get("guard")
    if written is None:
        return Guarding() if plugin.capabilities(options).remote else None
    return None if written == NONE else msgspec.convert(written, Guarding, dec_hook=decode_unit)


def _hooking(entry: Mapping[str, Any]) -> Hooking:
    written = {key: value for key, value in entry.items() if key in _HOOKS}
    return msgspec.convert(written, Hooking, dec_hook=decode_unit)


def built_in(group: Group, catalog: Catalog, names: Mapping[str, str]) -> dict[str, Plugged]:
    """Declarations nobody has to write: name -> type, with default options; without those that have none."""
    out: dict[str, Plugged] = {}
    for name, type_name in names.items():
        plugin = catalog.of(group).get(type_name)
        if plugin is None:
            continue
        try:
            options = msgspec.convert({}, plugin.Options, dec_hook=decode_unit)
        except msgspec.ValidationError:
            continue  # it has keys that must be given, so it exists only where it is declared
        out[name] = Plugged(name=name, type_name=type_name, plugin=plugin, options=options, key=name)
    return out


def volatile(written: Mapping[str, object], catalog: Catalog) -> dict[str, Plugged]:
    """What keeps records where a gateway declares nothing that does: the type `memory`, for as long as the process."""
    made = {} if written else built_in("providers", catalog, {VOLATILE: VOLATILE})
    return {name: msgspec.structs.replace(each, embedder=LOCAL) for name, each in made.items()}


def join_embedders(
    providers: Mapping[str, Plugged], embedders: Mapping[str, Plugged], unit: Unit, gateway: Unit
) -> tuple[dict[str, Plugged], list[Diagnostic]]:
    """A unit's providers with the key of their embedder; None for no vectors, or where even the built-in one is not
    there."""
    out: dict[str, Plugged] = {}
    notes: list[Diagnostic] = []
    lost = gateway.lost_names("embedders") if providers else ()
    for key, provider in providers.items():
        name = provider.embedder
        known = name in embedders
        judged = unit.sets("providers", provider.name, "embedder") and not gateway.lost("embedders")
        if name != NONE and not known and judged and name not in lost:
            mark = unit.mark("providers", provider.name, "embedder")
            what = f"providers.{provider.name}: there is no embedder {name!r}"
            notes.append(found("MG0303", mark, what, advise(str(name), [*embedders, NONE])))
        out[key] = msgspec.structs.replace(provider, embedder=name if known else None)
    return out, notes
