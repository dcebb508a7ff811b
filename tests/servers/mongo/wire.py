"""MongoDB's wire messages (OP_MSG alone) and the errors that travel in them. Knows no command."""

import asyncio
import struct
from typing import Any, Final, cast

import bson

_HEADER: Final = struct.Struct("<iiii")
_OP_MSG: Final = 2013
_MORE_TO_COME: Final = 1 << 1
_CHECKSUM: Final = 1 << 0
MAX_MESSAGE: Final = 48_000_000
MAX_DOCUMENT: Final = 16 * 1024 * 1024

NAMES: Final = {
    2: "BadValue", 9: "FailedToParse", 26: "NamespaceNotFound", 43: "CursorNotFound", 48: "NamespaceExists",
    50: "MaxTimeMSExpired", 52: "DollarPrefixedFieldName", 57: "DottedFieldName", 59: "CommandNotFound", 66: "ImmutableField",
    68: "IndexAlreadyExists", 85: "IndexOptionsConflict", 86: "IndexKeySpecsConflict", 10107: "NotWritablePrimary", 10334: "BSONObjectTooLarge",
    11000: "DuplicateKey", 11600: "InterruptedAtShutdown", 13: "Unauthorized", 18: "AuthenticationFailed", 40415: "IDLUnknownField",
}  # fmt: skip


class Refused(Exception):
    """A command that is answered with an error, under MongoDB's own code."""

    def __init__(self, code: int, words: str, **more: Any) -> None:
        super().__init__(words)
        self.code = code
        self.words = words
        self.more = more

    def reply(self) -> dict[str, Any]:
        return {
            "ok": 0.0,
            "errmsg": self.words,
            "code": self.code,
            "codeName": NAMES.get(self.code, "Error"),
            **self.more,
        }


async def received(reader: asyncio.StreamReader) -> tuple[int, bool, dict[str, Any]] | None:
    """The next request: its number, whether an answer is wanted, and the command. None where the client went away."""
    try:
        length, number, _, code = _HEADER.unpack(await reader.readexactly(_HEADER.size))
        if code != _OP_MSG or not _HEADER.size < length <= MAX_MESSAGE:
            return None
        raw = await reader.readexactly(length - _HEADER.size)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    (flags,) = struct.unpack_from("<I", raw)
    end = len(raw) - (4 if flags & _CHECKSUM else 0)
    at, command = 4, dict[str, Any]()
    lists: dict[str, list[Any]] = {}
    while at < end:
        kind, at = raw[at], at + 1
        (size,) = struct.unpack_from("<i", raw, at)
        if kind == 0:
            command = decoded(raw[at : at + size])
        else:  # a list of documents under a name: what a batch of writes is sent as
            name_end = raw.index(b"\0", at + 4)
            name = raw[at + 4 : name_end].decode()
            lists[name] = _all(raw[name_end + 1 : at + size])
        at += size
    return number, not flags & _MORE_TO_COME, command | lists


def decoded(raw: bytes) -> dict[str, Any]:
    return cast("Any", bson).decode(raw)  # whose annotations lack a parameter of a type


def _all(raw: bytes) -> list[dict[str, Any]]:
    return cast("Any", bson).decode_all(raw)


def answer(number: int, to: int, reply: dict[str, Any]) -> bytes:
    body = b"\0\0\0\0\0" + bson.encode(reply)
    return _HEADER.pack(_HEADER.size + len(body), number, to, _OP_MSG) + body
