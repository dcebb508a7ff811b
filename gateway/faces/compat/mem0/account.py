"""What mem0's clients ask about the account: whether the key is known, and the project, which is the key's tenant.

Settings, members, hooks and models of the platform are the operator's part here, in YAML: those requests are answered
with words that say so.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from gateway.domain.errors import NotFound
from gateway.faces.compat.mem0.failing import told
from gateway.faces.compat.mem0.serving import reply
from gateway.faces.http.exchange import Exchange, Reply

NOT_HERE: Final = 501


async def ping(exchange: Exchange) -> Reply:
    tenant = exchange.principal.tenant
    return reply({"status": "ok", "org_id": tenant, "project_id": tenant, "user_email": None})


async def project(exchange: Exchange) -> Reply:
    tenant = exchange.principal.tenant
    if (exchange.path["org"], exchange.path["project"]) != (tenant, tenant):
        raise NotFound("no such project", code="no_project")
    return reply(
        {"id": tenant, "name": tenant, "org_id": tenant, "project_id": tenant, "custom_instructions": None,
         "custom_categories": None, "multilingual": False, "decay": False}
    )  # fmt: skip


def refusing(words: str) -> Callable[[Exchange], Awaitable[Reply]]:
    """501 with the reason."""

    async def refuse(exchange: Exchange) -> Reply:
        return told(NOT_HERE, words, "not_served", exchange.request_id)

    return refuse
