"""The config language as types: what an operator may write, key by key. The schemas are generated from here.

Sections whose entries have a `type` (providers, embedders, strategies, hooks) stay plain here: their keys belong to the
plugin that the type names.
"""

from gateway.config.model.auth import Algorithm, ApiKey, Auth, Issuer, TokenClaims
from gateway.config.model.chains import STEP_KEYS, Guarding, Step, StepRole
from gateway.config.model.erasure import Receipts
from gateway.config.model.faces import Faces
from gateway.config.model.gateway import GatewayFile, Plugins, Policy, References
from gateway.config.model.hooks import Hooking, Word
from gateway.config.model.layer import Checkpoints, ContextBlock, Layer, Limits, Override, Retrieval, Session
from gateway.config.model.owning import Identity, PartName, ScopeForm, ScopeTable, Template
from gateway.config.model.proxy import Inject, Proxy
from gateway.config.model.retention import Retention
from gateway.config.model.sealing import Encryption, Keyring, SealingFloor
from gateway.config.model.server import Admin, AdminKey, Jobs, Reload, Server
from gateway.config.model.tenant import Match, Op, Route, Tenant, TenantFile
from gateway.config.model.words import NAME_PATTERN, Keys, Labels, Name, Pattern, Patterns, Plugged

__all__ = [
    "NAME_PATTERN",
    "STEP_KEYS",
    "Admin",
    "AdminKey",
    "Algorithm",
    "ApiKey",
    "Auth",
    "Checkpoints",
    "ContextBlock",
    "Encryption",
    "Faces",
    "GatewayFile",
    "Guarding",
    "Hooking",
    "Identity",
    "Inject",
    "Issuer",
    "Jobs",
    "Keyring",
    "Keys",
    "Labels",
    "Layer",
    "Limits",
    "Match",
    "Name",
    "Op",
    "Override",
    "PartName",
    "Pattern",
    "Patterns",
    "Plugged",
    "Plugins",
    "Policy",
    "Proxy",
    "Receipts",
    "References",
    "Reload",
    "Retention",
    "Retrieval",
    "Route",
    "ScopeForm",
    "ScopeTable",
    "SealingFloor",
    "Server",
    "Session",
    "Step",
    "StepRole",
    "Template",
    "Tenant",
    "TenantFile",
    "TokenClaims",
    "Word",
]
