"""`retrieval.filters` must read as a filter: the same reading as a client's filter gets."""

from collections.abc import Iterator

from gateway.config.assembly import Assembly
from gateway.config.codes import found
from gateway.config.diagnostics import Diagnostic
from gateway.domain.errors import GatewayError
from gateway.domain.filtering import read_filter
from gateway.domain.filters import OPS


def filters(assembly: Assembly) -> Iterator[Diagnostic]:
    for unit, where, layer in assembly.layers():
        try:
            read_filter(layer.retrieval.filters, "retrieval.filters")
        except GatewayError as error:
            at = unit.mark(*where, "retrieval", "filters", *_steps(error.at))
            yield found("MG0404", at, error.detail, f"a filter is {{path: {{op: value}}}}; ops: {', '.join(OPS)}")


def _steps(at: str) -> tuple[str, ...]:
    """The path inside the filter, as far as it can be told from the reader's words."""
    return tuple(step for step in at.removeprefix("retrieval.filters").split(".") if step and "[" not in step)
