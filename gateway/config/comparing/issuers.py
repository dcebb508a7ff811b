"""The issuers of tokens before and after: their settings as a flat list, and where more is believed than before."""

from collections.abc import Iterator, Mapping

from gateway.config.comparing.plan import Warned
from gateway.config.comparing.settings import Setting, flat
from gateway.config.comparing.weakening import longer, wider
from gateway.config.compiled import Config
from gateway.config.model import Issuer
from gateway.config.showing import Showing
from gateway.domain.principal import Role


def issuer_settings(config: Config, shown: Showing) -> dict[str, Setting]:
    """By dotted path, `issuers.corp.audience`."""
    return {
        path: Setting(path=path, value=value, mark=shown.gateway_place(path))
        for name, issuer in config.issuers.items()
        for path, value in flat(issuer, f"issuers.{name}.")
    }


def issuers_weaker(old: Mapping[str, Issuer], new: Mapping[str, Issuer]) -> Iterator[Warned]:
    for name, issuer in new.items():
        before = old.get(name)
        told = ["its tokens let callers in"] if before is None else list(_weaker(before, issuer))
        for each in told:
            yield Warned(danger="security", subject="gateway", name="", message=f"issuers.{name}: {each}")


def _weaker(old: Issuer, new: Issuer) -> Iterator[str]:
    if old.issuer != new.issuer:
        yield "tokens of somebody else are believed"
    if old.jwks != new.jwks:
        yield "its keys come from somewhere else"
    if more := sorted(_audiences(new) - _audiences(old)):
        yield f"tokens that are meant for {', '.join(more)} let in"
    if more := sorted(set(new.algorithms) - set(old.algorithms)):
        yield f"signatures by {', '.join(more)} are accepted"
    if (old.tenant, old.claims.tenant, old.tenants) != (new.tenant, new.claims.tenant, new.tenants):
        yield "its tokens may be of other tenants"
    if old.claims.user != new.claims.user:
        yield "another claim says the user"
    if old.bind_user and not new.bind_user:
        yield "a token may name any user"
    if old.claims.roles is not None and old.claims.roles != new.claims.roles:
        yield "its roles come from elsewhere"
    if more := sorted(_roles(new) - _roles(old)):
        yield f"tokens may get {', '.join(more)}"
    if more := wider(old.kinds, new.kinds):
        yield f"tokens may touch {more}"
    if longer(old.leeway, new.leeway):
        yield f"tokens that have ended are accepted longer: leeway {old.leeway.text} -> {new.leeway.text}"
    if longer(old.max_stale, new.max_stale):
        yield f"old keys are used longer: max_stale {old.max_stale.text} -> {new.max_stale.text}"


def _audiences(issuer: Issuer) -> set[str]:
    return {issuer.audience} if isinstance(issuer.audience, str) else set(issuer.audience)


def _roles(issuer: Issuer) -> set[str]:
    """What each word stands for, and what every token has."""
    words = {f"{role.value} by {word!r}" for word, roles in issuer.roles.items() for role in roles}
    if issuer.claims.roles is None:
        return {role.value for role in issuer.default_roles}
    return words or {f"{role.value} by {role.value!r}" for role in Role}
