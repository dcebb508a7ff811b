"""The tenants of a gateway: those that stand in its own file, and those in files it includes. What was kept of them is
held against what is there now; only what differs is made again.
"""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, cast

import msgspec

from gateway.config.codes import found
from gateway.config.crowd import others
from gateway.config.diagnostics import Diagnostic
from gateway.config.finish import finish
from gateway.config.located import Located
from gateway.config.memory import Kept, same_bytes, same_references
from gateway.config.model import TenantFile
from gateway.config.part import Ground, Part, Parts
from gateway.config.reading import Page, Raw, check_page, read_page, read_raw
from gateway.config.references import NOTHING, Answers, Leaf, Rights, look_up
from gateway.config.structure import Shape
from gateway.config.unit import Unit, decode_unit


class Tenants:
    """One compilation's way from files to parts. `read` and `checked` count what was made anew."""

    def __init__(self, ground: Ground, env: Mapping[str, str], shape: Shape) -> None:
        self.read = 0
        self.checked = 0
        self._ground = ground
        self._env = env
        self._shape = shape
        self._parts = Parts(ground)
        self._answers = dict[Path, Answers]()

    def files(self, paths: Iterable[Path], before: Mapping[Path, Kept]) -> dict[Path, Kept]:
        """Each file as it is now. Where nothing it was made from has changed, what was kept is handed back itself."""
        out = dict[Path, Kept]()
        waiting = dict[Path, tuple[Raw, Page]]()  # for the names of all, on which rights depend
        names = dict[Path, str]()
        for path in paths:
            old, raw = before.get(path), read_raw(path)
            if old is not None and same_bytes(old.raw, raw):
                out[path], names[path] = old, old.name
                continue
            self.read += 1
            page = read_page(path, raw)
            names[path] = _name(page.located) or path.stem
            if page.leaves:
                waiting[path] = raw, page
                out[path] = Kept(file=path, raw=raw, name=names[path])  # holds the place
            else:
                out[path] = self._made(page, raw, names[path], NOTHING)
        rights = self._rights(names.values())
        for path, kept in out.items():
            if path in waiting:
                raw, page = waiting.pop(path)
                out[path] = self._made(page, raw, kept.name, self._look_up(path, page.leaves, rights(kept.name)))
            elif kept.leaves:
                answers = self._look_up(path, kept.leaves, rights(kept.name))
                if not same_references(kept.trace, answers.trace):
                    out[path] = self._made(read_page(path, kept.raw), kept.raw, kept.name, answers)
        return out

    def inline(self, before: Mapping[str, Kept]) -> dict[str, Kept]:
        """Those in the gateway's own file: nothing of them changes without the ground changing."""
        page, unit, tenants = self._ground.page, self._ground.unit, self._ground.file().tenants
        out = dict[str, Kept]()
        for name, written in tenants.items():
            kept = before.get(name)
            if kept is None:
                tree = json.dumps(unit.located.tree["tenants"][name], sort_keys=True)
                own = msgspec.structs.replace(unit, owner=name, root=("tenants", name), written=written)
                seal = hashlib.sha256(tree.encode()).hexdigest()
                part = self._part(own, page, seal)
                kept = Kept(file=page.file, raw=Raw(), name=name, owner=name, place=own.place(), part=part)
            out[name] = kept
        return out

    def page(self, kept: Kept) -> Page:
        """The page once more, from what was kept: for the few findings that are about more than one tenant."""
        if kept.file == self._ground.page.file:
            return self._ground.page
        page = read_page(kept.file, kept.raw)
        return check_page(page, self._answers.get(kept.file, NOTHING), self._shape)[0]

    def _made(self, page: Page, raw: Raw, name: str, answers: Answers) -> Kept:
        page, checked = check_page(page, answers, self._shape)
        kept = Kept(
            file=page.file,
            raw=raw,
            name=name,
            leaves=page.leaves,
            trace=answers.trace,
            allowances=page.allowances,
        )
        around = (self._ground.page, page)
        if checked is None or not checked.fits:
            return msgspec.structs.replace(kept, notes=finish(page.notes, around))
        located = checked.located
        written = checked.written or msgspec.convert(located.tree, TenantFile, dec_hook=decode_unit)
        assert isinstance(written, TenantFile)  # noqa: S101 -- the struct of the shape
        unit = Unit(owner=written.tenant, located=located, root=(), pruned=checked.pruned, written=written)
        seal = hashlib.sha256("\n".join([raw.hash, *answers.trace.hashes]).encode()).hexdigest()
        return msgspec.structs.replace(
            kept,
            owner=unit.owner,
            place=unit.place(),
            notes=finish([*page.notes, *_misnamed(unit)], around),
            part=self._part(unit, page, seal),
        )

    def _part(self, unit: Unit, page: Page, seal: str) -> Part:
        self.checked += 1
        return self._parts.make(unit, page, seal)

    def _look_up(self, path: Path, leaves: Sequence[Leaf], rights: Rights) -> Answers:
        answers = self._answers[path] = look_up(leaves, path.parent, self._env, rights)
        return answers

    def _rights(self, names: Iterable[str]) -> Callable[[str], Rights]:
        """What the file of a tenant may reference. `a` gets no `TENANT_A_B_X` where there is a tenant `a-b`."""
        file, home = self._ground.file(), self._ground.config.home.resolve()
        prefixes = sorted({_prefix(name) for name in (*names, *file.tenants)})

        def rights(name: str) -> Rights:
            own = _prefix(name)
            longer = prefixes[bisect_right(prefixes, own) :]
            taken = tuple(takewhile(lambda each: each.startswith(own), longer))
            return Rights(env=(f"{own}*", *file.secrets.tenant_env), taken=taken, below=home)

        return rights


def once(everyone: Iterable[Kept]) -> tuple[list[Kept], list[Diagnostic]]:
    """The tenants that stand in one place only; for the others, each place is told of the other."""
    known = dict[str, list[Kept]]()
    for kept in everyone:
        if kept.owner:
            known.setdefault(kept.owner, []).append(kept)
    notes: list[Diagnostic] = []
    for name, places in known.items():
        if len(places) == 1:
            continue
        marks = [(each.place, "and here") for each in places if each.place]
        what = f"the tenant {name!r} stands in more than one place"
        notes += [found("MG0311", mark, what, "keep one of them", related=others(marks, mark)) for mark, _ in marks]
    return [places[0] for places in known.values() if len(places) == 1], notes


def _misnamed(unit: Unit) -> Iterable[Diagnostic]:
    file = unit.located.text.file
    if file.stem != unit.owner:
        what = f"the file {file.name} holds the tenant {unit.owner!r}"
        yield found("MG0310", unit.place(), what, f"name it {unit.owner}.yaml")


def _name(located: Located | None) -> str:
    tree: Any = located.tree if located else None
    name: Any = cast("dict[str, Any]", tree).get("tenant") if isinstance(tree, dict) else None
    return name if isinstance(name, str) else ""


def _prefix(tenant: str) -> str:
    return f"TENANT_{tenant.upper().replace('-', '_')}_"
