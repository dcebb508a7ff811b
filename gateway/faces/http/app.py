"""The Litestar application: routes from the endpoint table, OpenAPI, health, metrics, and errors in one shape."""

import asyncio
import inspect
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from litestar import Litestar, Request, Response, Router, get, route
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, OpenAPI, SecurityScheme

import gateway
from gateway.domain.errors import Broken, Forbidden, Malformed, NotAllowed, NotFound, Unauthenticated, Unavailable
from gateway.domain.principal import Role
from gateway.faces.http.admin import admin_handlers, is_local
from gateway.faces.http.admission import Admission
from gateway.faces.http.chaos import chaos_handlers
from gateway.faces.http.endpoint import Endpoint
from gateway.faces.http.exchange import Phrase
from gateway.faces.http.insight import insight_handlers
from gateway.faces.http.lines import Lines
from gateway.faces.http.metrics import exposition
from gateway.faces.http.native import native
from gateway.faces.http.noting import noted
from gateway.faces.http.openapi import describe
from gateway.faces.http.prefixes import without_prefixes
from gateway.faces.http.problems import TYPE, problem
from gateway.faces.http.serving import Served, header_reader, request_id_of
from gateway.faces.http.switch import Switch
from gateway.runtime.helm import Helm
from gateway.runtime.running import Running

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Message, Receive, Scope, Send

CLOSE_SECONDS: Final = 8.0

_log = logging.getLogger("gateway.http")


def create_app(
    helm: Helm,
    start: Callable[[], Awaitable[None]],
    lines: Lines,
    endpoints: Sequence[Endpoint],
    phrases: Sequence[Phrase] = (),
) -> "ASGIApp":
    """The server as an ASGI application. Its lifespan is that of the gateway: `start` brings it up.

    `endpoints` are of the gateway's own language; `phrases` of others, each served while the configuration says so.
    """
    running = helm.running

    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncGenerator[None]:
        await start()
        try:
            yield
        finally:
            await _stop(helm)
            lines.flush()

    admission = Admission(running.means.meters)
    own = [(each, Served(native(each), running, lines, admission)) for each in endpoints]
    others = [Served(each, running, lines, admission) for each in phrases]
    refuse = _refusing(running)

    @cache
    def document() -> OpenAPI:
        """Made when it is first asked for: a start need not wait for it."""
        made = app.openapi_schema
        describe(made, endpoints)
        return made

    async def described(_request: Request[Any, Any, Any]) -> None:
        document()

    app = Litestar(
        route_handlers=[
            *(_handler(endpoint, served) for endpoint, served in own),
            *_own_handlers(helm, admission),
            *admin_handlers(helm),
            *chaos_handlers(helm),
            *insight_handlers(helm),
        ],
        lifespan=[lifespan],
        openapi_config=OpenAPIConfig(
            title="Memory Gateway",
            version=gateway.__version__,
            openapi_router=Router("/schema", route_handlers=[], include_in_schema=False, before_request=described),
            components=Components(security_schemes={"key": SecurityScheme(type="http", scheme="bearer")}),
            security=[{"key": []}],
        ),
        exception_handlers={HTTPException: refuse, Exception: refuse},
        logging_config=None,
        pdb_on_exception=False,
    )
    return _front(app, [served for _, served in own], others, lines, running)


async def _stop(helm: Helm) -> None:
    """What does not close in time is not waited for: whatever was acknowledged has been kept by then."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await helm.stop()
    except TimeoutError:
        _log.error("not all was closed in time", extra={"seconds": CLOSE_SECONDS})


def _front(app: Litestar, own: Sequence[Served], others: Sequence[Served], lines: Lines, running: Running) -> "ASGIApp":
    """Routes on the path as it was sent, so that an id with an encoded slash in it stays one segment.

    A path without parameters can mean one endpoint only, so nobody is asked to match it. Other languages come after
    that, and before what Litestar takes for the same path.
    """
    fixed = {(each.phrase.method, each.phrase.path.encode()): each for each in own if not each.path_names}
    switch = Switch(others)

    def outer(scope: "Scope", receive: "Receive", send: "Send") -> Awaitable[None]:
        if scope["type"] == "http":
            if running.leaving:
                send = _last_of_its_connection(send)
            raw = without_prefixes(scope, scope.get("raw_path") or b"")
            known = fixed.get((scope["method"], raw))
            if known is not None:
                return known(scope, receive, send)
            found = switch.find(scope["method"], raw)
            if found is not None and running.speaks(found[0].phrase.face):
                scope["path_params"] = dict(found[1])
                return found[0](scope, receive, send)
            if b"%" in raw:
                scope["path"] = raw.decode("ascii", "replace")
            return noted(app, lines, scope, receive, send)
        return app(scope, receive, send)

    return outer


def _last_of_its_connection(send: "Send") -> "Send":
    """Whoever is answered while the gateway leaves is told to make a new connection, which will be elsewhere."""

    async def closing(message: "Message") -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (b"connection", b"close")]
        await send(message)

    return closing


def _handler(endpoint: Endpoint, served: Served) -> Any:
    """The handler that Litestar routes to and lists. The endpoint's middleware answers before it is called."""

    def answering(app: "ASGIApp") -> "ASGIApp":  # noqa: ARG001 - Litestar names it
        return served

    async def documented() -> None:
        raise Broken(f"{endpoint.operation.name} is served by its middleware")

    return route(
        endpoint.path.replace("}", ":str}"),
        http_method=[endpoint.method],  # type: ignore[list-item]  # a name is as good as the enum
        name=endpoint.name,
        status_code=endpoint.status,
        middleware=[answering],
        operation_id=endpoint.name,
        summary=endpoint.summary,
        description=inspect.getdoc(endpoint.operation.run),
        tags=[endpoint.tag],
    )(documented)


def _own_handlers(helm: Helm, admission: Admission) -> list[Any]:
    running = helm.running

    @get("/health/live", opt={"exclude_from_auth": True}, tags=["health"], security=[{}], summary="The process answers")
    async def live() -> dict[str, str]:
        return {"status": "ok"}

    @get("/health/ready", tags=["health"], security=[{}], summary="A configuration is being served")
    async def ready() -> dict[str, str | int]:
        if running.leaving:
            raise Unavailable("this gateway is about to stop", code="leaving")
        if not running.ready:
            raise Unavailable("no configuration is being served yet", code="not_ready")
        return {"status": "ok", "generation": running.snapshot.generation, "config": running.snapshot.config.digest}

    @get("/metrics", include_in_schema=False)
    async def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
        _may_watch(request, running)
        return Response(await exposition(helm, admission), media_type="text/plain; version=0.0.4; charset=utf-8")

    return [live, ready, metrics]


def _may_watch(request: Request[Any, Any, Any], running: Running) -> None:
    """Metrics name tenants: for this machine, for operators, and for everyone only where the file says so."""
    snapshot = running.snapshot
    if snapshot.config.server.metrics == "public" or is_local(request):
        return
    header = header_reader(request.scope["headers"])
    presented, now = header("authorization") or header("x-api-key"), running.means.clock()
    try:
        principal = snapshot.admin.identify(presented, now)
    except Unauthenticated:
        principal = snapshot.gate.identify(presented, now)
    if Role.OPERATOR not in principal.roles:
        raise Forbidden("metrics are for loopback or the role 'operator'; see server.metrics", code="role_missing")


def _refusing(running: Running) -> Callable[[Request[Any, Any, Any], Exception], Response[bytes]]:
    """Litestar's own refusals, in our shape."""

    def refuse(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        shown: BaseException = error
        if isinstance(error, MethodNotAllowedException):
            shown = NotAllowed("this path does not have this method", headers=dict(error.headers or {}))
        elif isinstance(error, NotFoundException):
            shown = NotFound("there is nothing at this path", code="no_path")
        elif isinstance(error, HTTPException) and error.status_code < 500:
            shown = Malformed("this request is not readable", code="bad_request")
        request_id = request_id_of(header_reader(request.scope["headers"]), running)
        known, content = problem(shown, request_id)
        headers = {**known.headers, "X-Request-Id": request_id}
        return Response(content, status_code=known.status, media_type=TYPE.decode(), headers=headers)

    return refuse
