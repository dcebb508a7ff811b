"""The corpus of broken configurations: each file says in its header what must be found in it, and where.

# expect: [warning] CODE @[file:]line:column [hint~"part of the hint"]
# env: NAME=value NAME=value        what the environment holds
# probe: 0.05                       also open what is declared, with so many seconds for each
# problem: text                     what the catalogue of plugins complains about
"""

import re
from pathlib import Path

import msgspec

ROOT = Path(__file__).parent.parent / "corpora" / "configs"
_EXPECT = re.compile(r'# expect: (warning )?(MG\d{4}) @(?:([^:\s]+):)?(\d+):(\d+)(?: hint~"(.*)")?')


class Expected(msgspec.Struct, frozen=True, order=True):
    code: str
    file: str
    line: int
    column: int
    hint: str
    warning: bool


class Case(msgspec.Struct, frozen=True):
    name: str
    file: Path
    expected: tuple[Expected, ...]
    variables: tuple[tuple[str, str], ...]
    problems: tuple[str, ...]
    probe: float | None

    @property
    def env(self) -> dict[str, str]:
        return dict(self.variables)


def cases() -> list[Case]:
    return [read_case(path) for path in sorted(ROOT.iterdir())]


def read_case(path: Path) -> Case:
    file = path / "gateway.yaml" if path.is_dir() else path
    header = [line for line in file.read_bytes().decode("utf-8-sig", "replace").splitlines() if line.startswith("# ")]
    expected = [
        Expected(m[2], m[3] or file.name, int(m[4]), int(m[5]), m[6] or "", bool(m[1]))
        for line in header
        if (m := _EXPECT.fullmatch(line))
    ]
    env = [pair.split("=", 1) for line in header if line.startswith("# env: ") for pair in line[7:].split()]
    problems = [line[11:] for line in header if line.startswith("# problem: ")]
    probe = next((float(line[9:]) for line in header if line.startswith("# probe: ")), None)
    variables = tuple((each[0], each[1]) for each in env)
    return Case(path.stem, file, tuple(sorted(expected)), variables, tuple(problems), probe)
