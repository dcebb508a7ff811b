"""What one compilation leaves for the next, so that only what changed is read again: a value, handed back by the caller.

A file's part is kept with everything it was made from. Nothing is taken on trust from clocks or sizes: files are read
whole and compared byte for byte, references are looked up again, and only then is what was made before still held true.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from gateway.config.allowances import Allowance
from gateway.config.catalog import Catalog
from gateway.config.diagnostics import Diagnostic, Mark
from gateway.config.part import Ground, Part
from gateway.config.plugs import Missing
from gateway.config.reading import Raw
from gateway.config.references import Leaf, Trace


class Base(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway's file, with all that it was made from. `ground` is None where the file cannot carry tenants."""

    file: Path
    raw: Raw
    leaves: tuple[Leaf, ...]
    trace: Trace
    catalog: Catalog
    missing: Missing
    ground: Ground | None
    read: bool = True  # whether there was a tree to check
    allowances: tuple[Allowance, ...] = ()
    notes: tuple[Diagnostic, ...] = ()  # where there is no ground


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One tenant as it stands in a file. `name` is whom the file says it is for; `owner` is the tenant that was made
    of it, "" where none could be."""

    file: Path
    raw: Raw
    name: str
    leaves: tuple[Leaf, ...] = ()
    trace: Trace = Trace()
    owner: str = ""
    place: Mark | None = None
    allowances: tuple[Allowance, ...] = ()
    notes: tuple[Diagnostic, ...] = ()
    part: Part | None = None  # None where it stands in two places, too


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """How much a compilation did anew."""

    read: int = 0  # files whose bytes were not those of before
    checked: int = 0  # units that were checked, the gateway's own part among them


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    base: Base | None = None
    files: Mapping[Path, Kept] = {}
    inline: Mapping[str, Kept] = {}  # tenants in the gateway's own file
    work: Work = Work()


def same_bytes(one: Raw, other: Raw) -> bool:
    return one.data == other.data and one.note == other.note


def same_references(one: Trace, other: Trace) -> bool:
    return one == other


def same_ground(one: Base | None, other: Base) -> bool:
    """Whether what stands on the one may stand on the other."""
    return one is not None and one.ground is not None and one.ground is other.ground
