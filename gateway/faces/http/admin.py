"""Steering the gateway as a whole, below /admin: what is served, what became of changes, reload and roll back.

For callers on this machine, unless the file says otherwise, and for keys under `admin.api_keys`. Never for a tenant's
key. A browser's request is refused: no page may steer a gateway that listens on its reader's machine.
"""

import re
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath, QueryParameter

from gateway.domain.errors import Forbidden, NotFound
from gateway.faces.http.serving import header_reader
from gateway.runtime.background import Listed
from gateway.runtime.crew import Standing
from gateway.runtime.helm import Everyone, Helm
from gateway.runtime.judging import Asked
from gateway.runtime.reports import Event, Past, Status, Unit
from gateway.runtime.running import Running

_LOCAL: Final = ("127.0.0.1", "::1")
_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")  # a page whose name was made to lead here has another
_PASSED_ON: Final = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


class Standings(msgspec.Struct, frozen=True, kw_only=True):
    """`status` of the worker that answers, and how far every worker is."""

    status: Status
    workers: list[Standing]


def is_local(request: Request[Any, Any, Any]) -> bool:
    """Whether the caller is on this machine itself, and not whoever a proxy on it speaks for."""
    header = header_reader(request.scope["headers"])
    near = request.client is not None and request.client.host in _LOCAL
    named = re.sub(r":\d+$", "", header("host") or "") in _NAMES
    return near and named and not any(header(name) for name in _PASSED_ON)


def check_steering(request: Request[Any, Any, Any], running: Running) -> None:
    header = header_reader(request.scope["headers"])
    if header("origin") is not None:
        raise Forbidden("this face is not for browsers", code="browser")
    snapshot = running.snapshot
    if snapshot.config.admin.loopback and is_local(request):
        return
    snapshot.admin.identify(header("authorization") or header("x-api-key"), running.means.clock())


def admin_handlers(helm: Helm) -> list[Any]:
    running = helm.running

    @get("/admin/status", tags=["admin"], summary="What is served, and what became of the last change")
    async def status(request: Request[Any, Any, Any]) -> Standings:
        check_steering(request, running)
        return Standings(status=helm.reloader.status(), workers=helm.workers())

    @get("/admin/units", tags=["admin"], summary="How every tenant stands")
    async def units(request: Request[Any, Any, Any]) -> list[Unit]:
        check_steering(request, running)
        return helm.reloader.generations.units()

    @get("/admin/units/{name:str}", tags=["admin"], summary="How one tenant stands")
    async def unit(request: Request[Any, Any, Any], name: FromPath[str]) -> Unit:
        check_steering(request, running)
        for each in helm.reloader.generations.units():
            if each.name == name:
                return each
        raise NotFound(f"no tenant {name!r}", code="no_tenant")

    @get("/admin/events", tags=["admin"], summary="What happened to the configuration, oldest first")
    async def events(request: Request[Any, Any, Any]) -> list[Event]:
        check_steering(request, running)
        return list(helm.reloader.ledger.events)

    @get("/admin/history", tags=["admin"], summary="The generations that can be rolled back to")
    async def history(request: Request[Any, Any, Any]) -> list[Past]:
        check_steering(request, running)
        return helm.reloader.generations.history()

    @get("/admin/jobs", tags=["admin"], summary="What is still to be done in the background, oldest first")
    async def jobs(
        request: Request[Any, Any, Any],
        dead: Annotated[bool, QueryParameter(description="Only what is given up.")] = False,
    ) -> list[Listed]:
        check_steering(request, running)
        return list(await helm.background.listed(dead=dead)) if helm.background is not None else []

    @post("/admin/reload", tags=["admin"], status_code=200, summary="Bring what is served in line with the files")
    async def reload(
        request: Request[Any, Any, Any],
        dry_run: Annotated[bool, QueryParameter(description="Say what would happen, and do not do it.")] = False,
        insist: Annotated[bool, QueryParameter(description="Also what was refused, held, or removes many.")] = False,
        expect: Annotated[str, QueryParameter(description="Refuse files of any other digest.")] = "",
    ) -> Everyone:
        check_steering(request, running)
        return await helm.reload(Asked(expect=expect, dry_run=dry_run, insist=insist))

    @post(
        "/admin/rollback/{generation:int}", tags=["admin"], status_code=200, summary="Serve an earlier generation again"
    )
    async def rollback(request: Request[Any, Any, Any], generation: FromPath[int]) -> Everyone:
        check_steering(request, running)
        return await helm.rollback(generation)

    return [status, units, unit, events, history, jobs, reload, rollback]
