"""Files to checked trees, one after the other, while keeping account of everything that was read.

The account is what the digest is made of, what is watched, and what must never be shown.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import msgspec

from gateway.config.codes import found
from gateway.config.diagnostics import Diagnostic, Mark
from gateway.config.located import Located, Where, read_tree
from gateway.config.references import Rights, resolve
from gateway.config.spelling import one_spelling
from gateway.config.structure import Checked, Shape
from gateway.config.text import MAX_BYTES, Text, read_text


class Account(msgspec.Struct):
    """Grows while files are read. Belongs to one compilation."""

    notes: list[Diagnostic] = []
    files: dict[Path, str] = {}  # -> hash of the bytes, "" where it could not be read
    hashes: list[str] = []  # of referenced values
    texts: dict[Path, Text] = {}
    trees: dict[Path, Located] = {}
    values: dict[str, str] = {}  # value -> the reference it came from
    sensitive: dict[Path, frozenset[Where]] = {}

    def digest(self) -> str:
        sha = hashlib.sha256()
        for part in (*(f"{file}={digest}" for file, digest in sorted(self.files.items())), *self.hashes):
            sha.update(part.encode(errors="surrogateescape") + b"\n")
        return sha.hexdigest()


def read_file(account: Account, file: Path) -> Located | None:
    """The located tree of a file; None, with the reason noted, where there is none."""
    account.files[file] = ""
    try:
        if not file.is_file():
            why = "it is no regular file" if file.exists() else "it does not exist"
            account.notes.append(found("MG0016", Mark(file, 1, 1), f"the file cannot be read: {why}", "check the path"))
            return None
        with file.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        why = error.strerror or "input or output error"
        hint = "check the path and its permissions"
        account.notes.append(found("MG0016", Mark(file, 1, 1), f"the file cannot be read: {why}", hint))
        return None
    account.files[file] = hashlib.sha256(raw).hexdigest()
    text, notes = read_text(file, raw)
    account.notes += notes
    if text is None:
        return None
    account.texts[file] = text
    located, notes = read_tree(text)
    account.notes += notes
    if located is not None:
        account.trees[file] = located
    return located


def check_tree(account: Account, located: Located, shape: Shape, env: Mapping[str, str], rights: Rights) -> Checked:
    """References resolved, structure checked, one spelling for each setting. Every finding goes to the account."""
    resolved = resolve(located, env, rights)
    account.notes += resolved.diagnostics
    account.values |= resolved.values
    account.hashes += resolved.hashes
    account.files |= dict.fromkeys(resolved.files, "")
    checked = shape.check(resolved.located, resolved.texts, lenient=_is_open(resolved.located.tree))
    file = located.text.file
    account.notes += checked.diagnostics
    account.sensitive[file] = checked.sensitive | resolved.located.muted
    if checked.fits:
        account.notes += one_spelling(checked.located, list(_layers(checked.located.tree)))
    account.trees[file] = checked.located
    return checked


def _is_open(tree: Any) -> bool:
    """Whether a tenant of this file asks for no credential: then the file is a quickstart, not a deployment."""
    tenants = [tree, *_below(tree, "tenants").values()]
    return any(_below(tenant, "auth").get("mode") == "open" for tenant in tenants)


def _layers(tree: Any) -> list[Where]:
    """Every place of a file where settings of a layer may stand."""
    roots: list[Where] = [(), *(("tenants", name) for name in _below(tree, "tenants"))]
    places: list[Where] = [*roots, ("defaults",), *(("profiles", name) for name in _below(tree, "profiles"))]
    for root in roots:
        tenant = _below(tree, *root)
        places += [(*root, "routes", name) for name in _below(tenant, "routes")]
    return places


def _below(tree: Any, *where: str | int) -> dict[str, Any]:
    """The mapping at a path; an empty one where there is none."""
    for step in where:
        tree = cast("dict[Any, Any]", tree).get(step) if isinstance(tree, dict) else None
    return cast("dict[str, Any]", tree) if isinstance(tree, dict) else {}
