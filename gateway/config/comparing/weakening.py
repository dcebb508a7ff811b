"""Where the new config protects less than the old one. Says nothing about whether that is wanted."""

from collections.abc import Iterator, Sequence

from gateway.config.checks.policy import WIDTHS, width
from gateway.config.comparing.hooks import hooks_lost, hooks_weaker
from gateway.config.comparing.keys import key_name
from gateway.config.comparing.plan import Subject, Warned
from gateway.config.comparing.sealing import sealing_floor_weaker, sealing_weaker
from gateway.config.compiled import Config, RouteConfig, TenantConfig
from gateway.config.diagnostics import Mark
from gateway.config.model import ApiKey, Identity, Layer, Policy, Template
from gateway.domain.record import Family
from gateway.domain.scope import PARTS
from gateway.domain.units import Duration, Size

_CALLERS = ("{request.", "{header.")  # what anyone may write into a request


def gateway_weaker(old: Config, new: Config) -> Iterator[Warned]:
    told = _policy_weaker(old.policy, new.policy)
    if more := sorted(set(new.plugins.allow) - set(old.plugins.allow)):
        told.append(f"plugins.allow lets code be imported from {', '.join(more)}")
    if new.server.metrics == "public" and old.server.metrics != "public":
        told.append("server.metrics shows the metrics to everybody")
    if new.server.max_body.bytes > old.server.max_body.bytes:
        told.append(f"server.max_body is lifted from {old.server.max_body.text} to {new.server.max_body.text}")
    if new.admin.loopback and not old.admin.loopback:
        told.append("admin.loopback lets everybody on this machine steer the gateway")
    if new.admin.chaos and not old.admin.chaos:
        told.append("admin.chaos lets whoever steers the gateway make its backends fail")
    if more := sorted(set(new.faces.origins) - set(old.faces.origins)):
        told.append(f"faces.origins lets pages from {', '.join(more)} use /mcp")
    if added := {key.hash for key in new.admin.api_keys} - {key.hash for key in old.admin.api_keys}:
        told.append(f"admin.api_keys lets {len(added)} more in")
    if new.reload.max_removed_tenants > old.reload.max_removed_tenants:
        told.append(f"reload.max_removed_tenants is lifted to {new.reload.max_removed_tenants}")
    if new.server.failed_auth > old.server.failed_auth:
        told.append(f"server.failed_auth is lifted from {old.server.failed_auth} to {new.server.failed_auth}")
    if old.server.cursor_key is not None and new.server.cursor_key is None:
        told.append("server.cursor_key is gone: each process makes up its own")
    if old.receipts.key is not None and new.receipts.key is None:
        told.append("receipts.key is gone: receipts are signed with a key that the gateway keeps in a file")
    told += hooks_weaker(old, new)
    yield from (_warned("gateway", "", each, None) for each in told)


def _policy_weaker(before: Policy, after: Policy) -> list[str]:
    told: list[str] = []
    if WIDTHS.index(after.widest_scope) > WIDTHS.index(before.widest_scope):
        told.append(f"policy.widest_scope allows {after.widest_scope}, not only {before.widest_scope}")
    if after.max_top_k > before.max_top_k:
        told.append(f"policy.max_top_k is lifted from {before.max_top_k} to {after.max_top_k}")
    if longer(before.max_ttl, after.max_ttl):
        told.append(f"policy.max_ttl is lifted from {_text(before.max_ttl)} to {_text(after.max_ttl)}")
    if before.providers is not None and (after.providers is None or set(after.providers) - set(before.providers)):
        told.append("policy.providers lets tenants declare more types")
    told += sealing_floor_weaker(before.encryption, after.encryption)
    if after.open_tenants and not before.open_tenants:
        told.append("policy.open_tenants lets tenants go without credentials")
    return told


def tenant_weaker(old: TenantConfig, new: TenantConfig) -> Iterator[Warned]:
    if new.auth.mode == "open" and old.auth.mode != "open":
        yield _warned("tenant", new.name, "asks for no credential any more", new.mark)
    if old.auth.issuers is not None:
        if new.auth.issuers is None:
            yield _warned("tenant", new.name, "believes the tokens of every issuer", new.mark)
        elif more := sorted(set(new.auth.issuers) - set(old.auth.issuers)):
            yield _warned("tenant", new.name, f"believes the tokens of {', '.join(more)}", new.mark)


def key_weaker(tenant: TenantConfig, old: ApiKey, new: ApiKey) -> Iterator[Warned]:
    told: list[str] = []
    if more := sorted(set(new.roles) - set(old.roles)):
        told.append(f"gets the role {' and '.join(more)}")
    if more := wider(old.kinds, new.kinds):
        told.append(f"may touch {more}")
    if old.not_before is not None and (new.not_before is None or new.not_before < old.not_before):
        told.append(f"holds earlier: {new.not_before or 'at once'}")
    if old.user is not None and new.user is None:
        told.append("is no longer bound to a user and may name any")
    elif old.user != new.user and old.user is not None:
        told.append("is bound to another user")
    if old.expires is not None and new.expires is None:
        told.append("does not expire any more")
    elif old.expires is not None and new.expires is not None and new.expires > old.expires:
        told.append(f"expires later: {new.expires}")
    yield from (_warned("key", f"{tenant.name}/{key_name(new)}", each, tenant.mark) for each in told)


def route_weaker(old: RouteConfig, new: RouteConfig) -> Iterator[Warned]:
    before, after = old.layer, new.layer
    found: list[tuple[str, str]] = []
    lost = sorted(old.scope.require - new.scope.require)
    if WIDTHS.index(width(new.scope)) > WIDTHS.index(width(old.scope)):
        found.append(("scope", f"the scope is widened from {width(old.scope)} to {width(new.scope)}"))
    elif lost:
        found.append(("scope", f"the scope no longer needs {' and '.join(lost)}"))
    found += [
        (f"identity.{part}", f"the {part} may now come from the request itself")
        for part in PARTS
        if _by_caller(after.identity, part) and not _by_caller(before.identity, part)
    ]
    found += _kept_longer(before, after)
    if new.upstream and new.upstream != old.upstream:
        found.append(("proxy.upstream", f"memories are told to the language model {new.upstream}"))
    if lost := hooks_lost(old.hooks, new.hooks):
        found.append(("hooks", f"the route {lost}"))
    kept = ("off", "live", "full")
    if kept.index(after.history) > kept.index(before.history):
        found.append(("history", f"more of the past is kept: history {before.history} -> {after.history}"))
    if before.metadata_schema is not None and after.metadata_schema is None:
        found.append(("metadata_schema", "metadata is no longer checked against a schema"))
    if before.retrieval.filters and not after.retrieval.filters:
        found.append(("retrieval.filters", "results no longer have to pass a filter"))
    if more := sorted(set(after.retrieval.overrides) - set(before.retrieval.overrides)):
        found.append(("retrieval.overrides", f"requests may now set {', '.join(more)}"))
    for name in after.limits.__struct_fields__:
        was, now = getattr(before.limits, name), getattr(after.limits, name)
        if not isinstance(now, Duration) and _number(now) > _number(was):
            found.append((f"limits.{name}", f"limits.{name} is lifted from {_shown(was)} to {_shown(now)}"))
    found += [("encryption", each) for each in sealing_weaker(before.encryption, after.encryption)]
    for path, message in found:
        origin = new.origins.get(path)
        yield _warned("route", f"{new.tenant}/{new.name}", message, (origin and origin.mark) or new.mark)


def _kept_longer(before: Layer, after: Layer) -> Iterator[tuple[str, str]]:
    if longer(before.ttl, after.ttl):
        yield ("ttl", f"records live longer: ttl {_text(before.ttl)} -> {_text(after.ttl)}")
    if longer(before.checkpoints.ttl, after.checkpoints.ttl):
        texts = f"{_text(before.checkpoints.ttl)} -> {_text(after.checkpoints.ttl)}"
        yield ("checkpoints.ttl", f"checkpoints live longer: {texts}")
    days, now_days = before.retention.max_age_days, after.retention.max_age_days
    if days is not None and (now_days is None or now_days > days):
        texts = f"{days:g} -> {'unlimited' if now_days is None else f'{now_days:g}'}"
        yield ("retention.max_age_days", f"records are kept longer: max_age_days {texts}")


def wider(old: Sequence[Family] | None, new: Sequence[Family] | None) -> str:
    """The kinds that are allowed now and were not; "" where there are none."""
    if old is None:
        return ""
    return "every kind" if new is None else " and ".join(sorted(set(new) - set(old)))


def longer(old: Duration | None, new: Duration | None) -> bool:
    """Whether a time grew, or is without end now."""
    return old is not None and (new is None or new.seconds > old.seconds)


def _by_caller(identity: Identity, part: str) -> bool:
    templates: Template | tuple[Template, ...] = getattr(identity, part)
    texts = (templates,) if isinstance(templates, str) else templates
    return any(start in text for text in texts for start in _CALLERS)


def _number(limit: int | Size) -> int:
    return limit.bytes if isinstance(limit, Size) else limit


def _shown(limit: int | Size) -> str:
    return limit.text if isinstance(limit, Size) else str(limit)


def _text(duration: Duration | None) -> str:
    return duration.text if duration else "unlimited"


def _warned(subject: Subject, name: str, message: str, mark: Mark | None) -> Warned:
    return Warned(danger="security", subject=subject, name=name, message=message, mark=mark)
