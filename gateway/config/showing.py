"""Effective values as text that may be shown: what came from a reference as the reference, secrets as dots.

The rule is to hide: a value is shown only if nothing says that it could be a credential.
"""

import re
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from gateway.config.compiled import Config, Plugged, TenantConfig
from gateway.config.diagnostics import Mark
from gateway.config.dialect import unit_text
from gateway.config.finish import MASK, NAMED, USERINFO
from gateway.config.model import ApiKey, Guarding
from gateway.config.plugs import COMMON
from gateway.config.written import MISSING, Written, refers
from gateway.domain.units import Duration, ImportPath, Secret, Size

HIDDEN: Final = "value changed"
KEY_FIELDS: Final = ("id", "roles", "kinds", "user", "not_before", "expires", "claims")
_SETS: Final = frozenset({"roles", "kinds"})
_HASH: Final = re.compile(r"sha256:[0-9a-f]{64}")  # of a credential
_BARE: Final = re.compile(r"[^\s,\[\]{}:#\"'][^,\[\]{}\"'\n]*")


class Showing:
    """The values of one config, by what is `written` in its files: there the references are known.

    With `strict`, texts from files that are not known as they were compiled are hidden: any could be a secret.
    """

    def __init__(self, config: Config, written: Written, *, strict: bool = False) -> None:
        self._config = config
        self._written = written
        self._strict = strict

    @classmethod
    def served(cls, config: Config) -> "Showing":
        """Of a config whose files may have changed since it was compiled. Reads them."""
        return cls(config, Written.unchanged(config), strict=True)

    def _hidden(self, mark: Mark | None) -> bool:
        return self._strict and mark is not None and not self._written.knows(mark)

    def gateway_place(self, path: str) -> Mark | None:
        """Where the gateway's file sets a dotted path of its sections."""
        return self._written.place(self._config.files[0], *path.split(".")) if self._config.files else None

    def value(self, value: Any, mark: Mark | None) -> Any:
        """A setting as plain data; as it is written, where that holds a reference."""
        if self._hidden(mark):
            return _without_text(plain(value))
        raw = self._written.value(mark)
        return _masked(raw) if raw is not MISSING and refers(raw) else _masked(plain(value))

    def options(self, declared: Plugged) -> dict[str, Any]:
        """The options of a declaration, defaults included."""
        raw = self._written.under(declared.mark)
        given = cast("dict[str, Any]", raw) if isinstance(raw, dict) else {}
        shown: dict[str, Any] = {}
        for name in declared.options.__struct_fields__:
            value = getattr(declared.options, name)
            if self._hidden(declared.mark):
                shown[name] = _without_text(plain(value))
                continue
            as_written = given.get(name, MISSING) if name not in COMMON else MISSING
            if as_written is not MISSING and refers(as_written):
                shown[name] = _masked(as_written)
            elif value is not None and NAMED.search(name) and isinstance(value, str):
                shown[name] = MASK
            else:
                shown[name] = _masked(plain(value))
        return shown

    def key(self, tenant: TenantConfig, key: ApiKey) -> dict[str, Any]:
        """What an API key may do, without its hash."""
        raw = _step(self._written.tenant(tenant.mark), "auth", "api_keys", tenant.auth.api_keys.index(key))
        shown: dict[str, Any] = {}
        for name in KEY_FIELDS:
            as_written = _step(raw, name)
            value = getattr(key, name)
            if self._hidden(tenant.mark):
                shown[name] = plain(_ordered(name, value)) if name in _SETS else _without_text(plain(value))
                continue
            shown[name] = _masked(as_written if refers(as_written) else plain(_ordered(name, value)))
        return shown


def place(mark: Mark | None, *homes: Path) -> str:
    """`tenants/acme.yaml:4`, from the folder of the config; "" for what is built in."""
    if mark is None:
        return ""
    home = next((each for each in homes if mark.file.is_relative_to(each)), None)
    return f"{mark.file.relative_to(home) if home else mark.file}:{mark.line}"


def _ordered(name: str, value: Any) -> Any:
    """A list whose order means nothing in the one order."""
    return sorted(value) if name in _SETS and value is not None else value


def _step(tree: Any, *where: str | int) -> Any:
    """What stands at a path; MISSING where nothing does."""
    for step in where:
        try:
            tree = tree[step]
        except (KeyError, IndexError, TypeError):
            return MISSING
    return tree


def plain(value: Any) -> Any:
    """JSON data. Secrets are dots already."""
    return msgspec.json.decode(msgspec.json.encode(value, enc_hook=_hook))


def guard_told(guard: Guarding | None) -> Any:
    """As it is written."""
    return "none" if guard is None else msgspec.to_builtins(guard, enc_hook=unit_text)


def brief(value: Any) -> str:
    """Plain data on one line, as it could be written in YAML."""
    match value:
        case None:
            return "unset"
        case bool():
            return str(value).lower()
        case str():
            return value if _BARE.fullmatch(value) else msgspec.json.encode(value).decode()
        case list():
            return f"[{', '.join(map(brief, cast('list[Any]', value)))}]"
        case dict():
            entries = cast("dict[str, Any]", value).items()
            return f"{{{', '.join(f'{key}: {brief(each)}' for key, each in entries)}}}"
        case _:
            return str(value)


def _hook(value: Any) -> Any:
    match value:
        case Duration() | Size():
            return value.text
        case Secret():
            return MASK
        case ImportPath():
            return repr(value)
        case _:
            raise NotImplementedError(type(value).__name__)


def _masked(value: Any) -> Any:
    """Without credentials in URLs, and without what stands under a key that names a secret."""
    if isinstance(value, str):
        return _HASH.sub(f"sha256:{MASK}", USERINFO.sub(rf"\1{MASK}@", value))
    if isinstance(value, list):
        return [_masked(each) for each in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {
            key: MASK if NAMED.search(key) and isinstance(each, str) and "${" not in each else _masked(each)
            for key, each in cast("dict[str, Any]", value).items()
        }
    return value


def _without_text(value: Any) -> Any:
    """Numbers and truths; no text, in whatever it may stand."""
    match value:
        case str():
            return MASK
        case list():
            return [_without_text(each) for each in cast("list[Any]", value)]
        case dict():
            return {key: _without_text(each) for key, each in cast("dict[str, Any]", value).items()}
        case _:
            return value
