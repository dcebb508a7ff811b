"""`${env:NAME}`, `${env:NAME:-default}` and `${file:path}` in leaves, replaced once by what they stand for.

A value is data: it is never scanned again, whatever it holds. `$$` is a dollar sign. All that is missing is reported at
once. No message ever holds a value. What a tenant's file may reach is the caller's rule (`Rights`), not the file's.
"""

import hashlib
import re
import stat
from collections.abc import Mapping
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
    below: Path | None = None

    def may_read(self, name: str) -> bool:
        if self.env is None:
            return True
        if any(name.startswith(prefix) for prefix in self.taken):
            return any(name == allowed for allowed in self.env)
        return any(name.startswith(a[:-1]) if a.endswith("*") else name == a for a in self.env)


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """A tree without references. `texts` are the paths that held one, with their text; `values` what must not show."""

    located: Located
    texts: Mapping[Where, str]
    values: Mapping[str, str]  # value -> the reference it came from
    files: tuple[Path, ...]
    hashes: tuple[str, ...]
    diagnostics: list[Diagnostic]


def resolve(located: Located, env: Mapping[str, str], rights: Rights) -> Resolved:
    pass_ = _Pass(located, env, rights)
    tree = pass_.walk(located.tree, ())
    muted = located.muted | pass_.muted
    return Resolved(
        located=msgspec.structs.replace(located, tree=tree, muted=muted),
        texts=pass_.texts,
        values=pass_.values,
        files=tuple(pass_.files),
        hashes=tuple(pass_.hashes),
        diagnostics=pass_.notes,
    )


class _Pass:
    def __init__(self, located: Located, env: Mapping[str, str], rights: Rights) -> None:
        self.located = located
        self.env = env
        self.rights = rights
        self.texts: dict[Where, str] = {}
        self.values: dict[str, str] = {}
        self.files: list[Path] = []
        self.hashes: list[str] = []
        self.muted: set[Where] = set()
        self.notes: list[Diagnostic] = []

    def walk(self, value: Any, where: Where) -> Any:
        if isinstance(value, dict):
            return {key: self.walk(child, (*where, key)) for key, child in cast("dict[str, Any]", value).items()}
        if isinstance(value, list):
            return [self.walk(child, (*where, index)) for index, child in enumerate(cast("list[Any]", value))]
        if isinstance(value, str) and "$" in value:
            return self._leaf(value, where)
        return value

    def _leaf(self, text: str, where: Where) -> str:
        mark = self.located.mark(*where)

        def swap(token: re.Match[str]) -> str:
            if token[0] == "$$":
                return "$"
            self.texts[where] = text
            value = self._value(token, mark)
            if value is None:
                self.muted.add(where)
                return ""
            self.values[value] = token[0]
            self.hashes.append(hashlib.sha256(value.encode(errors="surrogatepass")).hexdigest())
            return value

        return _TOKEN.sub(swap, text)

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
        path = self.located.text.file.parent / name
        try:
            real = path.resolve()
            if self.rights.below is not None and not real.is_relative_to(self.rights.below.resolve()):
                hint = "keep it in the folder of the gateway file, or declare what needs it there"
                return self._note("MG0106", mark, f"this tenant may not reference {name}", hint)
            info = real.stat()
            if not stat.S_ISREG(info.st_mode):
                return self._note("MG0102", mark, f"{name} is no regular file", "name a file that holds the value")
            if info.st_size > MAX_VALUE:
                return self._note("MG0102", mark, f"{name} is larger than {MAX_VALUE:,} bytes", "one value per file")
            text = real.read_bytes().decode()
        except UnicodeDecodeError:
            return self._note("MG0102", mark, f"{name} is not UTF-8 text", "store the value as text")
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "not a path"
            return self._note("MG0102", mark, f"{name} cannot be read: {why}", "check the path, relative to this file")
        self.files.append(path)
        return text[:-2] if text.endswith("\r\n") else text.removesuffix("\n")

    def _note(self, code: str, mark: Mark, message: str, hint: str) -> None:
        self.notes.append(found(code, mark, message, hint))
