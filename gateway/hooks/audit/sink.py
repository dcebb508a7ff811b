"""One file of an audit: lines are added at its end, and what could not be written whole is as if it had not been tried.

Each process that writes takes a file of its own: the first the one that is named, the next `<name>-1`, and so on; a lock
that ends with the process says which are taken. A file that is full is set aside as `<name>.<last number>` and the chain
goes on in a new one. Knows nothing of what the lines say. Not for use from several threads at once.
"""

import contextlib
import errno
import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from gateway.hooks.audit.chain import HEAD, NOTHING, Head, Keys, Line, head, line

MOST_FILES: Final = 1_000
_TAIL: Final = 4 * 1024 * 1024  # how far back the last line is looked for


class Sink:
    """`open` finds the end of the chain, or begins one; OSError where that cannot be. So does every write that fails,
    and the file is as before it."""

    def __init__(self, path: Path, keys: Keys | None, largest: int, fresh: str) -> None:
        """`fresh` names the chain, if one is begun."""
        self.wanted = path
        self.path = path
        self._keys = keys
        self._largest = largest
        self._chain = fresh
        self._seq = 0
        self._last = NOTHING
        self._size = 0
        self._file = self._head = -1

    def open(self) -> int:
        """The number of bytes of an unfinished line that were cut off: its writer has died, and told nobody of it."""
        for number in range(MOST_FILES):
            name = self.wanted.name if not number else f"{self.wanted.stem}-{number}{self.wanted.suffix}"
            path = self.wanted.with_name(name)
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            lock = os.open(head_of(path), os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                os.close(file)
                os.close(lock)
                if error.errno in (errno.EAGAIN, errno.EACCES):
                    continue
                raise
            self.path, self._file, self._head = path, file, lock
            return self._resume()
        raise OSError(errno.EBUSY, "too many processes write this audit")

    def close(self) -> None:
        for handle in (self._file, self._head):
            if handle >= 0:
                os.close(handle)
        self._file = self._head = -1

    def write(self, entries: Sequence[dict[str, Any]], *, sync: bool) -> None:
        """All of them or none."""
        if self._size >= self._largest:
            self._rotate()
        seq, last, made = self._seq, self._last, bytearray()
        for entry in entries:
            seq += 1
            written, last = line(self._chain, seq, last, entry, self._keys)
            made += written
        try:
            _whole(self._file, made)
            if sync:
                os.fsync(self._file)
        except OSError:
            with contextlib.suppress(OSError):  # then the next write fails too, or cuts off what is half there
                os.ftruncate(self._file, self._size)
            raise
        self._seq, self._last, self._size = seq, last, self._size + len(made)
        os.pwrite(self._head, head(self._chain, seq, last, self._keys), 0)

    def sync(self) -> None:
        os.fsync(self._file)

    def _resume(self) -> int:
        """Goes on after the last whole line that is there, or that the head knows."""
        size = os.fstat(self._file).st_size
        tail = os.pread(self._file, _TAIL, max(0, size - _TAIL))
        whole = tail[: tail.rfind(b"\n") + 1]
        torn = len(tail) - len(whole)
        if torn:
            os.ftruncate(self._file, size - torn)
        self._size = size - torn
        if whole:
            last = msgspec.json.decode(whole[whole.rfind(b"\n", 0, -1) + 1 :], type=Line)
            self._chain, self._seq, self._last = last.chain, last.seq, last.hash
        if told := os.pread(self._head, HEAD, 0):
            known = msgspec.json.decode(told, type=Head)
            if known.seq > self._seq:
                # Where lines are gone, the chain goes on after them, so that the gap stays to be found.
                self._chain, self._seq, self._last = known.chain, known.seq, known.hash
        # Room for the head is taken now, so that a full disk cannot keep it from being written later.
        os.pwrite(self._head, head(self._chain, self._seq, self._last, self._keys), 0)
        return torn

    def _rotate(self) -> None:
        aside = self.path.with_name(f"{self.path.stem}.{self._seq:012d}{self.path.suffix}")
        os.fsync(self._file)
        self.path.rename(aside)
        try:
            fresh = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        except OSError:
            aside.rename(self.path)
            raise
        os.close(self._file)
        self._file, self._size = fresh, 0


def head_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.head")


def _whole(file: int, content: bytes | bytearray) -> None:
    view = memoryview(content)
    while view:
        done = os.write(file, view)
        view = view[done:]
