"""What is told of a compilation: which levels ran, what they found, and how a check ends.

A check that stops early, or asks about some files only, judges by what it looked at and says what it did not.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from enum import IntEnum
from pathlib import Path

import msgspec

from gateway.config.compiled import Allowed, Compiled
from gateway.config.diagnostics import Diagnostic, Severity
from gateway.config.levels import LEVELS, STAGES, Level, Stage, stage_of, within


class Exit(IntEnum):
    FINE = 0
    ERRORS = 1
    USAGE = 2
    WARNINGS = 3  # where they are denied
    PROBES = 4  # nothing is wrong but that something does not open


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """`findings` are what is told, by place; `elsewhere` counts those in files that were not asked about."""

    compiled: Compiled
    findings: tuple[Diagnostic, ...]
    allowed: tuple[Allowed, ...]
    elsewhere: int
    run: tuple[Stage, ...]
    broken: frozenset[str]  # tenants with an error that these levels found
    refused: bool  # the gateway's own file has one
    deny_warnings: bool = False

    @property
    def not_run(self) -> tuple[Stage, ...]:
        return tuple(each for each in STAGES if each not in self.run)

    @property
    def waiting(self) -> bool:
        """Whether the questions about what is missing or unused were put off because something is broken."""
        return "meaning" in self.run and not self.compiled.advised

    @property
    def whole(self) -> tuple[str, ...]:
        return tuple(sorted(self.compiled.tenants - self.broken))

    def of(self, severity: Severity) -> list[Diagnostic]:
        return [each for each in self.findings if each.severity is severity]

    def fails(self, note: Diagnostic) -> bool:
        return note.severity is Severity.ERROR or self.deny_warnings

    def exit(self) -> Exit:
        errors = self.of(Severity.ERROR)
        if any(stage_of(each.code) != "probe" for each in errors):
            return Exit.ERRORS
        if self.deny_warnings and self.of(Severity.WARNING):
            return Exit.WARNINGS
        return Exit.PROBES if errors else Exit.FINE


def judge(
    compiled: Compiled,
    *,
    upto: Level = "environment",
    probes: Sequence[Diagnostic] | None = None,
    only: Collection[Path] | None = None,
    deny_warnings: bool = False,
) -> Verdict:
    """`probes` is what probing found, None where nobody probed; `only` are files, None for all."""
    looked_at = [*(each for each in compiled.diagnostics if within(each.code, upto)), *(probes or ())]
    hard = {
        compiled.owner(each) for each in looked_at if each.severity is Severity.ERROR and not each.raised
    }  # a provider that does not open breaks who declares it
    deepest = min(LEVELS.index(upto), LEVELS.index(compiled.reached))
    asked = None if only is None else {each.resolve() for each in only}
    told = [each for each in looked_at if asked is None or each.mark.file.resolve() in asked]
    allowed = tuple(each for each in compiled.allowed if within(each.note.code, upto))
    return Verdict(
        compiled=compiled,
        findings=tuple(sorted(told, key=lambda each: (str(each.mark.file), each.mark, each.code, each.message))),
        allowed=tuple(each for each in allowed if asked is None or each.mark.file.resolve() in asked),
        elsewhere=len(looked_at) - len(told),
        run=(*LEVELS[: deepest + 1], *(("probe",) if probes is not None else ())),
        broken=frozenset(hard - {""}),
        refused="" in hard,
        deny_warnings=deny_warnings,
    )


def fingerprints(verdict: Verdict, notes: Sequence[Diagnostic]) -> list[str]:
    """One for each: code, tenant and pointer, so that it stays while lines above it come and go.

    Findings that share all three are counted, in their order.
    """
    seen: Counter[tuple[str, str, str]] = Counter()
    made: list[str] = []
    for note in notes:
        key = (note.code, verdict.compiled.owner(note), note.path)
        made.append(hashlib.sha256("\0".join((*key, str(seen[key]))).encode()).hexdigest()[:32])
        seen[key] += 1
    return made


def shown_path(file: Path, base: Path) -> str:
    """A file as those name it who stand in `base`; as it is where it lies elsewhere."""
    whole = file if file.is_absolute() else Path.cwd() / file
    return whole.relative_to(base).as_posix() if whole.is_relative_to(base) else file.as_posix()
