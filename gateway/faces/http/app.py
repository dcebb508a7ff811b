"""The Litestar application: routes from the endpoint table, OpenAPI, health, metrics, and errors in one shape."""

import inspect
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from litestar import Litestar, Request, Response, get, route
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.spec import Components, SecurityScheme
from litestar.params import HeaderParameter, JSONBody, PathParameter, QueryParameter

import gateway
from gateway.domain.errors import Broken, Forbidden, GatewayError, NotAllowed, NotFound, Unavailable
from gateway.domain.principal import Role
from gateway.faces.http.endpoint import Endpoint, Reader
from gateway.faces.http.lines import Lines
from gateway.faces.http.metrics import exposition
from gateway.faces.http.problems import TYPE, Problem, problem
from gateway.faces.http.serving import header_reader, middleware
from gateway.runtime.running import Running

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Receive, Scope, Send

_PROBLEMS = {400: "Not readable", 401: "No known credential", 403: "Not allowed", 404: "Absent, or somebody else's",
             409: "Conflict", 413: "Too large", 422: "Not acceptable", 500: "Our fault", 503: "A backend did not answer"}  # fmt: skip


def create_app(running: Running, lines: Lines, endpoints: Sequence[Endpoint]) -> Litestar:
    """The server as an ASGI application. It starts and stops `running` with its own lifespan."""

    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncGenerator[None]:
        await running.start()
        try:
            yield
        finally:
            await running.stop()
            lines.flush()

    return Litestar(
        route_handlers=[*(_handler(each, running, lines) for each in endpoints), *_own_handlers(running)],
        lifespan=[lifespan],
        openapi_config=OpenAPIConfig(
            title="Memory Gateway",
            version=gateway.__version__,
            path="/schema",
            components=Components(security_schemes={"key": SecurityScheme(type="http", scheme="bearer")}),
            security=[{"key": []}],
        ),
        exception_handlers={HTTPException: _refuse, Exception: _refuse},
        logging_config=None,
        pdb_on_exception=False,
    )


def encoded_paths(app: "ASGIApp") -> "ASGIApp":
    """Routes on the path as it was sent, so that an id with an encoded slash in it stays one segment."""

    async def outer(scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] == "http":
            raw: bytes = scope.get("raw_path") or b""
            if b"%" in raw:
                scope["path"] = raw.decode("ascii", "replace")
        await app(scope, receive, send)

    return outer


def _handler(endpoint: Endpoint, running: Running, lines: Lines) -> Any:
    """The typed handler that Litestar documents. The endpoint's middleware answers before it is called."""

    async def documented(**_: Any) -> Any:
        raise Broken(f"{endpoint.operation.name} is served by its middleware")

    documented.__name__ = endpoint.operation.name.replace(".", "_")
    documented.__signature__ = inspect.Signature(_parameters(endpoint), return_annotation=endpoint.reply)  # type: ignore[attr-defined]  # read by Litestar
    documented.__annotations__ = {each.name: each.annotation for each in _parameters(endpoint)} | {
        "return": endpoint.reply
    }
    return route(
        endpoint.path.replace("}", ":str}"),
        http_method=[endpoint.method],  # type: ignore[list-item]  # a name is as good as the enum
        status_code=endpoint.status,
        middleware=[middleware(endpoint, running, lines)],
        operation_id=endpoint.id or endpoint.operation.name,
        summary=endpoint.summary,
        description=inspect.getdoc(endpoint.operation.run),
        tags=[endpoint.tag],
        responses={
            status: ResponseSpec(Problem, description=text, generate_examples=False, media_type=TYPE.decode())  # type: ignore[arg-type]  # our own media type
            for status, text in _PROBLEMS.items()
        },
    )(documented)


def _parameters(endpoint: Endpoint) -> list[inspect.Parameter]:
    named = [_parameter(name, Annotated[str, PathParameter()], ...) for name in endpoint.path_names()]
    if endpoint.bodied:
        named.append(_parameter("data", JSONBody[Reader(endpoint).body_type], ...))
    else:
        for field in endpoint.body_fields():
            kind = Annotated[field.type, QueryParameter(name=field.encode_name, required=field.required)]
            named.append(_parameter(field.name, kind, ... if field.required else _default(field)))
    if endpoint.replayable:
        kind = Annotated[str | None, HeaderParameter(name="Idempotency-Key", required=False)]
        named.append(_parameter("idempotency_key", kind, None))
    return named


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    given = inspect.Parameter.empty if default is ... else default
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=given)


def _default(field: msgspec.structs.FieldInfo) -> Any:
    return None if field.default is msgspec.NODEFAULT else field.default


def _own_handlers(running: Running) -> list[Any]:
    @get("/health/live", opt={"exclude_from_auth": True}, tags=["health"], security=[{}], summary="The process answers")
    async def live() -> dict[str, str]:
        return {"status": "ok"}

    @get("/health/ready", tags=["health"], security=[{}], summary="A configuration is being served")
    async def ready() -> dict[str, str | int]:
        if not running.ready:
            raise Unavailable("no configuration is being served yet", code="not_ready")
        return {"status": "ok", "generation": running.snapshot.generation, "config": running.snapshot.config.digest}

    @get("/metrics", include_in_schema=False)
    async def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
        _may_watch(request, running)
        return Response(await exposition(running), media_type="text/plain; version=0.0.4; charset=utf-8")

    return [live, ready, metrics]


def _may_watch(request: Request[Any, Any, Any], running: Running) -> None:
    """Metrics name tenants: for loopback, for operators, and for everyone only where the file says so."""
    snapshot = running.snapshot
    if snapshot.config.server.metrics == "public" or (request.client and request.client.host in ("127.0.0.1", "::1")):
        return
    header = header_reader(request.scope["headers"])
    principal = snapshot.gate.identify(header("authorization") or header("x-api-key"), running.means.clock())
    if Role.OPERATOR not in principal.roles:
        raise Forbidden("metrics are for loopback or the role 'operator'; see server.metrics", code="role_missing")


def _refuse(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Litestar's own refusals, in our shape."""
    shown: BaseException = error
    if isinstance(error, MethodNotAllowedException):
        shown = NotAllowed("this path does not have this method", headers=dict(error.headers or {}))
    elif isinstance(error, NotFoundException):
        shown = NotFound("there is nothing at this path", code="no_path")
    elif isinstance(error, HTTPException) and error.status_code < 500:
        shown = GatewayError(error.detail, code="http")
    known, content = problem(shown, _request_id(request))
    return Response(content, status_code=known.status, media_type=TYPE.decode(), headers=known.headers)


def _request_id(request: Request[Any, Any, Any]) -> str:
    running: Callable[[str], str | None] = header_reader(request.scope["headers"])
    return running("x-request-id") or ""
