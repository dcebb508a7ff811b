"""`include:` to the tenant files it names. Patterns are relative to the gateway file; the order means nothing."""

import glob
from pathlib import Path

from gateway.config.codes import found
from gateway.config.diagnostics import Diagnostic
from gateway.config.located import Located
from gateway.config.model import GatewayFile


def included(file: GatewayFile, located: Located, home: Path) -> tuple[list[Path], list[Diagnostic]]:
    """The files, sorted and each once; hidden ones only where a pattern says so."""
    patterns = (file.include,) if isinstance(file.include, str) else file.include
    files: set[Path] = set()
    notes: list[Diagnostic] = []
    for index, pattern in enumerate(patterns):
        if not pattern:
            continue
        where = ("include",) if isinstance(file.include, str) else ("include", index)
        names = [home / name for name in glob.glob(pattern, root_dir=home, recursive=True)]  # noqa: PTH207 -- absolute patterns too
        plain = not glob.has_magic(pattern)
        matched = [home / pattern] if plain else [path for path in names if path.is_file() and not _is_test(path)]
        matched = [path for path in matched if path.resolve() != located.text.file.resolve()]
        if not matched:
            what = f"no file matches {pattern!r}"
            notes.append(
                found("MG0107", located.mark(*where), what, f"patterns start at the folder of {located.text.file.name}")
            )
        files.update(matched)
    return sorted(files), notes


def _is_test(path: Path) -> bool:
    """Tests of a configuration may lie beside the tenants they are about."""
    return path.name.endswith(".test.yaml")
