"""What a config must mean, beyond its form: one question per file, each a function to findings.

CHECKS are asked of each unit alone, ACROSS of all of them together. ADVICE is about what is not there or not used, so
it waits until nothing is broken anywhere.
"""

from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from gateway.config.assembly import Assembly
from gateway.config.checks.chains import chain_steps, chain_vectors
from gateway.config.checks.credentials import credentials, keys_once, no_credentials
from gateway.config.checks.cursor import cursor_key
from gateway.config.checks.defaults import default_routes, no_default, nothing_kept
from gateway.config.checks.filters import filters
from gateway.config.checks.hooks import hook_names, hooks_asked, hooks_required
from gateway.config.checks.imports import imports
from gateway.config.checks.issuers import issuers
from gateway.config.checks.limits import limits
from gateway.config.checks.metadata import metadata_schemas
from gateway.config.checks.names import chain_names, profile_names, strategy_names
from gateway.config.checks.open_tenants import one_open, open_tenants
from gateway.config.checks.patterns import patterns
from gateway.config.checks.policy import policy
from gateway.config.checks.receipts import receipts
from gateway.config.checks.resources import resources
from gateway.config.checks.retention import archive_names, archives, overflow, summarizer_names
from gateway.config.checks.scope import scopes
from gateway.config.checks.sealed_search import sealed_search
from gateway.config.checks.sealing import keyrings, sealed_alike, sealing
from gateway.config.checks.sealing_floor import sealing_floor
from gateway.config.checks.serving import kinds_held, vectors_there
from gateway.config.checks.severities import severities
from gateway.config.checks.taken import names_taken
from gateway.config.checks.templates import templates
from gateway.config.checks.ties import ties
from gateway.config.checks.unused import no_tenants, unused, unused_by_all
from gateway.config.checks.upstreams import proxies, upstream_names
from gateway.config.crowd import Crowd
from gateway.config.diagnostics import Diagnostic

Check: TypeAlias = Callable[[Assembly], Iterable[Diagnostic]]
Among: TypeAlias = Callable[[Crowd], Iterable[Diagnostic]]

CHECKS: Final[tuple[Check, ...]] = (
    names_taken, chain_names, strategy_names, hook_names, upstream_names, profile_names, chain_steps, chain_vectors, summarizer_names, archive_names, ties, default_routes, patterns, scopes,
    templates, filters, metadata_schemas, limits, kinds_held, vectors_there, overflow, archives, proxies, hooks_asked, imports, credentials, issuers, open_tenants,
    policy, hooks_required, cursor_key, receipts, severities, keyrings,
    sealing, sealed_alike, sealed_search, sealing_floor,
)  # fmt: skip

ADVICE: Final[tuple[Check, ...]] = (no_default, nothing_kept, no_credentials, unused)

ACROSS: Final[tuple[Among, ...]] = (keys_once, one_open, resources)

ADVICE_ACROSS: Final[tuple[Among, ...]] = (unused_by_all, no_tenants)
