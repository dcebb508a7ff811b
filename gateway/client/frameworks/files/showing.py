"""Files as memories hold them, and as a model is shown them: word for word as Anthropic's own tool does."""

from collections.abc import Sequence
from typing import Any, Final

from gateway.client import replies

PATH: Final = "file"  # the key of the metadata that has it
_WIDTH: Final = 6  # of the numbers before lines
_DEEP: Final = 2  # levels that a folder shows


def content_of(text: str) -> Any:
    """As it is; a text without words as JSON, for a memory says something."""
    return text if text.strip() else {"text": text}


def text_of(file: replies.Memory) -> str:
    return file.content if isinstance(file.content, str) else str(file.content.get("text", ""))


def numbered(lines: Sequence[str], first: int) -> str:
    return "\n".join(f"{number:>{_WIDTH}}\t{line}" for number, line in enumerate(lines, first))


def listed(path: str, place: str, below: Sequence[replies.Memory]) -> str:
    sizes: dict[str, int] = {}
    for each in below:
        size = len(text_of(each).encode())
        parts = each.metadata[PATH][len(place) + 1 :].split("/")
        if any(part.startswith(".") for part in parts):
            continue
        for depth in range(1, min(len(parts), _DEEP) + 1):
            name = "/".join(parts[:depth]) + ("/" if depth < len(parts) else "")
            sizes[name] = sizes.get(name, 0) + size
    told = f"Here're the files and directories up to 2 levels deep in {path}, excluding hidden items:"
    lines = [f"{_size(sum(size for name, size in sizes.items() if '/' not in name[:-1]))}\t{path}"]
    return "\n".join([told, *lines, *(f"{_size(size)}\t{path}/{name}" for name, size in sizes.items())])


def _size(count: int) -> str:
    if not count:
        return "0B"
    unit = min((count.bit_length() - 1) // 10, 3)
    size = count / 1024**unit
    return f"{int(size)}{'BKMG'[unit]}" if size == int(size) else f"{size:.1f}{'BKMG'[unit]}"
