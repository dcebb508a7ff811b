"""`memory-gateway migrate`: the records of tenants from one declared provider to another. Killed, it goes on where it was.

Exit codes: 0 done, 1 a broken configuration or stopped on the way, 2 wrong usage, 3 done but for what the target cannot
hold or take, 4 a provider does not open, 5 the sides differ.
"""

import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import click

from gateway.cli.assembly import now
from gateway.cli.carrying import (
    DIFFERENT,
    PARTLY,
    checked_place,
    checked_provider,
    checked_tenants,
    config_of,
    kinds_told,
    run,
)  # fmt: skip
from gateway.cli.cutover import checked_mirror
from gateway.cli.progress import Progress
from gateway.config.compiled import Config
from gateway.domain.errors import Misconfigured
from gateway.domain.ports import Counted
from gateway.runtime.lending import Lender, capabilities_of, fingerprint_of, pair_of
from gateway.services.moving.comparing import Comparison, Difference
from gateway.services.moving.moving import Moved, Mover, held
from gateway.services.moving.standing import Log
from gateway.services.moving.way import Vectors, Way

_SHOWN: Final = 20  # ids of each sort of difference
_VECTORS: Final = {
    Vectors.KEPT: "vectors go along",
    Vectors.MADE: "vectors are made anew by the embedder of the target",
    Vectors.DROPPED: "vectors stay behind: the target has no embedder",
}


@click.command("migrate")
@click.argument("config", type=click.Path(path_type=Path, exists=True))
@click.option("--from", "source", required=True, metavar="PROVIDER", help="Where the records are.")
@click.option("--to", "target", required=True, metavar="PROVIDER", help="Where they are to be.")
@click.option("--tenant", "names", multiple=True, help="Whose; may be repeated.")
@click.option("--all-tenants", is_flag=True, help="Those of every tenant of the configuration.")
@click.option("--dry-run", is_flag=True, help="Count what there is, and write nothing.")
@click.option("--verify", is_flag=True, help="Compare both sides when everything is copied.")
@click.option("--live", is_flag=True, help="While a gateway mirrors every write: copy and compare until they agree.")
@click.option("--skip-kinds", is_flag=True, help="Leave behind what the target cannot hold, without exit code 3.")
@click.option("--state", type=click.Path(path_type=Path, dir_okay=False),
              help="File that remembers how far it is. Default: migrate-FROM-TO.json, here.")  # fmt: skip
def command(config: Path, source: str, target: str, names: tuple[str, ...], **asked: Any) -> None:
    """Copy records from one provider of CONFIG to another; safe to repeat."""
    if bool(names) == asked["all_tenants"]:
        raise click.UsageError("name tenants with --tenant, or give --all-tenants")
    read = config_of(config)
    tenants = checked_tenants(read, "--tenant", sorted(read.tenants) if asked["all_tenants"] else names)
    _check_pair(
        read, checked_provider(read, "--from", source, tenants), checked_provider(read, "--to", target, tenants)
    )
    edits = checked_mirror(read, source, target, tenants) if asked["live"] else []
    for told in (checked_place(read, "--from", source), checked_place(read, "--to", target)):
        if told and asked["live"]:
            raise click.UsageError(f"--live needs stores that several processes may use: {told}")
        if told:
            click.echo(told, err=True)
    log = Log(_state(asked["state"], source, target), source, target, pair_of(read, source, target, now))
    try:
        log.read()
    except Misconfigured as error:
        raise click.UsageError(f"--state: {error.detail}") from error
    if asked["dry_run"]:
        sys.exit(run(read, lambda lender: _counted(lender, read, source, target, tenants)))
    code = run(read, lambda lender: _moved(lender, read, (source, target), tenants, log, asked))
    if edits and code == 0:
        click.echo("Both sides agree. For the cut-over, edit and reload:")
        for edit in edits:
            click.echo(f"  {edit}")
    sys.exit(code)


def _check_pair(config: Config, source: str, target: str) -> None:
    if source == target:
        raise click.UsageError("--from and --to are the same provider")
    sides = (config.providers[source], config.providers[target])
    one, other = (capabilities_of(config, key).exclusive for key in (source, target))
    if one & other or (sides[0].type_name, sides[0].options) == (sides[1].type_name, sides[1].options):
        raise click.UsageError(f"{source!r} and {target!r} are the same store under two names")


def _state(given: Path | None, source: str, target: str) -> Path:
    return given or Path(f"migrate-{source}-{target}.json".replace("/", "."))


async def _counted(lender: Lender, config: Config, source: str, target: str, tenants: Sequence[str]) -> int:
    """The target is not opened: that would create it."""
    takes, has = capabilities_of(config, target).kinds, capabilities_of(config, source).kinds
    provider = await lender.provider(source)
    way = Way(source=provider, target=provider, kinds=takes & has, left=has - takes)
    for tenant in tenants:
        found = await held(way, tenant, has)
        size = sum(each.bytes for each in found.values())
        go = {kind: each.records for kind, each in found.items() if kind in takes}
        stay = {kind: each.records for kind, each in found.items() if kind not in takes}
        click.echo(f"{tenant}: {kinds_told(go) or 'nothing'} would be copied ({size / 1e6:,.1f} MB of content)")
        if stay:
            click.echo(f"{tenant}: {kinds_told(stay)} would stay behind: {target!r} cannot hold them")
    click.echo(_VECTORS[_vectors(config, source, target)])
    return 0


async def _moved(
    lender: Lender, config: Config, pair: tuple[str, str], tenants: Sequence[str], log: Log, asked: dict[str, Any]
) -> int:
    source, target = pair
    way = await _way(lender, config, source, target)
    total = await _total(way, tenants, log, every=asked["all_tenants"]) if sys.stderr.isatty() else None
    progress = Progress(sys.stderr, time.monotonic, total)
    mover, done = Mover(way, log, now, progress.step), list[Moved]()
    try:
        for tenant in tenants:
            done.append(await mover.move(tenant, verify=asked["verify"], live=asked["live"]))
    finally:
        progress.end()
    for moved in done:
        for line in _told(moved, target):
            click.echo(line)
    if any(moved.differences for moved in done):
        return DIFFERENT
    partly = any(moved.standing.refused or (moved.left and not asked["skip_kinds"]) for moved in done)
    return PARTLY if partly else 0


async def _way(lender: Lender, config: Config, source: str, target: str) -> Way:
    has, takes = capabilities_of(config, source).kinds, capabilities_of(config, target).kinds
    vectors = _vectors(config, source, target)
    return Way(
        source=await lender.provider(source),
        target=await lender.provider(target),
        kinds=has & takes,
        left=has - takes,
        vectors=vectors,
        embedder=await lender.embedder(target) if vectors is Vectors.MADE else None,
    )


def _vectors(config: Config, source: str, target: str) -> Vectors:
    ours, theirs = fingerprint_of(config, source), fingerprint_of(config, target)
    if not theirs:
        return Vectors.DROPPED
    return Vectors.KEPT if ours == theirs else Vectors.MADE


async def _total(way: Way, tenants: Sequence[str], log: Log, *, every: bool) -> int:
    """What is still to be read: by the store's own count where that is of these tenants, else by looking."""
    standings = [each for tenant in tenants if (each := log.of(tenant)) is not None]
    if every and isinstance(way.source, Counted):
        counts = await way.source.count()
        found = sum(each.records for kind, each in counts.items() if kind in way.kinds)
    else:
        found = 0
        for tenant in tenants:
            found += sum(each.records for each in (await held(way, tenant, way.kinds)).values())
    return max(found - sum(each.read for each in standings), 0)


def _told(moved: Moved, target: str) -> Iterator[str]:
    standing, tenant = moved.standing, moved.tenant
    yield f"{tenant}: {standing.read:,} read, {standing.stored:,} stored"
    if moved.left:
        yield f"{tenant}: {kinds_told(moved.left)} left behind: {target!r} cannot hold them"
    if standing.refused:
        yield f"{tenant}: {len(standing.refused):,} that {target!r} does not take: {_ids(standing.refused)}"
    if moved.comparison is not None:
        yield from _compared(moved.comparison, moved.differences)
    if moved.young:
        yield f"{tenant}: {moved.young:,} are on their way: they were written during the last comparison"


def _compared(comparison: Comparison, differences: Sequence[Difference]) -> Iterator[str]:
    tenant = comparison.tenant
    for kind in sorted(comparison.source.keys() | comparison.target.keys()):
        ours, theirs = (
            f"{side[kind].records:,} {side[kind].short()}" if kind in side else "0"
            for side in (comparison.source, comparison.target)
        )
        yield f"{tenant}: {kind}: {'same' if ours == theirs else 'DIFFERENT'}  {ours} | {theirs}"
    sorts = Counter((each.kind, each.sort) for each in differences)
    for (kind, sort), count in sorted(sorts.items()):
        ids = [each.id for each in differences if (each.kind, each.sort) == (kind, sort)]
        yield f"{tenant}: {kind}: {count:,} {sort}: {_ids(ids)}"


def _ids(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _SHOWN:,} more" if len(ids) > _SHOWN else ""
    return f"{', '.join(ids[:_SHOWN])}{more}"
