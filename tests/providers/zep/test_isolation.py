"""Tenants and users whose names are hostile never meet: what anybody sees is what a plain model says is theirs."""

import asyncio
import random

from gateway.domain.errors import GatewayError
from gateway.domain.ports import Scan, Where
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach, Scope
from gateway.testing.hostile import IDS
from gateway.testing.making import Maker, Time, everything
from tests.providers.zep.places import Server, opened

OPERATIONS = 1_500
TENANTS = 20
KEPT = Where(frozenset({Kind.MEMORY, Kind.MESSAGE}))


async def test_random_operations_of_hostile_names_never_cross(
    server: Server, prefix: str, make: Maker, clock: Time
) -> None:
    chance = random.Random("isolation")
    names = [name for name in IDS if name.strip()]
    tenants = [make.tenant + name for name in chance.sample(names, TENANTS)]
    done = crossings = 0
    async with opened(server, prefix, clock, wait=False) as provider:

        async def live(tenant: str, rng: random.Random) -> None:
            """One tenant, by one operation at a time; what it sees is compared with what it did."""
            nonlocal done, crossings
            scopes = [
                Scope(tenant, "default", rng.choice(names), rng.choice(("", "a")), rng.choice(("", *names[:9])))
                for _ in range(4)
            ]
            held: dict[str, Record] = {}
            for _ in range(OPERATIONS // TENANTS):
                scope = rng.choice(scopes)
                mine = {id_: each for id_, each in held.items() if each.scope == scope}
                match rng.choice(("put", "put", "get", "delete", "scan", "wide", "search")):
                    case "put":
                        kind = rng.choice((Kind.MEMORY, Kind.MESSAGE))
                        id_ = f"{rng.choice(IDS[:12])}-{rng.randrange(4)}"  # the same ids in every tenant
                        old = held.get(id_)
                        record = make.record(
                            f"of {tenant}", scope, id=id_, kind=kind, version=(old.version + 1) if old else 1
                        )
                        allowed = old is None or (old.scope == scope and old.kind is kind)
                        if old is not None and old.scope == scope and old.kind is not kind:
                            continue
                        stored = list(await provider.put([record])) == [True]
                        crossings += stored and not allowed
                        if stored:
                            held[id_] = record
                    case "get":
                        ids = [*held, "nothing"]
                        found = await provider.get(Reach.only(scope), ids)
                        crossings += found != [mine.get(id_) for id_ in ids]
                    case "delete":
                        if held:
                            id_ = rng.choice(list(held))
                            deleted = await provider.delete(Reach.only(scope), [id_])
                            crossings += deleted != (1 if id_ in mine else 0)
                            if deleted:
                                held.pop(id_)
                    case "scan":
                        page = await provider.scan(Reach.only(scope), Scan(where=KEPT, limit=1000))
                        crossings += {each.id: each for each in page.records} != mine
                    case "wide":
                        page = await provider.scan(everything(tenant), Scan(where=KEPT, limit=1000))
                        crossings += {each.id: each for each in page.records} != held
                    case _:
                        hits = await provider.relevant(Reach.only(scope), "whose is it?", KEPT, 50)
                        crossings += any(mine.get(hit.record.id) != hit.record for hit in hits)
                done += 1

        failures = await asyncio.gather(
            *(live(tenant, random.Random(f"{n}")) for n, tenant in enumerate(tenants)), return_exceptions=True
        )
        assert [each for each in failures if isinstance(each, GatewayError | Exception)] == []
    assert done > OPERATIONS * 0.8
    assert crossings == 0
