"""What is kept of an intent in the row of a delivery that is owed: its form in the database, and back."""

from datetime import datetime
from typing import Final

import msgspec

from gateway.domain.outbox import Intent
from gateway.domain.scope import Reach


class _Body(msgspec.Struct, frozen=True, array_like=True):
    """What is kept of an intent: source and target are the job's."""

    reach: Reach
    ids: tuple[str, ...]
    gone: datetime | None


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(_Body).decode


def kept_form(intent: Intent) -> bytes:
    return _encode(_Body(intent.reach, intent.ids, intent.gone))


def intent_of(source: str, target: str, form: bytes) -> Intent:
    kept = _decode(form)
    return Intent(source=source, target=target, reach=kept.reach, ids=kept.ids, gone=kept.gone)
