"""The parts of `memory-gateway keys` that are about what seals records: list, rotate, rewrap, retire, shred.

Exit codes: 0 done, 1 a broken configuration or stopped on the way, 2 wrong usage, 3 refused because old keys are still
needed, 4 a store or a root key does not open.
"""

import os
import sys
from base64 import b64encode
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

import click

from gateway.cli.assembly import now
from gateway.cli.carrying import PARTLY, checked_tenants, config_of, run
from gateway.config.compiled import Config
from gateway.config.sameness import keyring_of
from gateway.runtime.lending import Lender
from gateway.runtime.locksmith import Locksmith
from gateway.sealing.rows import Row
from gateway.services import rekeying

Work = Callable[[Locksmith], Awaitable[int]]

_CONFIG: Final = click.argument("config", type=click.Path(path_type=Path, exists=True))
_TENANT: Final = click.option("--tenant", required=True, help="Whose.")
_KEYRING: Final = click.option("--keyring", help="Only this one. Default: all that the configuration has.")


@click.command("root")
def root() -> None:
    """Print a new root key. It is not stored anywhere: put it where `root:` of a keyring finds it."""
    click.echo(b64encode(os.urandom(32)).decode())


@click.command("ls")
@_CONFIG
@_TENANT
@click.option("--user", help="Only the keys of this user.")
@_KEYRING
def ls(config: Path, tenant: str, user: str | None, keyring: str | None) -> None:
    """List the keys of a tenant, none of which is shown."""
    read = _read(config, tenant)

    async def work(locksmith: Locksmith) -> int:
        for name in _rings(read, keyring, tenant):
            safe = (await locksmith.ring(name)).safe
            above = await safe.of_tenant(tenant) if user is None else []
            for row in [*above, *[each async for each in safe.of_subjects(tenant) if user in (None, each.user)]]:
                click.echo(_told(name, row))
        return 0

    sys.exit(_run(read, work))


@click.group("rotate")
def rotate() -> None:
    """Make a new key; the old one opens until it is retired."""


@rotate.command("root")
@_CONFIG
@_KEYRING
def rotate_root(config: Path, keyring: str | None) -> None:
    """Wrap every tenant's keys by the keyring's `root:`, where one of its `old_roots:` did."""
    read = _read(config)

    async def work(locksmith: Locksmith) -> int:
        for name in _rings(read, keyring):
            ring = await locksmith.ring(name)
            done = await rekeying.rotate_root(ring)
            used = await rekeying.roots_in_use(ring)
            left = sum(count for root, count in used.items() if root != ring.safe.root.id)
            click.echo(f"{name}: {done} keys wrapped anew by {ring.safe.root.id}; {left} left to old roots")
        return 0

    sys.exit(_run(read, work))


@rotate.command("tenant")
@_CONFIG
@_TENANT
@_KEYRING
def rotate_tenant(config: Path, tenant: str, keyring: str | None) -> None:
    """A new key for a tenant; the keys of its subjects are wrapped by it. No record changes."""
    read = _read(config, tenant)

    async def work(locksmith: Locksmith) -> int:
        for name in _rings(read, keyring, tenant):
            done = await rekeying.rotate_tenant(await locksmith.ring(name), tenant)
            click.echo(f"{name}: a new key for {tenant}; {done} keys of subjects wrapped anew")
        return 0

    sys.exit(_run(read, work))


@rotate.command("subject")
@_CONFIG
@_TENANT
@click.option("--user", help="Whose new key. An empty one is what belongs to no user.")
@click.option("--all-users", is_flag=True, help="Everybody who has one.")
@_KEYRING
def rotate_subject(config: Path, tenant: str, user: str | None, all_users: bool, keyring: str | None) -> None:
    """A new key for users of a tenant: it seals from now on. `keys rewrap` brings what is there to it."""
    if (user is None) is not all_users:
        raise click.UsageError("name a user with --user, or give --all-users")
    read = _read(config, tenant)

    async def work(locksmith: Locksmith) -> int:
        for name in _rings(read, keyring, tenant):
            ring = await locksmith.ring(name)
            users = await rekeying.users_of(ring, tenant) if user is None else [user]
            for each in users:
                await rekeying.rotate_subject(ring, tenant, each)
            click.echo(f"{name}: {len(users)} new keys of subjects")
        return 0

    sys.exit(_run(read, work))


@click.command("rewrap")
@_CONFIG
@_TENANT
@_KEYRING
def rewrap(config: Path, tenant: str, keyring: str | None) -> None:
    """Seal by the newest keys whatever older ones sealed, or none, while the gateway serves. Safe to repeat."""
    read = _read(config, tenant)

    async def work(locksmith: Locksmith) -> int:
        for lot in await locksmith.lots(tenant, keyring):
            name = next(iter(lot.keepers))
            done = await rekeying.rewrap(lot, _progress(name))
            click.echo(f"{name}/{lot.space}: {done.read} read, {done.sealed} sealed anew, {done.gone} of shredded keys")
        return 0

    sys.exit(_run(read, work))


@click.command("retire")
@_CONFIG
@_TENANT
@_KEYRING
def retire(config: Path, tenant: str, keyring: str | None) -> None:
    """Take old keys of a tenant out of use for good, if nothing needs them. Refused with the count of what does."""
    read = _read(config, tenant)

    async def work(locksmith: Locksmith) -> int:
        code = 0
        for name in _rings(read, keyring, tenant):
            ring, lots = await locksmith.ring(name), await locksmith.lots(tenant, name)
            wait = max([ring.ttl, *(lot.cached for lot in lots)])
            click.echo(f"{name}: counting twice, {wait:g} s apart", err=True)
            ended, needed = await rekeying.retire(ring, lots, tenant, wait)
            if needed:
                told = f"{sum(needed.values())} records or keys still need {len(needed)} old keys"
                click.echo(f"{name}: refused: {told}; run `keys rewrap` first", err=True)
                code = PARTLY
            else:
                click.echo(f"{name}: {len(ended)} keys retired")
        return code

    sys.exit(_run(read, work))


@click.command("shred")
@_CONFIG
@_TENANT
@click.option("--user", help="Whose keys; without it, all that the tenant has.")
@click.option("--whole-tenant", is_flag=True, help="Nothing of the tenant can ever be opened again.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_KEYRING
def shred(config: Path, tenant: str, user: str | None, **asked: Any) -> None:
    """Destroy keys: what they sealed is lost, in every copy. Prints their fingerprints."""
    if (user is None) is not asked["whole_tenant"]:
        raise click.UsageError("name a user with --user, or give --whole-tenant")
    read = _read(config, tenant)
    if not asked["yes"]:
        whose = f"user {user!r} of tenant {tenant!r}" if user is not None else f"the whole tenant {tenant!r}"
        click.confirm(f"destroy the keys of {whose} for good?", abort=True, err=True)

    async def work(locksmith: Locksmith) -> int:
        for name in _rings(read, asked["keyring"], tenant):
            ring = await locksmith.ring(name)
            prints = await ring.shred_tenant(tenant) if user is None else await ring.shred(tenant, user)
            for each in prints:
                click.echo(f"{name}: {each}")
            click.echo(f"{name}: {len(prints)} keys destroyed; every worker knows within {ring.ttl:g} s", err=True)
        return 0

    sys.exit(_run(read, work))


COMMANDS: Final = (root, ls, rotate, rewrap, retire, shred)


def _read(path: Path, tenant: str | None = None) -> Config:
    read = config_of(path)
    checked_tenants(read, "--tenant", [tenant] if tenant is not None else [])
    return read


def _rings(config: Config, named: str | None, tenant: str | None = None) -> Sequence[str]:
    if named is not None and named not in config.keyrings:
        known = ", ".join(sorted(config.keyrings)) or "none"
        raise click.UsageError(f"--keyring: there is no keyring {named!r}; known: {known}")
    if named is not None:
        return [named]
    routes = [route for each in config.tenants.values() if tenant in (None, each.name) for route in each.routes]
    used = {found.name for route in routes if (found := keyring_of(config, route)) is not None}
    if not used:
        raise click.UsageError("no route is sealed by keys of a keyring")
    return sorted(used)


def _run(config: Config, work: Work) -> int:
    async def lent(lender: Lender) -> int:
        locksmith = Locksmith(config, now, lender)
        try:
            return await work(locksmith)
        finally:
            await locksmith.close()

    return run(config, lent)


def _progress(name: str) -> rekeying.Tell:
    def tell(read: int, sealed: int) -> None:
        click.echo(f"{name}: {read} read, {sealed} sealed anew", err=True)

    return tell


def _told(keyring: str, row: Row) -> str:
    whose = row.user or "-"
    return (
        f"{keyring}  {row.sort.value:<8}{whose:<24}{row.id:<18}version {row.number:<4}under {row.under or '-':<18}"
        f"{row.standing.value:<10}{row.made:%Y-%m-%d %H:%M}  {row.fingerprint}"
    )
