"""`retrieval.filters` and `retention.archive_if` must read as filters: the same reading as a client's filter gets."""

from collections.abc import Iterator

from gateway.config.assembly import Assembly
from gateway.config.codes import found
from gateway.config.diagnostics import Diagnostic
from gateway.domain.errors import GatewayError
from gateway.domain.filtering import read_filter
from gateway.domain.filters import OPS


def filters(assembly: Assembly) -> Iterator[Diagnostic]:
    for unit, where, layer in assembly.layers():
        for place, given in (
            (("retrieval", "filters"), layer.retrieval.filters),
            (("retention", "archive_if"), layer.retention.archive_if),
        ):
            name = ".".join(place)
            try:
                read_filter(given, name)
            except GatewayError as error:
                at = unit.mark(*where, *place, *_steps(error.at.removeprefix(name)))
                yield found("MG0404", at, error.detail, f"a filter is {{path: {{op: value}}}}; ops: {', '.join(OPS)}")


def _steps(at: str) -> tuple[str, ...]:
    """The path inside the filter, as far as it can be told from the reader's words."""
    return tuple(step for step in at.split(".") if step and "[" not in step)
