"""`include:` to the tenant files it names. Patterns are relative to the gateway file; the order means nothing."""

import glob
import os
import stat
from pathlib import Path
from typing import Final

from gateway.config.codes import found
from gateway.config.diagnostics import Diagnostic
from gateway.config.located import Located
from gateway.config.model import GatewayFile

TESTS: Final = ".test.yaml"  # tests of a configuration may lie beside the tenants they are about


def included(file: GatewayFile, located: Located, home: Path) -> tuple[list[Path], list[Diagnostic]]:
    """The files, sorted and each once; hidden ones only where a pattern says so."""
    patterns = (file.include,) if isinstance(file.include, str) else file.include
    files: dict[str, Path] = {}
    notes: list[Diagnostic] = []
    own = located.text.file
    node = own.stat().st_ino if own.exists() else -1
    for index, pattern in enumerate(patterns):
        if not pattern:
            continue
        where = ("include",) if isinstance(file.include, str) else ("include", index)
        plain = not glob.has_magic(pattern)
        names = [pattern] if plain else glob.glob(pattern, root_dir=home, recursive=True)  # noqa: PTH207 -- absolute patterns too
        matched = [path for name in names if _is_tenants(path := home / name, own, node, named=plain)]
        if not matched:
            what = f"no file matches {pattern!r}"
            notes.append(found("MG0107", located.mark(*where), what, f"patterns start at the folder of {own.name}"))
        files.update((str(path), path) for path in matched)
    return [files[name] for name in sorted(files)], notes


def _is_tenants(path: Path, own: Path, node: int, *, named: bool) -> bool:
    """Whether it is a file, or was named as one; and not the gateway's own, whose inode is `node`, once more."""
    try:
        info = os.stat(path)  # noqa: PTH116 -- a third of the time, and there may be many thousands
    except (OSError, ValueError):
        return named
    if info.st_ino == node and path.resolve() == own.resolve():
        return False
    return named or (stat.S_ISREG(info.st_mode) and not path.name.endswith(TESTS))
