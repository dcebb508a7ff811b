"""What the process says of itself: one JSON object a line, on standard error. Lines of requests are `faces/http/lines`."""

import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final


class _JsonLines(logging.Formatter):
    """One JSON object a line, with what the caller added as `extra`."""

    _own: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}

    def format(self, record: logging.LogRecord) -> str:
        import msgspec

        line: dict[str, Any] = {
            "event": record.name,
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        }
        line |= {name: value for name, value in vars(record).items() if name not in self._own}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


def configure_logs(level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it counts events; what comes of them is ours to say
