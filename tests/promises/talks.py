"""Sessions and checkpoints of many tenants who give them the same names, held against a model: what the intruder does
beside memories.
"""

import random
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from tests.promises.doors import Answer
from tests.promises.model import user_of
from tests.promises.tenancy import Key, Member, Owner

_NAMES: Final = ("s", "s1", "s:1", "alice")
_TAKES: Final = 6  # messages or checkpoints that there may be before all go


class Asking(Protocol):
    async def __call__(
        self, key: Key, asked: Owner, operation: str, fields: dict[str, Any], *, gives: list[Owner] | None = None
    ) -> Answer: ...


def talker(owner: Owner) -> Owner:
    """The owner of the talks of whoever this is."""
    return Owner(owner.tenant, "talks", user=owner.user or "alice")


def talkers(member: Member) -> list[Owner]:
    return [Owner(member.name, "talks", user=user) for user in member.users]


class Talks:
    """`expect` notes whatever differs from the model; whoever asks looks through every reply for what is others'."""

    def __init__(self, ask: Asking, expect: Callable[[bool, str, Answer], bool]) -> None:
        self._ask = ask
        self._expect = expect
        self._said: dict[Owner, dict[str, list[str]]] = {}
        self._states: dict[Owner, dict[str, dict[str, int]]] = {}
        self._count = 0

    def acts(self) -> Sequence[Callable[..., Any]]:
        return (
            self.say, self.hear, self.sessions, self.seek, self.prompt, self.put, self.latest, self.checkpoints
        )  # fmt: skip

    async def say(self, key: Key, owner: Owner, rng: random.Random) -> None:
        owner, name = talker(owner), rng.choice(_NAMES)
        said = self._said.setdefault(owner, {})
        if len(said.get(name, ())) >= _TAKES:
            answer = await self._of(key, owner, "session.delete", name)
            self._expect(
                answer.status == 200 and answer.reply["deleted"] >= _TAKES, "a session was not deleted", answer
            )
            del said[name]
        self._count += 1
        text = f"{owner.canary} {self._count}"
        answer = await self._of(key, owner, "session.append", name, message={"role": "user", "content": text})
        if self._expect(answer.status == 201, "a message was not appended", answer):
            said.setdefault(name, []).append(text)

    async def hear(self, key: Key, owner: Owner, rng: random.Random) -> None:
        owner, name = talker(owner), rng.choice(_NAMES)
        operation = rng.choice(("session.history", "session.context"))
        answer = await self._of(key, owner, operation, name)
        known = self._said.get(owner, {}).get(name, [])
        heard = [each["content"] for each in answer.reply["messages"]] if answer.status == 200 else []
        heard = [each for each in heard if "prompt" not in each]
        self._expect(heard == known, f"{name} is not as it was said", answer)

    async def sessions(self, key: Key, owner: Owner, rng: random.Random) -> None:
        del rng
        owner = talker(owner)
        answer = await self._ask(key, owner, "session.list", {**user_of(owner), "limit": 50}, gives=[owner])
        listed = {each["session_id"] for each in answer.reply["sessions"]} if answer.status == 200 else {"?"}
        known = {name for name, texts in self._said.get(owner, {}).items() if texts}
        self._expect(known <= listed <= set(_NAMES), "lists other sessions", answer)

    async def seek(self, key: Key, owner: Owner, rng: random.Random) -> None:
        owner, name = talker(owner), rng.choice(_NAMES)
        answer = await self._of(key, owner, "session.search", name, query="canary", strategy="recent")
        self._expect(answer.status in (200, 404), "a search was refused", answer)

    async def prompt(self, key: Key, owner: Owner, rng: random.Random) -> None:
        owner, name = talker(owner), rng.choice(_NAMES)
        answer = await self._of(key, owner, "session.system.put", name, content=f"prompt {owner.canary}")
        self._expect(answer.status == 200, "a prompt was not set", answer)
        self._said.setdefault(owner, {}).setdefault(name, [])

    async def put(self, key: Key, owner: Owner, rng: random.Random) -> None:
        owner, run, name = talker(owner), rng.choice(_NAMES), f"c{rng.randrange(_TAKES * 2)}"
        runs = self._states.setdefault(owner, {})
        if len(runs.get(run, ())) >= _TAKES:
            answer = await self._of(key, owner, "run.delete", run)
            self._expect(answer.status == 200 and answer.reply["deleted"] >= _TAKES, "a run was not deleted", answer)
            del runs[run]
        n = self._count = self._count + 1
        state = {"mark": owner.canary, "n": n}
        answer = await self._of(key, owner, "checkpoint.put", run, checkpoint_id=name, state=state)
        if self._expect(answer.status == 200, "a checkpoint was not put", answer):
            known = runs.setdefault(run, {})
            known.pop(name, None)
            known[name] = n

    async def latest(self, key: Key, owner: Owner, rng: random.Random) -> None:
        owner, run = talker(owner), rng.choice(_NAMES)
        answer = await self._of(key, owner, "checkpoint.latest", run)
        known = self._states.get(owner, {}).get(run, {})
        if known:
            same = answer.status == 200 and answer.reply["state"]["n"] in known.values()
            self._expect(same, "the latest checkpoint is another one", answer)
        else:
            self._expect(answer.status == 404, "there is a checkpoint that nobody put", answer)

    async def checkpoints(self, key: Key, owner: Owner, rng: random.Random) -> None:
        del rng
        owner = talker(owner)
        answer = await self._ask(key, owner, "checkpoint.list", {**user_of(owner), "limit": 100}, gives=[owner])
        known = sorted((run, name) for run, names in self._states.get(owner, {}).items() for name in names)
        listed = answer.status == 200 and [
            (each["run_id"], each["checkpoint_id"]) for each in answer.reply["checkpoints"]
        ]
        self._expect(listed is not False and sorted(listed) == known, "lists other checkpoints", answer)

    async def _of(self, key: Key, owner: Owner, operation: str, run: str, **fields: Any) -> Answer:
        return await self._ask(key, owner, operation, {**user_of(owner), "run_id": run, **fields}, gives=[owner])
