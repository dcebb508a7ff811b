"""One worker of a fleet as a process of its own, told by lines what to do. Says `ready`, and one line after each.

write N      N records into `main`, owed and settled          die          SIGKILL, at once
hold N       the same, but never settled                      deadly       SIGKILL at the first record for `copy`
careless N   the same, owed to nobody                         stop         ends as a gateway does
echo         says whatever it has delivered
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from gateway.domain.errors import Unavailable
from gateway.jobs.job import Rules
from gateway.jobs.tables import Place
from tests.jobs.working import SCOPE, Bench, bench, owed, record


async def main(home: Path, url: str) -> None:
    rules = Rules(held=1.0, window=0.5, attempts=50)
    place = Place(None, url) if url else Place(home / "jobs.db")
    loop = asyncio.get_running_loop()
    async with bench(home, rules, place) as made:
        _say("ready")
        while (line := await loop.run_in_executor(None, sys.stdin.readline)) and line != "stop\n":
            what, _, number = line.strip().partition(" ")
            _say(await _do(made, what, int(number or 0)))


async def _do(made: Bench, what: str, number: int) -> str:
    match what:
        case "write" | "hold" | "careless":
            some = [record(f"tea {each}", scope=SCOPE) for each in range(number)]
            intents = [owed([each.id for each in some])]
            if what != "careless":
                await made.work.intend(intents)
            await made.main.put(some)
            if what == "write":
                made.work.settled(intents)
        case "refused":
            try:
                await made.work.intend([owed(["x"])])
            except Unavailable as error:
                return error.code
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "deadly":
            made.copy.before = _die
        case _:
            return str(sum(made.copy.puts))
    return "done"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""))
