"""What the gateway costs over HTTP, beside what it is built on: ratios, taken by turns on this machine.

    python -m bench.wire [--quick] [--rounds 5] [--seconds 0.7] [--connections 1,16,64]

Every round measures each side once, so that what else the machine does falls on all of them; printed are the medians.
Needs nothing but loopback and a temporary directory, and ends by itself (two minutes; `--quick`: twenty seconds).
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Final

import msgspec

from bench.load import Measured
from bench.sides import Bare, Direct, Gateway, Loader, Side

MEMORY: Final = "type: memory, embedder: none"
SQLITE: Final = "type: sqlite, path: bench.db"
TITLES: Final = (
    "operation", "c", "rps", "CPU us", "p50 ms", "p99 ms", "beside", "its rps", "its CPU us", "**rps to it**", "CPU to it",
)  # fmt: skip


class Comparison(msgspec.Struct, frozen=True):
    """One operation of the gateway, with what it is measured beside: name and side."""

    title: str
    operation: str
    gateway: Side
    beside: tuple[tuple[str, Side], ...]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """The medians of both sides."""

    title: str
    connections: int
    mine: Measured
    beside: str
    other: Measured

    def cells(self) -> list[str]:
        mine, other = self.mine, self.other
        return [
            self.title,
            str(self.connections),
            f"{mine.rps:,.0f}",
            f"{mine.cpu_us:.0f}",
            f"{mine.p50_ms:.2f}",
            f"{mine.p99_ms:.2f}",
            self.beside,
            f"{other.rps:,.0f}",
            f"{other.cpu_us:.0f}",
            f"**{mine.rps / other.rps:.2f}**",
            f"{mine.cpu_us / other.cpu_us:.2f}",
        ]


def comparisons(stack: ExitStack, home: Path) -> list[Comparison]:
    loader = Loader(stack)
    memory = Gateway(stack, loader, home / "memory", MEMORY)
    sqlite = Gateway(stack, loader, home / "sqlite", SQLITE)
    direct = Direct(stack, home / "direct", SQLITE)
    by_memory, by_sqlite = Bare(stack, loader, home / "memory", memory), Bare(stack, loader, home / "sqlite", sqlite)
    return [
        Comparison("memory, add", "add", memory, (("bare", by_memory),)),
        Comparison("memory, get", "get", memory, (("bare", by_memory),)),
        Comparison("sqlite, add", "add", sqlite, (("bare", by_sqlite), ("direct", direct))),
        Comparison("sqlite, search", "search", sqlite, (("bare", by_sqlite), ("direct", direct))),
    ]


def rows(compared: Sequence[Comparison], connections: Sequence[int], rounds: int, seconds: float) -> Iterator[Row]:
    for each in compared:
        for count in connections:
            sides = [("gateway", each.gateway), *each.beside]
            taken: dict[str, list[Measured]] = {name: [] for name, _ in sides}
            for turn in range(rounds):
                for name, side in sides if turn % 2 == 0 else reversed(sides):
                    taken[name].append(side.measure(each.operation, count, seconds))
            mine = middle(taken["gateway"])
            for name, _ in each.beside:
                yield Row(title=each.title, connections=count, mine=mine, beside=name, other=middle(taken[name]))


def middle(taken: Sequence[Measured]) -> Measured:
    return Measured(
        rps=median(each.rps for each in taken),
        p50_ms=median(each.p50_ms for each in taken),
        p99_ms=median(each.p99_ms for each in taken),
        cpu_us=median(each.cpu_us for each in taken),
    )


def line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="bench.wire", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round: whether it works, hardly how fast")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="of each side in each round")
    parser.add_argument("--connections", default="1,16,64")
    parser.add_argument("--only", default="", help="rows whose title holds this word")
    asked = parser.parse_args(given)
    rounds = min(asked.rounds or (1 if asked.quick else 5), 50)
    seconds = min(asked.seconds or (0.35 if asked.quick else 0.7), 10)
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        compared = [each for each in comparisons(stack, home) if asked.only in each.title]
        print(line(TITLES))
        print(line(["---", *["---:"] * (len(TITLES) - 1)]))
        for row in rows(compared, [int(each) for each in asked.connections.split(",")], rounds, seconds):
            print(line(row.cells()), flush=True)


if __name__ == "__main__":
    main()
