"""Faults on purpose, below /admin: for those who may steer, and only where the gateway's file says `admin: {chaos: true}`.

What is under way can be ended in any case.
"""

from typing import Annotated, Any

import msgspec
from litestar import Request, post
from litestar.params import QueryParameter

from gateway.domain.errors import Forbidden, Invalid
from gateway.faces.http.admin import check_steering
from gateway.runtime.chaos import Ordeal
from gateway.runtime.crew import Standing
from gateway.runtime.helm import Helm


class Troubled(msgspec.Struct, frozen=True, kw_only=True):
    """`agreed`: every worker has done it. `workers` say which faults each has now, and for how long."""

    agreed: bool
    workers: list[Standing]


def chaos_handlers(helm: Helm) -> list[Any]:
    running = helm.running

    @post("/admin/chaos", tags=["admin"], status_code=200, summary="Put faults before one provider for a while")
    async def chaos(
        request: Request[Any, Any, Any],
        *,
        provider: Annotated[str, QueryParameter(description="Its name; TENANT/NAME of a tenant's own.")],
        seconds: Annotated[float, QueryParameter(description="How long; 0 ends it.")] = 0.0,
        errors: Annotated[float, QueryParameter(description="Share of calls that fail before they are made.")] = 0.0,
        cut: Annotated[float, QueryParameter(description="Share that fail after they have been made.")] = 0.0,
        hang: Annotated[float, QueryParameter(description="Share that never end by themselves.")] = 0.0,
        latency: Annotated[float, QueryParameter(description="Seconds that every call takes longer.")] = 0.0,
    ) -> Troubled:
        check_steering(request, running)
        if seconds and not running.snapshot.config.admin.chaos:
            raise Forbidden(
                "faults on purpose are off; the gateway's file allows them with `admin: {chaos: true}`",
                code="chaos_off",
            )
        given = {"errors": errors, "cut": cut, "hang": hang, "latency": latency}
        try:
            ordeal = msgspec.convert({"provider": provider, "seconds": seconds, **given}, Ordeal)
        except msgspec.ValidationError as error:
            raise Invalid(str(error)) from None
        agreed, workers = await helm.trouble(ordeal)
        return Troubled(agreed=agreed, workers=workers)

    return [chaos]
