"""`${env:NAME}`, `${env:NAME:-default}` and `${file:path}` in leaves, replaced once by what they stand for.

A value is data: it is never scanned again, whatever it holds. `$$` is a dollar sign. All that is missing is reported at
once. No message ever holds a value. What a tenant's file may reach is the caller's rule (`Rights`), not the file's.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from gateway.config.codes import found
from gateway.config.diagnostics import Diagnostic, Mark
from gateway.config.located import Located, Where
from gateway.config.suggest import nearest

MAX_VALUE: Final = 64 << 10
_TOKEN: Final = re.compile(r"\$\$|\$\{([^}]*)(\}|\Z)")
_ENV: Final = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


class Rights(msgspec.Struct, frozen=True, kw_only=True):
    """What the references of a file may reach. None means everything."""

    env: tuple[str, ...] | None = None  # names, or prefixes ending in *
    taken: tuple[str, ...] = ()  # longer prefixes that are another tenant's
    below: Path | None = None  # resolved already

    def may_read(self, name: str) -> bool:
        if self.env is None:
            return True
        if name.startswith(self.taken):
            return any(name == allowed for allowed in self.env)
        return any(name.startswith(a[:-1]) if a.endswith("*") else name == a for a in self.env)


class Leaf(msgspec.Struct, frozen=True):
    """A text of a tree in which a reference may stand."""

    where: Where
    text: str
    mark: Mark


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """What a look-up came to, without any of the values: two that are equal found the same for the same leaves."""

    hashes: tuple[str, ...] = ()  # of the values, in order
    files: tuple[tuple[Path, str], ...] = ()  # that were read, with the hash of their bytes
    diagnostics: tuple[Diagnostic, ...] = ()


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """What the references of some leaves stand for. Holds secrets: nobody keeps it longer than a compilation."""

    filled: Mapping[Where, str]  # every leaf
    texts: Mapping[Where, str]  # the leaves that held a reference, as they are written
    values: Mapping[str, str]  # value -> the reference it came from
    muted: frozenset[Where]
    trace: Trace


NOTHING: Final = Answers(filled={}, texts={}, values={}, muted=frozenset(), trace=Trace())


def leaves_of(located: Located) -> tuple[Leaf, ...]:
    """The texts with a dollar sign in them, wherever they stand. Every text of most files is seen to have none."""
    body = located.text.body
    if "$" not in body and "\\" not in body:  # an escape may stand for one
        return ()
    return tuple(_leaves(located, located.tree, ()))


def look_up(leaves: Sequence[Leaf], folder: Path, env: Mapping[str, str], rights: Rights) -> Answers:
    """All references of the leaves; those that cannot be resolved are noted and muted. Paths start at the folder."""
    pass_ = _Pass(folder, env, rights)
    filled = {leaf.where: pass_.fill(leaf) for leaf in leaves}
    return Answers(
        filled=filled,
        texts=pass_.texts,
        values=pass_.values,
        muted=frozenset(pass_.muted),
        trace=Trace(hashes=tuple(pass_.hashes), files=tuple(pass_.files), diagnostics=tuple(pass_.notes)),
    )


def fill(located: Located, answers: Answers) -> Located:
    """The tree without references."""
    if not answers.filled:
        return located
    tree = _filled(located.tree, (), answers.filled)
    return msgspec.structs.replace(located, tree=tree, muted=located.muted | answers.muted)


def _leaves(located: Located, value: Any, where: Where) -> Iterator[Leaf]:
    if isinstance(value, dict):
        for key, child in cast("dict[str, Any]", value).items():
            yield from _leaves(located, child, (*where, key))
    elif isinstance(value, list):
        for index, child in enumerate(cast("list[Any]", value)):
            yield from _leaves(located, child, (*where, index))
    elif isinstance(value, str) and "$" in value:
        yield Leaf(where, value, located.mark(*where))


def _filled(value: Any, where: Where, filled: Mapping[Where, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(child, (*where, key), filled) for key, child in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_filled(child, (*where, index), filled) for index, child in enumerate(cast("list[Any]", value))]
    return filled[where] if isinstance(value, str) and "$" in value else value


class _Pass:
    def __init__(self, folder: Path, env: Mapping[str, str], rights: Rights) -> None:
        self.folder = folder
        self.env = env
        self.rights = rights
        self.texts: dict[Where, str] = {}
        self.values: dict[str, str] = {}
        self.files: list[tuple[Path, str]] = []
        self.hashes: list[str] = []
        self.muted: set[Where] = set()
        self.notes: list[Diagnostic] = []

    def fill(self, leaf: Leaf) -> str:
        def swap(token: re.Match[str]) -> str:
            if token[0] == "$$":
                return "$"
            self.texts[leaf.where] = leaf.text
            value = self._value(token, leaf.mark)
            if value is None:
                self.muted.add(leaf.where)
                return ""
            self.values[value] = token[0]
            self.hashes.append(hashlib.sha256(value.encode(errors="surrogatepass")).hexdigest())
            return value

        return _TOKEN.sub(swap, leaf.text)

    def _value(self, token: re.Match[str], mark: Mark) -> str | None:
        inner = token[1]
        store, colon, rest = inner.partition(":")
        if not token[2]:
            return self._note("MG0104", mark, "a reference is opened with ${ and never closed", "add the }; $$ is a $")
        if not colon:
            name = inner if re.fullmatch(r"[A-Za-z_]\w*", inner) else "NAME"
            return self._note("MG0104", mark, "a reference needs a store", f"write ${{env:{name}}}; $$ is a plain $")
        if store == "env":
            return self._env(inner, mark)
        if store == "file":
            return self._file(rest, mark)
        near = nearest(store, ("env", "file"))
        hint = f"did you mean '{near}:'? " if near else ""
        return self._note("MG0103", mark, f"there is no store {store[:40]!r}", f"{hint}known: env, file")

    def _env(self, inner: str, mark: Mark) -> str | None:
        read = _ENV.fullmatch(inner)
        if not read:
            return self._note("MG0104", mark, "this is no name of a variable", "write ${env:NAME} or ${env:NAME:-text}")
        name, default = read[1], cast("str | None", read[2])
        if not self.rights.may_read(name):
            allowed = ", ".join(self.rights.env or ())
            hint = f"name it within {allowed}, or list it under secrets.tenant_env of the gateway file"
            return self._note("MG0105", mark, f"this tenant may not use the variable {name}", hint)
        value = self.env.get(name)
        if value is None or (not value and default is not None):
            if default is not None:
                return default
            near = nearest(name, (known for known in self.env if self.rights.may_read(known)))
            hint = f"did you mean {near}? " if near else ""
            return self._note(
                "MG0101",
                mark,
                f"the variable {name} is not set",
                f"{hint}set it, or give a default: ${{env:{name}:-text}}",
            )
        return value

    def _file(self, name: str, mark: Mark) -> str | None:
        path = self.folder / name
        try:
            real = os.path.realpath(path)
            if self.rights.below is not None and not Path(real).is_relative_to(self.rights.below):
                hint = "keep it in the folder of the gateway file, or declare what needs it there"
                return self._note("MG0106", mark, f"this tenant may not reference {name}", hint)
            info = os.stat(real)  # noqa: PTH116 -- a path object costs more than the call, and there may be thousands
            if not stat.S_ISREG(info.st_mode):
                return self._note("MG0102", mark, f"{name} is no regular file", "name a file that holds the value")
            if info.st_size > MAX_VALUE:
                return self._note("MG0102", mark, f"{name} is larger than {MAX_VALUE:,} bytes", "one value per file")
            with open(real, "rb") as file:  # noqa: PTH123 -- the same
                raw = file.read()
            text = raw.decode()
        except UnicodeDecodeError:
            return self._note("MG0102", mark, f"{name} is not UTF-8 text", "store the value as text")
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "not a path"
            return self._note("MG0102", mark, f"{name} cannot be read: {why}", "check the path, relative to this file")
        self.files.append((path, hashlib.sha256(raw).hexdigest()))
        return text[:-2] if text.endswith("\r\n") else text.removesuffix("\n")

    def _note(self, code: str, mark: Mark, message: str, hint: str) -> None:
        self.notes.append(found(code, mark, message, hint))
