"""Many tenants whose users, agents and runs go by the same hostile names, and who owns what among them.

Each owner has a canary: a word that is in all its contents, metadata and some of its ids, and in nobody else's.
"""

import hashlib
import random
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from gateway.auth.keys import hash_key, new_key
from gateway.domain.principal import Principal, Role
from gateway.testing.hostile import IDS

Space: TypeAlias = Literal["mine", "shared", "runs", "talks"]
ROLES: Final = frozenset({Role.READER, Role.WRITER, Role.ERASER})

# Names that begin alike, or would be alike if somebody folded, joined or matched them.
NAMES: Final = ("t", "t1", "t10", "t-1", "t_1", "t1-0", "t1_0", "a", "a-b", "a_b")

MARKED: Final = "{type: by_category, categories: [spring, autumn]}"


class Owner(msgspec.Struct, frozen=True, order=True):
    """Whose a memory is. Which parts there are is the space's own rule."""

    tenant: str
    space: Space
    user: str = ""
    agent: str = ""
    run: str = ""

    @property
    def canary(self) -> str:
        raw = msgspec.json.encode(self)
        return "canary" + hashlib.sha256(raw).hexdigest()[:16]


class Key(msgspec.Struct, frozen=True):
    text: str
    principal: Principal


class Member(msgspec.Struct, frozen=True):
    """One tenant with its keys: the first may name any user, the second is bound to one."""

    name: str
    users: tuple[str, ...]
    agents: tuple[str, ...]
    runs: tuple[str, ...]
    free: Key
    bound: Key

    def owners(self) -> list[Owner]:
        return [
            *(Owner(self.name, "mine", user=user) for user in self.users),
            *(Owner(self.name, "shared", agent=agent) for agent in self.agents),
            *(
                Owner(self.name, "runs", user, agent, run)
                for user in self.users[:2]
                for agent in ("", *self.agents[:1])
                for run in ("", *self.runs)
            ),
        ]


def covers(asked: Owner, owner: Owner) -> bool:
    """Whether a request in the name of `asked` may see what `owner` has. Written anew here, to check the gateway's."""
    if (asked.tenant, asked.space, asked.user) != (owner.tenant, owner.space, owner.user):
        return False
    free = asked.space == "runs"
    return (asked.agent == owner.agent or (free and not asked.agent)) and (
        asked.run == owner.run or (free and not asked.run)
    )


def members(number: int, rng: random.Random) -> list[Member]:
    names = [*NAMES, *(f"{NAMES[n % 10]}x{n}" for n in range(10, 200))][:number]
    return [_member(name, rng) for name in names]


def _member(name: str, rng: random.Random) -> Member:
    own = "u-canary" + hashlib.sha256(name.encode()).hexdigest()[:16]  # an id that only this tenant has
    users = ("alice", own, *rng.sample(IDS, 4))
    return Member(
        name=name,
        users=tuple(dict.fromkeys(users)),
        agents=("alice", *rng.sample(IDS, 1)),
        runs=("alice", *rng.sample(IDS, 1)),
        free=_key(name, "free", "", rng),
        bound=_key(name, "bound", "alice", rng),
    )


def _key(tenant: str, id_: str, user: str, rng: random.Random) -> Key:
    # Keys of all tenants go by the same public names, as nothing forbids that.
    return Key(new_key(rng.randbytes).text, Principal(id=id_, tenant=tenant, roles=ROLES, user=user))


def configuration(made: Sequence[Member], provider: str) -> str:
    """One gateway for all of them, on one provider."""
    lines = ["version: 1", "providers:", f"  main: {{{provider}}}", "strategies:", f"  marked: {MARKED}", "tenants:"]
    for each in made:
        lines += [f"  {each.name}:", "    auth:", "      api_keys:"]
        for key in (each.free, each.bound):
            bound = f", user: {key.principal.user}" if key.principal.user else ""
            hashed = f"sha256:{hash_key(key.text)}"
            lines.append(
                f"        - {{hash: '{hashed}', id: {key.principal.id}, roles: [reader, writer, eraser]{bound}}}"
            )
        lines += [
            "    routes:",
            "      mine: {default: true, chain: main}",
            "      shared: {chain: main, scope: agent, space: shared}",
            "      runs: {chain: main, scope: {require: [user], allow: [agent, run]}, space: runs}",
            "      talks: {default: true, kinds: [message, checkpoint], chain: main, space: talks}",
        ]
    return "\n".join(lines) + "\n"
