"""Text to Config: the whole way, in one readable order. Reads files and an environment it is handed; nothing else.

Never raises for anything a file may hold. A tenant that does not hold up is left out and named; only the gateway's own
file can refuse everything.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from gateway.config.allowances import unused
from gateway.config.catalog import PLAIN, Catalog
from gateway.config.checks import ACROSS, ADVICE_ACROSS
from gateway.config.codes import found
from gateway.config.compiled import Compiled, owner_of
from gateway.config.crowd import Crowd
from gateway.config.diagnostics import Diagnostic, Mark, Severity
from gateway.config.finish import finish, in_order
from gateway.config.includes import included
from gateway.config.lint import weigh
from gateway.config.memory import Base, Kept, Memory, Work, same_bytes, same_ground, same_references
from gateway.config.model import GatewayFile
from gateway.config.part import Ground, gateway_part, is_broken
from gateway.config.plugs import lacking
from gateway.config.reading import check_page, read_page, read_raw
from gateway.config.references import Rights, look_up
from gateway.config.shapes import shapes_of
from gateway.config.tenants import Tenants, once
from gateway.config.unit import Unit, decode_unit


def compile_config(path: Path, env: Mapping[str, str], catalog: Catalog, home: Path | None = None) -> Compiled:
    """`path` is the gateway's file, or the folder that holds it as gateway.yaml. `home` is where it belongs, if it lies
    elsewhere: relative paths in options start there.
    """
    return recompile(path, env, catalog, home=home)[0]


def recompile(
    path: Path, env: Mapping[str, str], catalog: Catalog, before: Memory | None = None, *, home: Path | None = None
) -> tuple[Compiled, Memory]:
    """The same, and what makes the next time quick: hand the memory back as `before`.

    The result is what it would be without. Tenants of which nothing has changed are the same objects as before; a
    change of the gateway's own file makes all of them anew.
    """
    before = before or Memory()
    file = path / "gateway.yaml" if path.is_dir() else path
    base = _base(file, env, catalog, before.base, home or file.parent)
    ground = base.ground
    if ground is None:
        account = _account(base, ())
        compiled = Compiled(
            config=None,
            diagnostics=base.notes,
            files=tuple(account.hashes),
            hashes=account.hashes,
            digest=account.digest,
            file=file,
            reached="structure" if base.read else "syntax",
        )
        # What was kept stands on other ground: it is of use again as soon as that is back.
        return compiled, msgspec.structs.replace(before, work=Work(read=1))
    known = before if same_ground(before.base, base) else Memory()
    tenants = Tenants(ground, env, ground.shape)
    paths, unmatched = included(ground.file(), ground.unit.located, file.parent)
    inline = tenants.inline(known.inline)
    files = tenants.files(paths, known.files)
    whole, twice = once((*inline.values(), *files.values()))
    crowd = Crowd(
        gateway=ground.unit,
        home=ground.config.home,
        stakes=[ground.part.stake, *(kept.part.stake for kept in whole if kept.part)],
    )
    notes = [*unmatched, *twice, *(note for check in ACROSS for note in check(crowd))]
    told = [*ground.part.notes]
    told += [note for kept in files.values() for note in kept.notes]
    told += [note for kept in whole if kept.part for note in kept.part.notes]
    allowances = [*base.allowances, *(each for kept in files.values() for each in kept.allowances)]
    if advised := not is_broken((*told, *notes)):
        notes += [note for check in ADVICE_ACROSS for note in check(crowd)]
        told += [note for kept in whole if kept.part for note in kept.part.advice]
        notes += unused(allowances, (*told, *notes))
    told += _finished(notes, ground, tenants, files)
    compiled = _compiled(_account(base, files.values()), ground, whole, files, in_order(told))
    shown, allowed = weigh(compiled.diagnostics, allowances, ground.unit)
    compiled = msgspec.structs.replace(compiled, diagnostics=shown, allowed=allowed, advised=advised)
    fresh = base is not before.base
    work = Work(read=tenants.read + fresh, checked=tenants.checked + fresh)
    return compiled, Memory(base=base, files=files, inline=inline, work=work)


def _base(file: Path, env: Mapping[str, str], catalog: Catalog, before: Base | None, home: Path) -> Base:
    """The gateway's own file; what was made of it before, where nothing it was made from has changed."""
    raw, missing = read_raw(file), lacking(catalog)
    if before is not None and before.file == file and same_bytes(before.raw, raw):
        answers = look_up(before.leaves, file.parent, env, Rights())
        alike = same_references(before.trace, answers.trace)
        if alike and (before.catalog, before.missing) == (catalog, missing):
            return before
    page = read_page(file, raw)
    leaves, answers = page.leaves, look_up(page.leaves, file.parent, env, Rights())
    strange = [found("MG0802", Mark(file, 1, 1), each, "fix or uninstall that package") for each in catalog.problems]
    page, checked = check_page(page, answers, shapes_of(catalog).gateway)
    page = msgspec.structs.replace(page, notes=(*page.notes, *strange))
    ground = None
    if checked is not None and checked.fits:
        written = msgspec.convert(checked.located.tree, GatewayFile, dec_hook=decode_unit)
        unit = Unit(owner="", located=checked.located, root=(), pruned=checked.pruned, written=written)
        shape = shapes_of(catalog).tenant
        ground = gateway_part(unit, page, home, shape, catalog, missing)
    return Base(
        file=file,
        raw=raw,
        leaves=leaves,
        trace=answers.trace,
        catalog=catalog,
        missing=missing,
        ground=ground,
        read=page.located is not None,
        allowances=page.allowances,
        notes=() if ground else finish(page.notes, [page]),
    )


def _finished(
    notes: Sequence[Diagnostic], ground: Ground, tenants: Tenants, files: Mapping[Path, Kept]
) -> list[Diagnostic]:
    """Findings about several units. Each is shown with the pages of the files it names, and of no others."""
    pages = {ground.page.file: ground.page}
    done: list[Diagnostic] = []
    for note in notes:
        named = {note.mark.file, *(each.mark.file for each in note.related)} & files.keys()
        for file in named - pages.keys():
            pages[file] = tenants.page(files[file])
        done += finish([note], [ground.page, *(pages[file] for file in sorted(named))])
    return done


class _Account(msgspec.Struct, frozen=True):
    hashes: Mapping[Path, str]
    digest: str


def _account(base: Base, files: Iterable[Kept]) -> _Account:
    """Everything that was read: each file with its hash, and one digest of it all."""
    sha = hashlib.sha256()
    hashes: dict[Path, str] = {}
    for each in (base, *files):
        hashes[each.file] = each.raw.hash
        sha.update(f"{each.file}={each.raw.hash} {' '.join(each.trace.hashes)}\n".encode(errors="surrogateescape"))
        for file, digest in each.trace.files:
            hashes.setdefault(file, digest)
    return _Account(hashes, sha.hexdigest())


def _compiled(
    account: _Account,
    ground: Ground,
    whole: Sequence[Kept],
    files: Mapping[Path, Kept],
    diagnostics: tuple[Diagnostic, ...],
) -> Compiled:
    """Leave out what is broken: by the place of its errors, each part answers for what is written in it."""
    owners = {file: kept.owner or kept.name for file, kept in files.items()}
    broken: set[str] = set()
    refused = False
    for note in diagnostics:
        if note.severity is not Severity.ERROR:
            continue
        if owner := owner_of(note, ground.page.file, owners):
            broken.add(owner)
        else:
            refused = True
    made = [kept.part for kept in sorted(whole, key=lambda each: each.owner) if kept.part]
    parts = [part for part in made if part.stake.owner not in broken]
    above = ground.config
    config = msgspec.structs.replace(
        above,
        tenants={part.tenant.name: part.tenant for part in parts if part.tenant},
        providers={**above.providers, **{key: each for part in parts for key, each in part.providers.items()}},
        chains={**above.chains, **{key: each for part in parts for key, each in part.chains.items()}},
        **{
            group: {
                **getattr(above, group),
                **{key: each for part in parts for key, each in getattr(part, group).items()},
            }
            for group in PLAIN
        },
        digest=account.digest,
        files=tuple(account.hashes),
        hashes=account.hashes,
    )
    return Compiled(
        config=None if refused else config,
        diagnostics=diagnostics,
        broken=frozenset(broken),
        locked={part.tenant.name: part.tenant for part in made if part.tenant and part.stake.owner in broken},
        files=config.files,
        hashes=account.hashes,
        digest=account.digest,
        file=ground.page.file,
        owners=owners,
        tenants=frozenset({*broken, *(part.stake.owner for part in made)}),
    )
