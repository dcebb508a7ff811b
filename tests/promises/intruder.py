"""A client of many tenants that does everything at random, what it may and what it must not, and notes every crossing.

A crossing is a word, an id, a change or a hint that reached somebody it does not belong to; a mistake is any other
difference between the gateway and the model. Tenants are driven side by side, each by one request at a time.
"""

import asyncio
import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, Final

from tests.promises.doors import Answer, Door
from tests.promises.model import Held, Model, user_of
from tests.promises.talks import Talks, talkers
from tests.promises.tenancy import Key, Member, Owner, covers

STRATEGIES: Final = ("all", "hybrid", "lexical", "marked", "recent", "semantic")
_CANARY: Final = re.compile(rb"canary[0-9a-f]{16}")
_ID: Final = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_WORDS: Final = ("tea", "train", "garden", "winter", "music", "harbour", "copper", "letter")
_TAKES: Final = 8  # memories an owner may have before some are deleted


class Intruder:
    def __init__(self, door: Door, members: Sequence[Member], seed: int) -> None:
        self._door = door
        self._members = members
        self._rng = random.Random(seed)
        self._cursors: list[tuple[Owner, str]] = []
        self._model = Model()
        self._keys = [f"key-{n}" for n in range(30)]
        self.done: Counter[str] = Counter()
        self.crossings: list[str] = []
        self.mistakes: list[str] = []
        for member in members:
            self._model.canaries |= {owner.canary: owner for owner in (*member.owners(), *talkers(member))}
        self._talks = Talks(self._ask, self._expect)

    async def run(self, operations: int, lanes: int = 5) -> None:
        """`operations` in total; each lane drives its own tenants."""
        await asyncio.gather(*(self._lane(self._members[n::lanes], operations // lanes) for n in range(lanes)))
        for member in self._members:
            for owner in member.owners():
                await self._list_whole(member.free, owner)

    async def _lane(self, members: Sequence[Member], operations: int) -> None:
        rng = random.Random(self._rng.random())
        acts: dict[Callable[..., Any], int] = {
            self._add: 24, self._add_batch: 4, self._get: 16, self._list: 8, self._list_whole: 2, self._search: 10,
            self._context: 3, self._update: 12, self._delete: 8, self._delete_all: 2, self._history: 6,
            self._other_user: 5, **dict.fromkeys(self._talks.acts(), 3),
        }  # fmt: skip
        plan = rng.choices(list(acts), list(acts.values()), k=operations)
        for act in plan:
            member = rng.choice(members)
            await act(member.free, rng.choice(member.owners()), rng=rng)

    # What may be done, held against the model.

    async def _add(self, key: Key, owner: Owner, rng: random.Random) -> None:
        if len(self._model.within(owner)) > _TAKES * 2:
            await self._delete_all(key, owner, rng)
        idempotency = rng.choice(self._keys) if rng.random() < 0.3 else ""
        held = self._new(owner, rng)
        answer = await self._ask(key, owner, "memory.add", {**user_of(owner), **_body(held)}, idempotency)
        self._check_added(key, owner, idempotency, held, answer)

    def _check_added(self, key: Key, owner: Owner, idempotency: str, held: Held, answer: Answer) -> None:
        slot = (owner.tenant, key.principal.id, idempotency)
        before = self._model.keyed.get(slot) if idempotency else None
        if before is not None and (live := self._model.find(owner.tenant, before[0])) is not None:
            if before[1:] == (owner, held.content):
                self._expect(
                    answer.status == 201 and answer.reply["id"] == live.id, "a replay is not the first", answer
                )
            else:
                self._expect(answer.code == "idempotency_mismatch", "another request under the same key", answer)
            return
        if self._expect(answer.status == 201 and not answer.reply["replayed"], "a new memory was not stored", answer):
            held.id = answer.reply["id"]
            self._give(held, answer)
            if idempotency:
                self._model.keyed[slot] = (held.id, owner, held.content)

    async def _add_batch(self, key: Key, owner: Owner, rng: random.Random) -> None:
        if len(self._model.within(owner)) > _TAKES * 2:
            await self._delete_all(key, owner, rng)
        batch = [self._new(owner, rng) for _ in range(rng.randint(1, 4))]
        fields = {**user_of(owner), "memories": [_body(held) for held in batch]}
        answer = await self._ask(key, owner, "memory.add_batch", fields)
        if self._expect(answer.status == 200, "a batch was not stored", answer):
            for held, told in zip(batch, answer.reply["results"], strict=True):
                held.id = told["id"]
                self._give(held, answer)

    async def _get(self, key: Key, owner: Owner, rng: random.Random) -> None:
        id_ = self._some_id(owner, rng)
        held = self._visible(owner, id_)
        answer = await self._ask(key, owner, "memory.get", {**user_of(owner), "memory_id": id_})
        if held is None:
            self._cross(answer.status != 404, f"got {id_}", owner)
        else:
            same = answer.status == 200 and answer.reply["content"] == held.content
            self._expect(same, f"{id_} is not as it was written", answer)

    async def _update(self, key: Key, owner: Owner, rng: random.Random) -> None:
        id_ = self._some_id(owner, rng)
        held = self._visible(owner, id_)
        new = self._new(owner if held is None else held.owner, rng)
        answer = await self._ask(key, owner, "memory.update", {**user_of(owner), "memory_id": id_, **_body(new)})
        if held is None:
            self._cross(answer.status != 404, f"changed {id_}", owner)
        elif self._expect(answer.status == 200, f"{id_} was not changed", answer):
            held.content, held.n, held.version = new.content, new.n, held.version + 1
            self._expect(answer.reply["version"] == held.version, f"{id_} is at another version", answer)

    async def _delete(self, key: Key, owner: Owner, rng: random.Random) -> None:
        id_ = self._some_id(owner, rng)
        held = self._visible(owner, id_)
        answer = await self._ask(key, owner, "memory.delete", {**user_of(owner), "memory_id": id_})
        if held is None:
            self._cross(answer.reply != {"deleted": 0}, f"deleted {id_}", owner)
        elif self._expect(answer.reply == {"deleted": 1}, f"{id_} was not deleted", answer):
            self._model.drop(held)

    async def _delete_all(self, key: Key, owner: Owner, rng: random.Random) -> None:
        bound = rng.choice((None, 50))
        filters = {} if bound is None else {"n": {"lt": bound}}
        gone = [held for held in self._model.within(owner).values() if bound is None or held.n < bound]
        answer = await self._ask(key, owner, "memory.delete_all", {**user_of(owner), "filters": filters})
        self._cross(answer.status == 200 and answer.reply["deleted"] > len(gone), "deleted more than its own", owner)
        self._expect(answer.reply == {"deleted": len(gone)}, f"not all {len(gone)} were deleted", answer)
        for held in gone:
            self._model.drop(held)

    async def _history(self, key: Key, owner: Owner, rng: random.Random) -> None:
        id_ = self._some_id(owner, rng)
        held = self._visible(owner, id_)
        fields = {**user_of(owner), "memory_id": id_}
        true = self._model.owners.get(id_, [])
        answer = await self._ask(key, owner, "memory.history", fields, gives=true)
        if held is not None:
            events: list[Any] = answer.reply["events"] if answer.status == 200 else []
            # A memory made anew under an old key still has the events of its first life beside its own.
            right = len(events) >= held.version if held.reborn else len(events) == held.version
            self._expect(right, f"{id_} has another history than {held}", answer)
        elif not any(covers(owner, each) for each in true):
            self._cross(answer.status != 404, f"saw the history of {id_}", owner)

    async def _list(self, key: Key, owner: Owner, rng: random.Random) -> None:
        made_for, cursor = owner, ""
        if self._cursors and rng.random() < 0.6:
            made_for, cursor = rng.choice(self._cursors[-400:])
            if rng.random() < 0.3:
                key, owner = self._key_of(made_for), made_for
        fields = {**user_of(owner), "limit": rng.randint(1, 4)} | ({"cursor": cursor} if cursor else {})
        answer = await self._ask(key, owner, "memory.list", fields)
        if made_for != owner:
            self._cross(answer.status != 404, f"used a cursor made for {made_for}", owner)
        elif self._expect(answer.status == 200, "a page was refused", answer) and answer.reply["cursor"]:
            self._cursors.append((owner, answer.reply["cursor"]))

    async def _list_whole(self, key: Key, owner: Owner, rng: random.Random | None = None) -> None:
        limit, seen, cursor = rng.choice((2, 100)) if rng else 100, list[str](), None
        while True:
            fields = {**user_of(owner), "limit": limit} | ({"cursor": cursor} if cursor else {})
            answer = await self._ask(key, owner, "memory.list", fields)
            if not self._expect(answer.status == 200, "a page was refused", answer):
                return
            seen += [each["id"] for each in answer.reply["memories"]]
            cursor = answer.reply["cursor"]
            if cursor is None:
                break
        self._expect(sorted(seen) == sorted(self._model.within(owner)), f"lists {len(seen)} others", answer)

    async def _search(self, key: Key, owner: Owner, rng: random.Random, operation: str = "memory.search") -> None:
        query = rng.choice([*_WORDS, rng.choice(list(self._model.canaries)), ""])
        fields = {**user_of(owner), "query": query, "strategy": rng.choice(STRATEGIES), "top_k": rng.randint(1, 20)}
        if rng.random() < 0.3:
            fields["explain"] = True
        if rng.random() < 0.3:
            other = rng.choice(list(self._model.canaries.values()))
            trick = {"user": other.user or "alice"}
            fields["filters"] = rng.choice(({"n": {"gte": 50}}, trick, {"OR": [trick, {"NOT": {"n": -1}}]}))
        answer = await self._ask(key, owner, operation, fields)
        self._expect(answer.status == 200, "a search was refused", answer)

    async def _context(self, key: Key, owner: Owner, rng: random.Random) -> None:
        await self._search(key, owner, rng, "memory.context")

    async def _other_user(self, key: Key, owner: Owner, rng: random.Random) -> None:
        """A key that is bound to a user names another one, or asks in the name of its own."""
        member = next(each for each in self._members if each.name == owner.tenant)
        mine = Owner(owner.tenant, "mine", user=member.bound.principal.user)
        asked = Owner(owner.tenant, "mine", user=rng.choice(member.users))
        answer = await self._ask(member.bound, asked, "memory.list", user_of(asked))
        if asked == mine:
            self._expect(answer.status == 200, "a bound key was refused its own user", answer)
        else:
            self._cross(answer.code != "user_bound", f"named {asked.user!r}", mine)

    # What holds for every reply.

    async def _ask(
        self,
        key: Key,
        asked: Owner,
        operation: str,
        fields: dict[str, Any],
        idempotency: str = "",
        *,
        gives: list[Owner] | None = None,  # whose ids a reply may hold that nobody has seen before
    ) -> Answer:
        self.done[operation] += 1
        answer = await self._door.ask(key, operation, fields, idempotency)
        for word in set(_CANARY.findall(answer.raw)):
            owner = self._model.canaries.get(word.decode())
            self._cross(owner is not None and not covers(asked, owner), f"read a word of {owner}", asked)
        if operation in ("memory.add", "memory.add_batch") and answer.status < 300:
            gives = [asked]
            for id_ in {each.decode() for each in _ID.findall(answer.raw)}:
                if self._model.find(asked.tenant, id_) is None:
                    # An id from a key whose memory was deleted is made anew, maybe for another owner.
                    self._model.owners.setdefault(id_, []).append(asked)
        for id_ in {each.decode() for each in _ID.findall(answer.raw)}:
            owners = self._model.owners.get(id_)
            if owners:
                covered = any(covers(asked, owner) for owner in owners)
                self._cross(not covered, f"read the id {id_} of {owners}", asked)
            elif gives:
                self._model.owners[id_] = gives
            elif b"x-request-id" not in answer.raw:
                self._expect(False, f"an id that was never given out: {id_}", answer)
        self._expect(answer.status < 500, "failed", answer)
        return answer

    def _cross(self, crossed: bool, what: str, asked: Owner) -> None:
        if crossed:
            self.crossings.append(f"{asked} {what}")

    def _expect(self, holds: bool, what: str, answer: Answer) -> bool:
        if not holds:
            self.mistakes.append(f"{what}: {answer.status} {answer.raw[:300]!r}")
        return holds

    # Choices.

    def _new(self, owner: Owner, rng: random.Random) -> Held:
        n = rng.randrange(100)
        return Held("", owner, f"{rng.choice(_WORDS)} {rng.choice(_WORDS)} {owner.canary} {n}", n)

    def _give(self, held: Held, answer: Answer) -> None:
        known = self._model.find(held.owner.tenant, held.id)
        held.reborn = held.id in self._model.ever
        self._expect(known is None, f"{held.id} was given out twice", answer)
        self._model.keep(held)

    def _visible(self, asked: Owner, id_: str) -> Held | None:
        held = self._model.find(asked.tenant, id_)
        return held if held is not None and covers(asked, held.owner) else None

    def _some_id(self, owner: Owner, rng: random.Random) -> str:
        """Its own, another user's, another tenant's, or any ever given out."""
        match rng.randrange(10):
            case 0 | 1 | 2 | 3 | 4 | 5:
                ids = list(self._model.within(owner))
            case 6 | 7:
                ids = self._model.ids(owner.tenant)
            case 8:
                ids = self._model.ids(rng.choice(self._members).name)
            case _:
                ids = self._ever(rng)
        return rng.choice(ids) if ids else "nothing"

    def _ever(self, rng: random.Random) -> list[str]:
        known = self._model.owners
        return list(islice(reversed(known) if rng.random() < 0.5 else known, 50))

    def _key_of(self, owner: Owner) -> Key:
        return next(each for each in self._members if each.name == owner.tenant).free


def _body(held: Held) -> dict[str, Any]:
    return {
        "content": held.content,
        "metadata": {"n": held.n, "mark": held.owner.canary, "category": ("spring", "other")[held.n % 2]},
    }
