"""The API keys of a tenant before and after. A key is the same by its hash, else by the id it was given."""

from collections.abc import Iterator, Sequence
from typing import Any

from gateway.config.comparing.plan import Change, Detail
from gateway.config.compiled import TenantConfig
from gateway.config.model import ApiKey
from gateway.config.showing import HIDDEN, KEY_FIELDS, Showing, brief


def key_name(key: ApiKey) -> str:
    """What logs and plans call it; never the hash as a whole."""
    return key.id or key.hash[7:19]


def paired(old: Sequence[ApiKey], new: Sequence[ApiKey]) -> list[tuple[ApiKey | None, ApiKey | None]]:
    pairs: list[tuple[ApiKey | None, ApiKey | None]] = []
    left = list(old)
    for key in new:
        same = next((each for each in left if each.hash == key.hash), None)
        same = same or next((each for each in left if each.id and each.id == key.id), None)
        if same is not None:
            left.remove(same)
        pairs.append((same, key))
    return pairs + [(each, None) for each in left]


def key_changes(old: TenantConfig | None, new: TenantConfig | None, shown: tuple[Showing, Showing]) -> Iterator[Change]:
    tenant = new or old
    assert tenant is not None  # noqa: S101 -- one of them is there
    keys = [list(each.auth.api_keys) if each else [] for each in (old, new)]
    for before, after in paired(keys[0], keys[1]):
        known = after or before
        assert known is not None  # noqa: S101 -- pairs have at least one side
        texts = tuple(
            side.key(each, key) if each and key else {}
            for side, each, key in zip(shown, (old, new), (before, after), strict=True)
        )
        details = tuple(_details(before, after, texts))
        if details:
            sign = "add" if before is None else "remove" if after is None else "change"
            name = f"{tenant.name}/{key_name(known)}"
            yield Change(sign=sign, subject="key", name=name, details=details, mark=tenant.mark)


def _details(before: ApiKey | None, after: ApiKey | None, texts: tuple[dict[str, Any], ...]) -> Iterator[Detail]:
    if before is not None and after is not None and before.hash != after.hash:
        yield Detail(path="hash", old=HIDDEN, new=HIDDEN)
    for name in KEY_FIELDS:
        was, now = (getattr(each, name) if each else None for each in (before, after))
        if was == now or not (was or now) or (name in ("roles", "kinds") and was and now and set(was) == set(now)):
            continue
        one, other = (brief(text[name]) if text else "" for text in texts)
        yield Detail(path=name, old=one, new=other) if one != other else Detail(path=name, old=HIDDEN, new=HIDDEN)
