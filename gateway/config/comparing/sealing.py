"""Where a route or the policy seals less than before, in words."""

from collections.abc import Iterator
from typing import Final

from gateway.config.model import Encryption, SealingFloor

_VECTORS: Final = ("none", "sealed", "keyed", "plain")  # from what tells least


def sealing_weaker(old: Encryption | None, new: Encryption | None) -> Iterator[str]:
    before = old if old is not None and old.on else None
    after = new if new is not None and new.on else None
    if before is None:
        return
    if after is None:
        yield "records are no longer sealed"
        return
    if lost := sorted(field for field in before.fields if not _covered(field, after.fields)):
        yield f"{' and '.join(lost)} is no longer sealed"
    if _VECTORS.index(after.kept_vectors) > _VECTORS.index(before.kept_vectors):
        yield f"vectors are {after.kept_vectors}, not {before.kept_vectors}"
    if more := sorted(set(after.index) - set(before.index)):
        yield f"backends may see which values of {' and '.join(more)} are equal"
    if after.accept_plaintext_until not in (None, before.accept_plaintext_until):
        yield f"what is not sealed is accepted until {after.accept_plaintext_until}"
    if after.type == "fernet" and before.type != "fernet":
        yield "all subjects share Fernet keys, which cannot be shredded one by one"


def sealing_floor_weaker(old: SealingFloor | None, new: SealingFloor | None) -> Iterator[str]:
    if old is None:
        return
    if new is None:
        yield "policy.encryption is gone: routes need not seal"
        return
    if lost := sorted(field for field in old.fields if not _covered(field, new.fields)):
        yield f"policy.encryption no longer asks for {' and '.join(lost)}"
    if more := sorted(set(new.vectors) - set(old.vectors)):
        yield f"policy.encryption allows vectors to be {' or '.join(more)}"


def _covered(field: str, fields: tuple[str, ...]) -> bool:
    return any(field == each or field.startswith(f"{each}.") for each in fields)
