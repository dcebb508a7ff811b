"""Replies, held against the models of Zep's own client before they are sent: an unknown or ill-typed key is a bug here."""

from typing import Any, cast

import msgspec
from pydantic import BaseModel


class Refused(Exception):
    """A reply that is an error, with Zep's body for it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"code": code, "message": message}}


def held_to(model: Any, value: dict[str, Any]) -> bytes:
    """The value as JSON. Fails where the client's model has not all of its keys."""
    _check(model.model_validate(value))
    return msgspec.json.encode(value)


def request(model: Any, value: Any, at: str) -> Any:
    """What the client sent, read by its own model; refused where the model has not all of its keys."""
    try:
        read = model.model_validate(value)
        _check(read)
    except ValueError as error:
        raise Refused(400, "invalid_request", f"{at}: {type(error).__name__}") from None
    return read


def _check(value: Any) -> None:
    if isinstance(value, BaseModel):
        if value.model_extra:
            raise ValueError(f"{type(value).__name__} has no {sorted(value.model_extra)}")
        for name in type(value).model_fields:
            _check(getattr(value, name))
    elif isinstance(value, list):
        for each in cast("list[Any]", value):
            _check(each)
