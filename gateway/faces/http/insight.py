"""What a running gateway comes to, below /admin: its effective configuration, which route takes a request and why, and
what the files would change. From what serves, not from what the files say now; without secrets.

A text whose file has changed since it was read is hidden: it can no longer be told from a secret.
"""

import asyncio
from typing import Annotated, Any

import msgspec
from litestar import Request, get
from litestar.params import QueryParameter

from gateway.config.comparing.compare import compare
from gateway.config.comparing.report import plan_json, plan_text
from gateway.config.compiled import Config
from gateway.config.emitting import to_plain
from gateway.config.rendering import Rendering
from gateway.config.showing import Showing, place
from gateway.domain.errors import Conflict, GatewayError, Invalid, NotFound
from gateway.domain.record import Family
from gateway.faces.http.admin import check_steering
from gateway.runtime.explaining import explained, principal_of
from gateway.runtime.facts import Facts
from gateway.runtime.helm import Helm
from gateway.runtime.judging import TOLD, Refused, errors
from gateway.runtime.snapshot import Snapshot


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """For people. `refused`: serving such a request would end in the error that the last line names."""

    refused: bool
    lines: list[str]


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """What applying the files would change; `text` for people, `plan` as `memory-gateway diff --format json` has it."""

    different: bool
    text: str
    plan: msgspec.Raw


def insight_handlers(helm: Helm) -> list[Any]:
    running = helm.running

    @get("/admin/config", tags=["admin"], summary="The effective configuration, every layer merged, without secrets")
    async def config(
        request: Request[Any, Any, Any],
        tenant: Annotated[str, QueryParameter(description="Only this one, and what it uses.")] = "",
        provenance: Annotated[bool, QueryParameter(description="Say of each value who set it.")] = False,
    ) -> dict[str, Any]:
        check_steering(request, running)
        with running.snapshot as snapshot:
            if tenant:
                _check_known(snapshot, tenant)
            return await asyncio.to_thread(_rendered, snapshot.config, tenant or None, provenance=provenance)

    @get("/admin/explain", tags=["admin"], summary="Which route takes a request, and why")
    async def explain(  # noqa: PLR0913 -- one parameter for each part of a request
        request: Request[Any, Any, Any],
        *,
        tenant: Annotated[str, QueryParameter(description="Whose request it is.")],
        kind: Annotated[str, QueryParameter(description="memory, message or checkpoint.")] = "memory",
        op: Annotated[str, QueryParameter(description="add, get, list, search, update or delete.")] = "search",
        route: Annotated[str, QueryParameter(description="As if the request named it.")] = "",
        user: Annotated[str, QueryParameter(description="That the request names.")] = "",
        agent: Annotated[str, QueryParameter(description="That the request names.")] = "",
        run: Annotated[str, QueryParameter(description="That the request names.")] = "",
        header: Annotated[list[str] | None, QueryParameter(description="NAME=VALUE.")] = None,
        caller: Annotated[str, QueryParameter(description="Public id of the API key that calls.")] = "",
    ) -> Explanation:
        check_steering(request, running)
        if kind not in set(Family):
            raise Invalid(f"kind is one of {', '.join(Family)}", at="kind")
        pairs = [pair.split("=", 1) for pair in header or () if "=" in pair]
        headers = {name.lower(): value for name, value in pairs}
        facts = Facts(op=op, family=Family(kind), route=route, user=user, agent=agent, run=run, header=headers.get)
        with running.snapshot as snapshot:
            _check_known(snapshot, tenant)
            return await asyncio.to_thread(_explained, snapshot.config, tenant, caller, facts)

    @get("/admin/plan", tags=["admin"], summary="What applying the files would change")
    async def plan(request: Request[Any, Any, Any]) -> Planned:
        check_steering(request, running)
        try:
            read = await helm.reloader.look()
        except Refused as refused:
            raise Conflict("; ".join(refused.reasons), code="files_invalid") from None
        if read.config is None or read.broken:
            raise Conflict("; ".join(errors(read)[:TOLD]), code="files_invalid")
        with running.snapshot as snapshot:
            return await asyncio.to_thread(_planned, snapshot.config, read.config)

    return [config, explain, plan]


def _check_known(snapshot: Snapshot, tenant: str) -> None:
    if tenant in snapshot.config.tenants:
        return
    if tenant in snapshot.tenants or tenant in snapshot.locked:
        raise Conflict(f"the files of tenant {tenant!r} are broken; see /admin/units", code="tenant_broken")
    raise NotFound(f"no tenant {tenant!r}", code="no_tenant")


def _rendered(config: Config, tenant: str | None, *, provenance: bool) -> dict[str, Any]:
    tree = Rendering(config, Showing.served(config), provenance=provenance).tree(tenant)
    return to_plain(tree, notes=provenance)


def _explained(config: Config, tenant: str, caller: str, facts: Facts) -> Explanation:
    principal = principal_of(config, tenant, caller)
    try:
        return Explanation(refused=False, lines=explained(config, Showing.served(config), principal, facts))
    except GatewayError as error:
        return Explanation(refused=True, lines=[f"refused    {error.status} {error.code}: {error.detail}"])


def _planned(old: Config, new: Config) -> Planned:
    plan = compare(old, new, (Showing.served(old), Showing.served(new)))
    raw = plan_json(plan, lambda mark: place(mark, new.home, old.home)).encode()
    text = plan_text(plan, lambda mark: place(mark, new.home, old.home))
    return Planned(different=plan.different, text=text, plan=msgspec.Raw(raw))
