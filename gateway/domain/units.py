"""Quantities as people write them in YAML: `800ms`, `24h`, `16MiB`; and Secret, a value that prints as dots."""

import hmac
import re
from datetime import timedelta
from typing import Any, Final

DURATION_PATTERN: Final = r"^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d|w))+$"
SIZE_PATTERN: Final = r"^\d+(?:\.\d+)?(?:B|kB|MB|GB|KiB|MiB|GiB)$"
IMPORT_PATTERN: Final = r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$"

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_BYTES: Final = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_MASK: Final = "••••"


class Duration:
    """A length of time: `90s`, `1h30m`, `250ms`."""

    __slots__ = ("seconds", "text")

    def __init__(self, text: str) -> None:
        if not re.match(DURATION_PATTERN, text):
            raise ValueError(f"{text!r} is not a duration such as 800ms, 30s, 24h or 7d")
        self.text = text
        self.seconds = sum(float(n) * _SECONDS[u] for n, u in re.findall(r"([\d.]+)(ms|s|m|h|d|w)", text))

    def delta(self) -> timedelta:
        return timedelta(seconds=self.seconds)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Duration) and other.seconds == self.seconds

    def __hash__(self) -> int:
        return hash(self.seconds)

    def __repr__(self) -> str:
        return f"Duration({self.text})"


class Size:
    """A number of bytes: `512kB`, `16MiB`."""

    __slots__ = ("bytes", "text")

    def __init__(self, text: str) -> None:
        found = re.match(r"^([\d.]+)([A-Za-z]+)$", text) if re.match(SIZE_PATTERN, text) else None
        if not found:
            raise ValueError(f"{text!r} is not a size such as 512kB, 16MiB or 1GB")
        self.text = text
        self.bytes = int(float(found[1]) * _BYTES[found[2]])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Size) and other.bytes == self.bytes

    def __hash__(self) -> int:
        return hash(self.bytes)

    def __repr__(self) -> str:
        return f"Size({self.text})"


class Secret:
    """A value that no log, dump, error, metric or pickle can print. `reveal()` is the only way in."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __repr__(self) -> str:
        return f"Secret({_MASK})"

    def __str__(self) -> str:
        return _MASK

    def __reduce__(self) -> Any:
        raise TypeError("a Secret is not pickled")


class ImportPath:
    """A Python object named as `package.module:name`. The configuration check holds it against the allow-list."""

    __slots__ = ("module", "name")

    def __init__(self, text: str) -> None:
        if not re.match(IMPORT_PATTERN, text):
            raise ValueError(f"{text!r} is not an import path such as package.module:name")
        self.module, self.name = text.split(":")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ImportPath) and (other.module, other.name) == (self.module, self.name)

    def __hash__(self) -> int:
        return hash((self.module, self.name))

    def __repr__(self) -> str:
        return f"{self.module}:{self.name}"
