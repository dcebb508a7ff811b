"""The service's contract as botocore ships it: which request is which operation, and whether it is one at all."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import botocore.session  # pyright: ignore[reportMissingTypeStubs] -- it has none


class Refused(Exception):
    def __init__(self, status: int, code: str, words: str) -> None:
        super().__init__(words)
        self.status, self.code, self.words = status, code, words


class Contract:
    def __init__(self) -> None:
        session: Any = botocore.session.get_session()  # pyright: ignore[reportUnknownMemberType]
        model = session.get_service_model("bedrock-agentcore")
        self._routes: list[tuple[str, re.Pattern[str], Any]] = []
        for name in model.operation_names:
            operation = model.operation_model(name)
            path = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", operation.http["requestUri"].split("?")[0])
            self._routes.append((operation.http["method"], re.compile(path + "/?"), operation))
        self._patterns: dict[str, re.Pattern[str]] = {}

    def read(
        self, method: str, path: str, query: Mapping[str, str], body: Mapping[str, Any]
    ) -> tuple[str, dict[str, Any], int]:
        """The operation, its checked input, and the status of its answer."""
        for wanted, route, operation in self._routes:
            found = route.fullmatch(path) if wanted == method else None
            if found:
                shape = operation.input_shape
                fields: dict[str, Any] = {}
                for name, member in shape.members.items():
                    place = member.serialization.get("location")
                    key = member.serialization.get("name", name)
                    if place == "uri":
                        fields[name] = unquote(found[key])
                    elif place == "querystring" and key in query:
                        fields[name] = query[key]
                    elif place is None and key in body:
                        fields[name] = body[key]
                unknown = body.keys() - fields.keys()
                if unknown:
                    raise _invalid(f"unknown members {sorted(unknown)}")
                self._check(shape, fields, operation.name)
                return operation.name, fields, int(operation.http.get("responseCode", 200))
        raise Refused(404, "UnknownOperationException", f"{method} {path}")

    def _check(self, shape: Any, value: Any, at: str) -> None:
        kind = shape.type_name
        if getattr(shape, "is_document_type", False):
            return
        if kind == "structure":
            self._structure(shape, value, at)
        elif kind == "list":
            _sized(shape, len(_as(list, value, at)), at)
            for number, each in enumerate(value):
                self._check(shape.member, each, f"{at}[{number}]")
        elif kind == "map":
            _sized(shape, len(_as(dict, value, at)), at)
            for key, each in value.items():
                self._check(shape.key, key, f"{at} key {key!r}")
                self._check(shape.value, each, f"{at}.{key}")
        elif kind == "string":
            self._text(shape, _as(str, value, at), at)
        elif kind == "integer":
            number = _as(int, value, at)
            if not shape.metadata.get("min", number) <= number <= shape.metadata.get("max", number):
                raise _invalid(f"{at} is {number}")
        elif kind == "boolean":
            _as(bool, value, at)
        elif kind in ("double", "float", "long", "timestamp"):
            _as((int, float), value, at)

    def _structure(self, shape: Any, value: Any, at: str) -> None:
        _as(dict, value, at)
        missing = set(shape.required_members) - value.keys()
        unknown = value.keys() - shape.members.keys()
        if missing or unknown:
            raise _invalid(f"{at} lacks {sorted(missing)}, does not know {sorted(unknown)}")
        for name, each in value.items():
            self._check(shape.members[name], each, f"{at}.{name}")

    def _text(self, shape: Any, value: str, at: str) -> None:
        _sized(shape, len(value), at)
        pattern = shape.metadata.get("pattern")
        if pattern is not None:
            known = self._patterns.setdefault(pattern, re.compile(pattern))
            if not known.fullmatch(value):
                raise _invalid(f"{at} does not match {pattern}")
        if getattr(shape, "enum", None) and value not in shape.enum:
            raise _invalid(f"{at} is none of {shape.enum}")


def _sized(shape: Any, size: int, at: str) -> None:
    if not shape.metadata.get("min", 0) <= size <= shape.metadata.get("max", size):
        raise _invalid(f"{at} has the size {size}")


def _as(kind: Any, value: Any, at: str) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise _invalid(f"{at} is a {type(value).__name__}")
    return value


def _invalid(words: str) -> Refused:
    return Refused(400, "ValidationException", words)
