"""A route's schema of metadata, as a check. It never quotes a value: that is the client's content."""

from typing import TYPE_CHECKING, Any

from jsonschema.validators import validator_for

from gateway.domain.errors import Invalid
from gateway.runtime.bound import MetadataCheck

if TYPE_CHECKING:
    from jsonschema.protocols import Validator


def metadata_check(schema: dict[str, Any] | None) -> MetadataCheck:
    if schema is None:
        return _anything
    kind: type[Validator] = validator_for(schema)
    validator = kind(schema)

    def check(metadata: Any) -> None:
        for error in validator.iter_errors(metadata):
            at = ".".join(["metadata", *map(str, error.absolute_path)])
            # The validator's own message would quote the value, which is the client's content.
            raise Invalid(f"{at} does not satisfy the route's schema: {error.validator}", code="metadata_schema", at=at)

    return check


def _anything(_metadata: Any) -> None:
    return
