"""How far a long verb is: a bar with rate and remaining time on a terminal, one line a page anywhere else."""

from collections.abc import Callable
from typing import Final, TextIO

from gateway.services.moving.copying import Step
from gateway.services.moving.standing import Standing

_WIDTH: Final = 24
_CLEAR: Final = "\r\x1b[K"


class Progress:
    """Of one run. `total` is what there is to read, None where nobody knows. `seconds` is a clock that never goes back."""

    def __init__(self, stream: TextIO, seconds: Callable[[], float], total: int | None = None) -> None:
        self._stream = stream
        self._seconds = seconds
        self._total = total
        self._began = seconds()
        self._read = 0
        self._pages: dict[str, int] = {}
        self.terminal = stream.isatty()

    def step(self, tenant: str, step: Step, standing: Standing) -> None:
        """A page is done. An empty one is nothing to tell."""
        if not step.read:
            return
        self._read += step.read
        page = self._pages[tenant] = self._pages.get(tenant, 0) + 1
        rate = self._read / max(self._seconds() - self._began, 1e-6)
        if self.terminal:
            self._stream.write(f"{_CLEAR}{tenant}  {self._bar(rate)}")
        else:
            self._stream.write(
                f"{tenant}: page {page}, {standing.read:,} read, {standing.stored:,} stored, {rate:,.0f}/s\n"
            )
        self._stream.flush()

    def end(self) -> None:
        """Leaves the terminal's line to whoever writes next."""
        if self.terminal:
            self._stream.write(_CLEAR)
            self._stream.flush()

    def _bar(self, rate: float) -> str:
        if not self._total:
            return f"{self._read:,}  {rate:,.0f}/s"
        part = min(self._read / self._total, 1.0)
        full = round(part * _WIDTH)
        left = max(self._total - self._read, 0) / max(rate, 1e-6)
        return (
            f"[{'#' * full}{'.' * (_WIDTH - full)}] {part:4.0%}  {self._read:,} of {self._total:,}  "
            f"{rate:,.0f}/s  {_time(left)} left"
        )


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
