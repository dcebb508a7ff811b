"""Which plugin classes exist: an object that is passed around, so that tests and tools can have their own.

Built-in classes are found by their modules: each names its one class in `__all__`. Others come by entry point. Nothing
here imports an optional driver; whether one is there is only asked.
"""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import Any, Final, Literal, TypeAlias

import msgspec

Group: TypeAlias = Literal["providers", "embedders", "strategies", "summarizers", "hooks", "upstreams"]
Plain: TypeAlias = Literal["strategies", "summarizers", "hooks", "upstreams"]

GROUPS: Final[tuple[Group, ...]] = ("providers", "embedders", "strategies", "summarizers", "hooks", "upstreams")
PLAIN: Final[tuple[Plain, ...]] = ("strategies", "summarizers", "hooks", "upstreams")  # nothing is joined to these
AS_THEY_ARE: Final[tuple[Plain, ...]] = ("strategies", "summarizers")  # may be named without being declared
_PACKAGES: Final[dict[Group, str]] = {
    "providers": "gateway.providers",
    "embedders": "gateway.embedders",
    "strategies": "gateway.retrieval.strategies",
    "summarizers": "gateway.summarizers",
    "hooks": "gateway.hooks",
    "upstreams": "gateway.upstreams",
}


class Catalog(msgspec.Struct, frozen=True, kw_only=True):
    """Plugin classes by their `type:`. `problems` says what is installed and cannot be used."""

    providers: Mapping[str, type[Any]] = {}
    embedders: Mapping[str, type[Any]] = {}
    strategies: Mapping[str, type[Any]] = {}
    summarizers: Mapping[str, type[Any]] = {}
    hooks: Mapping[str, type[Any]] = {}
    upstreams: Mapping[str, type[Any]] = {}
    problems: tuple[str, ...] = ()

    @classmethod
    def builtin(cls) -> "Catalog":
        """What comes with this package: the same on every machine, whatever else is installed."""
        groups: dict[Group, Mapping[str, type[Any]]] = {group: dict(_modules(_PACKAGES[group])) for group in GROUPS}
        return cls(**groups, problems=())

    @classmethod
    def installed(cls) -> "Catalog":
        """The built-in classes and those of other packages. A name that is taken stays with who had it first."""
        known = cls.builtin()
        groups: dict[Group, dict[str, type[Any]]] = {group: dict(known.of(group)) for group in GROUPS}
        problems: list[str] = []
        points = entry_points()  # reads what is installed from the disk: once, not for each group
        for group in GROUPS:
            found = points.select(group=f"memory_gateway.{group}")
            for point in sorted(found, key=lambda each: (each.name, each.value)):
                problem = _add(groups[group], point, group)
                if problem:
                    problems.append(problem)
        return cls(**groups, problems=tuple(problems))

    def of(self, group: Group) -> Mapping[str, type[Any]]:
        match group:
            case "providers":
                return self.providers
            case "embedders":
                return self.embedders
            case "strategies":
                return self.strategies
            case "summarizers":
                return self.summarizers
            case "hooks":
                return self.hooks
            case "upstreams":
                return self.upstreams


def section_of(group: Group, owner: str) -> str:
    """The key under which a file declares the plugins of a group. At a tenant's level, `hooks` is the list of those
    that are asked."""
    return "own_hooks" if group == "hooks" and owner else group


def missing_packages(plugin: object) -> Iterator[tuple[str, str]]:
    """The modules a class needs, or its options as they were given, and this environment lacks, each with the extra that
    brings it."""
    requires: Mapping[str, str] = getattr(plugin, "requires", {})
    for module, extra in requires.items():
        try:
            there = find_spec(module) is not None
        except (ImportError, ValueError):  # a parent package is missing, or half there
            there = False
        if not there:
            yield module, extra


def _modules(package: str) -> Iterator[tuple[str, type[Any]]]:
    """The class of every module that names exactly one with a `type_name`, sorted."""
    try:
        root = importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name == package:
            return
        raise
    for info in sorted(pkgutil.iter_modules(root.__path__), key=lambda each: each.name):
        module = importlib.import_module(f"{package}.{info.name}")
        named = [getattr(module, name) for name in getattr(module, "__all__", ())]
        classes: list[Any] = [each for each in named if isinstance(each, type) and hasattr(each, "type_name")]
        if len(classes) == 1:
            yield classes[0].type_name, classes[0]


def _add(known: dict[str, type[Any]], point: EntryPoint, group: str) -> str:
    """Load one entry point into `known`, or say in a sentence why not."""
    what = f"{group} entry point {point.name!r} ({point.value})"
    if point.name in known:
        return f"{what} takes a name that {known[point.name].__module__} has"
    try:
        plugin = point.load()
    except Exception as error:  # noqa: BLE001 -- other people's module may raise anything while it is imported
        return f"{what} cannot be imported: {type(error).__name__}"
    options = getattr(plugin, "Options", None)
    if getattr(plugin, "type_name", None) != point.name or not isinstance(options, type):
        return f"{what} needs type_name = {point.name!r} and an Options struct"
    known[point.name] = plugin
    return ""
