"""Lines that prove each other: every one holds its number, the hash of the one before, and its own.

    {"chain": "9f2c…", "seq": 7, "previous": "<sha-256>", "entry": {…}, "hash": "<sha-256>", "mac": "<hmac>"}

`hash` is over everything before it, byte for byte as it is written; `mac` is of the hash, under a key that whoever can
write the file need not have, so a chain that was made anew from some line on is found as well. A head beside the file
says how far it went, so lines missing at the end are found too. Pure: reads and writes nothing.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

NOTHING: Final = "0" * 64  # stands before the first line of a chain
HEAD: Final = 300  # bytes of a head, always


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    chain: str
    seq: int
    previous: str
    entry: dict[str, Any]
    hash: str
    mac: str = ""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The last line of a chain that is known to be written."""

    chain: str
    seq: int
    hash: str
    mac: str = ""


class Keys(msgspec.Struct, frozen=True):
    """Two keys made of one secret: for values, and for lines."""

    values: bytes
    lines: bytes

    @classmethod
    def of(cls, secret: str) -> "Keys":
        made = (hmac.digest(secret.encode(), purpose, "sha256") for purpose in (b"audit values", b"audit lines"))
        return cls(*made)

    def value(self, text: str) -> str:
        """The same text always gives the same, so an auditor who knows a value finds it, and nobody reads one."""
        return f"hmac:{hmac.new(self.values, text.encode(), 'sha256').hexdigest()[:32]}"

    def mac(self, digest: str) -> str:
        return hmac.new(self.lines, digest.encode(), "sha256").hexdigest()


def line(chain: str, seq: int, previous: str, entry: dict[str, Any], keys: Keys | None) -> tuple[bytes, str]:
    """A line with its end, and its hash."""
    front = msgspec.json.encode({"chain": chain, "seq": seq, "previous": previous, "entry": entry})[:-1]
    digest = hashlib.sha256(front).hexdigest()
    mac = f',"mac":"{keys.mac(digest)}"' if keys is not None else ""
    return front + f',"hash":"{digest}"{mac}}}\n'.encode(), digest


def head(chain: str, seq: int, digest: str, keys: Keys | None) -> bytes:
    """Of the same length every time, so that writing it needs no more room than it has."""
    mac = keys.mac(f"head {chain} {seq} {digest}") if keys is not None else ""
    return msgspec.json.encode(Head(chain=chain, seq=seq, hash=digest, mac=mac)).ljust(HEAD - 1) + b"\n"


class Verdict(msgspec.Struct, frozen=True):
    """What is wrong with a line, or "" where nothing is; the line, where it could be read."""

    number: int
    wrong: str
    line: Line | None = None


def lines_of(raw: Iterable[bytes], keys: Keys | None) -> Iterator[Verdict]:
    """Each line of one file by itself and against the one before it. The first stands on whatever it says."""
    before: Line | None = None
    for number, each in enumerate(raw, start=1):
        read = _read(each, keys)
        if isinstance(read, str):
            yield Verdict(number, read)
            return
        wrong = "" if before is None else follows(before, read)
        yield Verdict(number, wrong, read)
        if wrong:
            return
        before = read


def follows(before: Line, after: Line) -> str:
    """Why a line cannot come after another; "" where it can."""
    if after.chain != before.chain:
        return "belongs to another chain"
    if after.seq != before.seq + 1:
        return f"has the number {after.seq} where {before.seq + 1} was to come"
    return "" if after.previous == before.hash else "does not stand on the line before it"


def check_head(written: bytes, at_head: str, last: int, keys: Keys | None) -> str:
    """Why lines are missing at the end, or the head is not to be trusted. `at_head` is the hash of the line that the
    head speaks of, "" where it is not there."""
    try:
        told = msgspec.json.decode(written, type=Head)
    except msgspec.DecodeError:
        return "the head cannot be read"
    if keys is not None and not hmac.compare_digest(told.mac, keys.mac(f"head {told.chain} {told.seq} {told.hash}")):
        return "the head is not what was written"
    if not at_head:
        return f"lines are missing at the end: the head says {told.seq}, the last is {last}"
    return "" if told.hash == at_head else f"line {told.seq} is not the one that the head knows"


def _read(raw: bytes, keys: Keys | None) -> Line | str:
    at = raw.rfind(b',"hash":"')
    if not raw.endswith(b"}\n") or at < 0:
        return "is cut off or no line of an audit"
    try:
        read = msgspec.json.decode(raw, type=Line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "cannot be read"
    if hashlib.sha256(raw[:at]).hexdigest() != read.hash:
        return "was changed: its hash is another one"
    if line_end(read) != raw[at:]:
        return "was changed: something is written after its hash"
    if keys is not None and not hmac.compare_digest(read.mac, keys.mac(read.hash)):
        return "was not written by who has the key"
    return read


def line_end(read: Line) -> bytes:
    mac = f',"mac":"{read.mac}"' if read.mac else ""
    return f',"hash":"{read.hash}"{mac}}}\n'.encode()
