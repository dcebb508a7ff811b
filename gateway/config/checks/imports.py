"""Options that name Python code: only modules that the gateway file allows are ever imported."""

from collections.abc import Iterator
from typing import Any, cast

from gateway.config.assembly import Assembly
from gateway.config.catalog import section_of
from gateway.config.codes import found
from gateway.config.diagnostics import Diagnostic, Related
from gateway.domain.units import ImportPath


def imports(assembly: Assembly) -> Iterator[Diagnostic]:
    allowed = assembly.config.plugins.allow
    for section in ("embedders", "providers", "strategies", "summarizers", "hooks", "upstreams"):
        for plugged in assembly.declared(section):
            for name, path in _paths(plugged.options):
                if any(covers(pattern, path.module) for pattern in allowed):
                    continue
                place = section_of("hooks", plugged.owner) if section == "hooks" else section
                at = assembly.unit(plugged.owner).mark(place, plugged.name, name)
                what = f"{place}.{plugged.name}.{name}: the module {path.module!r} may not be imported"
                where = (Related(assembly.gateway.mark("plugins", "allow"), "the modules that may"),) if allowed else ()
                yield found(
                    "MG0606", at, what, f"add it to plugins.allow of the gateway file: [{path.module}]", related=where
                )


def covers(pattern: str, module: str) -> bool:
    """`pkg.*` covers what is below pkg, `pkg` only itself."""
    return module.startswith(pattern[:-1]) if pattern.endswith(".*") else module == pattern


def _paths(options: Any) -> Iterator[tuple[str, ImportPath]]:
    for name in getattr(options, "__struct_fields__", ()):
        value = getattr(options, name)
        for each in cast("list[Any]", value) if isinstance(value, tuple | list) else (value,):
            if isinstance(each, ImportPath):
                yield name, each
        if name == "module" and isinstance(value, str):
            yield name, ImportPath(f"{value}:everything")
