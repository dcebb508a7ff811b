"""Files to checked pages: bytes, text, tree, references, structure, each step with its findings.

A page is all that is known of one file, and depends on nothing but its bytes, what its references stand for, and the
schema. Knows nothing of other files.
"""

import hashlib
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from gateway.config.allowances import Allowance, read_allowances
from gateway.config.codes import found
from gateway.config.diagnostics import Diagnostic, Mark
from gateway.config.located import Located, Where, read_tree
from gateway.config.references import Answers, Leaf, fill, leaves_of
from gateway.config.spelling import one_spelling
from gateway.config.stores import pick
from gateway.config.structure import Checked, Shape
from gateway.config.text import MAX_BYTES, Text, read_text

_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)  # a pipe must not hold us up


class Raw(msgspec.Struct, frozen=True, kw_only=True):
    """The bytes of a file; without them, the finding that says why."""

    data: bytes = b""
    hash: str = ""  # "" where it could not be read
    note: Diagnostic | None = None


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """`sensitive` is None as long as nobody has checked what must not be shown; then nothing is."""

    file: Path
    text: Text | None = None
    located: Located | None = None
    leaves: tuple[Leaf, ...] = ()
    sensitive: frozenset[Where] | None = None
    values: Mapping[str, str] = {}  # referenced value -> the reference it came from
    allowances: tuple[Allowance, ...] = ()
    notes: tuple[Diagnostic, ...] = ()


def read_raw(file: Path) -> Raw:
    """What the file holds now; one byte more than is allowed at most."""
    try:
        handle = os.open(file, _FLAGS)
        try:
            info = os.fstat(handle)
            data = os.read(handle, MAX_BYTES + 1) if stat.S_ISREG(info.st_mode) else None
            while data is not None and len(data) <= MAX_BYTES and (more := os.read(handle, MAX_BYTES + 1 - len(data))):
                data += more
        finally:
            os.close(handle)
    except OSError as error:
        return Raw(note=_unread(file, error))
    if data is None:
        return Raw(note=_unread(file, None))
    return Raw(data=data, hash=hashlib.sha256(data).hexdigest())


def read_page(file: Path, raw: Raw) -> Page:
    """Text and tree, references still in it."""
    if raw.note is not None:
        return Page(file=file, notes=(raw.note,))
    text, notes = read_text(file, raw.data)
    if text is None:
        return Page(file=file, notes=tuple(notes))
    located, more = read_tree(text)
    leaves = leaves_of(located) if located is not None else ()
    allowances, wrong = read_allowances(text)
    return Page(
        file=file,
        text=text,
        located=located,
        leaves=leaves,
        allowances=tuple(allowances),
        notes=(*notes, *more, *wrong),
    )


def check_page(page: Page, answers: Answers, shape: Shape) -> tuple[Page, Checked | None]:
    """References filled in, structure checked, one spelling for each setting; None where the file has no tree."""
    if page.located is None:
        return page, None
    picked = pick(fill(page.located, answers), answers.texts, shape.schemes)
    located = picked.located
    checked = _plain(located, shape)
    notes: Sequence[Diagnostic] = ()
    if checked is None:
        checked = shape.check(located, picked.texts, lenient=_is_open(located.tree))
        notes = checked.diagnostics
        if checked.fits:
            notes = (*notes, *one_spelling(checked.located, list(_layers(checked.located.tree))))
    page = msgspec.structs.replace(
        page,
        located=checked.located,
        sensitive=checked.sensitive | located.muted,
        values=answers.values,
        notes=(*page.notes, *answers.trace.diagnostics, *picked.notes, *notes),
    )
    return page, checked


def _plain(located: Located, shape: Shape) -> Checked | None:
    """The file as it fits without any remark, which nearly all do; None where it takes the long way."""
    if located.muted or shape.shortcut is None:
        return None
    copy = located.copy()
    if one_spelling(copy, list(_layers(copy.tree))):
        return None
    written = shape.shortcut.convert(copy.tree)
    return None if written is None else Checked(located=copy, fits=True, written=written)


def _unread(file: Path, error: OSError | None) -> Diagnostic:
    """In words why a file that could not be read could not be read."""
    hint = "check the path"
    try:
        if not file.is_file():
            why = "it is no regular file" if file.exists() else "it does not exist"
        else:
            why, hint = (error and error.strerror) or "input or output error", "check the path and its permissions"
    except OSError as again:
        why, hint = again.strerror or "input or output error", "check the path and its permissions"
    return found("MG0016", Mark(file, 1, 1), f"the file cannot be read: {why}", hint)


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
