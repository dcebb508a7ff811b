"""Providers that are picked by a URL: `store: redis://...` is read as the type that has the scheme, with the URL as the
option that takes it (a `path` takes what follows the scheme). Places go with it, so that what is wrong with the URL is
told where `store` stands.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

import msgspec

from gateway.config.catalog import Catalog
from gateway.config.codes import found
from gateway.config.diagnostics import Diagnostic
from gateway.config.located import Located, Where, copied
from gateway.config.suggest import nearest

KEY: Final = "store"
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")


def schemes_of(catalog: Catalog) -> dict[str, tuple[str, str]]:
    """Scheme -> the type of provider, and its option that takes the URL."""
    return {
        scheme: (type_name, option)
        for type_name, plugin in catalog.providers.items()
        for scheme, option in getattr(plugin, "schemes", {}).items()
    }


class Picked(msgspec.Struct, frozen=True, kw_only=True):
    located: Located
    texts: Mapping[Where, str]
    notes: tuple[Diagnostic, ...] = ()


def pick(located: Located, texts: Mapping[Where, str], schemes: Mapping[str, tuple[str, str]]) -> Picked:
    """Every `store` of the tree replaced; an entry whose scheme nobody has is reported and muted."""
    places = list(_places(located.tree))
    if not places:
        return Picked(located=located, texts=texts)
    tree = copied(located.tree)
    values, keys = dict(located.values), dict(located.keys)
    moved = dict(texts)
    notes: list[Diagnostic] = []
    muted: set[Where] = set()
    for where in places:
        entry = _at(tree, where)
        at = (*where, KEY)
        url = str(entry.pop(KEY))
        scheme = (_SCHEME.match(url) or [url, ""])[1].lower()
        if scheme not in schemes:
            notes.append(_unknown(located, at, scheme, schemes))
            muted.add(where)
            continue
        entry["type"], option = schemes[scheme]
        if option:
            entry[option] = url[len(scheme) + 1 :].removeprefix("//") if option == "path" else url
        for name in ("type", option):
            values[*where, name], keys[*where, name] = located.mark(*at), located.key(*at)
        if option and at in moved:
            moved[*where, option] = moved.pop(at)
    picked = msgspec.structs.replace(located, tree=tree, values=values, keys=keys, muted=located.muted | muted)
    return Picked(located=picked, texts=moved, notes=tuple(notes))


def _unknown(located: Located, at: Where, scheme: str, schemes: Mapping[str, tuple[str, str]]) -> Diagnostic:
    known = sorted(schemes)
    meant = nearest(scheme, known) if scheme else None
    hint = f"did you mean {meant}://?" if meant else f"known are {', '.join(known)}; or write `type:`"
    what = f"no provider has the scheme {scheme!r}" if scheme else "this is no URL"
    return found("MG0210", located.mark(*at), f"{'.'.join(map(str, at))}: {what}", hint)


def _places(tree: Any) -> Iterator[Where]:
    """Every provider that says `store` and not `type`."""
    roots: list[Where] = [(), *(("tenants", name) for name in _at(tree, ("tenants",)))]
    for root in roots:
        for name, entry in _at(tree, (*root, "providers")).items():
            if isinstance(entry, dict) and KEY in entry and "type" not in entry:
                yield (*root, "providers", name)


def _at(tree: Any, where: Where) -> dict[str, Any]:
    """The mapping at a path; an empty one where there is none."""
    for step in where:
        tree = cast("dict[Any, Any]", tree).get(step) if isinstance(tree, dict) else None
    return cast("dict[str, Any]", tree) if isinstance(tree, dict) else {}
