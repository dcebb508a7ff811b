"""What is sealed, and where the keys for it come from and are kept."""

from typing import Annotated, Literal

from msgspec import Meta, field

from gateway.config.model.words import Keys, Name
from gateway.domain.units import Duration, Secret
from gateway.sealing.roots import RootSource


class Encryption(Keys, frozen=True, kw_only=True):
    """Sealing of a route's records, before they reach any link or backend of its chain."""

    type: Annotated[
        Literal["mg1", "fernet", "none"],
        Meta(description="mg1: AES-256-GCM with keys of a keyring. fernet: with Fernet keys. none: not sealed."),
    ] = "mg1"
    keys: Annotated[Name, Meta(description="mg1: a name from `keyrings:`.")] = "main"
    key: Annotated[Secret, Meta(description="A Fernet key, or several with commas; the first seals.")] | None = None
    old_keys: Annotated[tuple[Secret, ...], Meta(description="Fernet keys that still open.")] = ()
    fields: Annotated[
        tuple[str, ...],
        Meta(min_length=1, description="content, role, metadata (all of it), or metadata.<path>."),
    ] = ("content",)
    vectors: (
        Annotated[
            Literal["plain", "keyed", "sealed", "none"],
            Meta(
                description="plain: readable, and a text can be guessed from its vector. keyed: turned by a secret, which "
                "is obfuscation. sealed: with the content; the gateway ranks. none: not kept. Default: sealed with "
                "sealed content, else plain."
            ),
        ]
        | None
    ) = None
    index: Annotated[
        tuple[str, ...],
        Meta(description="Sealed metadata paths whose equality backends may test; shows which values are equal."),
    ] = ()
    accept_plaintext_until: Annotated[
        str, Meta(description="ISO 8601 time until which what is not sealed is read all the same.")
    ] | (None) = None

    @property
    def on(self) -> bool:
        return self.type != "none"

    @property
    def content(self) -> bool:
        return "content" in self.fields

    @property
    def kept_vectors(self) -> Literal["plain", "keyed", "sealed", "none"]:
        return self.vectors or ("sealed" if self.content else "plain")

    def fernet_keys(self) -> list[str]:
        """The first seals."""
        given = [] if self.key is None else [each for each in self.key.reveal().split(",") if each.strip()]
        return [*given, *(each.reveal() for each in self.old_keys)]


class Keyring(Keys, frozen=True, kw_only=True):
    """Keys of tenants and subjects, wrapped by a root key, in a store."""

    root: Annotated[RootSource, Meta(description="The key that wraps all others.")]
    old_roots: Annotated[tuple[RootSource, ...], Meta(description="Roots that still unwrap.")] = ()
    store: Annotated[
        Name, Meta(description="The provider that keeps the wrapped keys. Without one: the file data/keys.db.")
    ] | (None) = None
    ttl: Annotated[
        Duration, Meta(description="Within which every worker notices that a key was rotated or destroyed.")
    ] = field(default_factory=lambda: Duration("10s"))


class SealingFloor(Keys, frozen=True, kw_only=True):
    """The least that every route must seal."""

    fields: Annotated[tuple[str, ...], Meta(min_length=1, description="What must be among a route's `fields`.")] = (
        "content",
    )
    vectors: Annotated[
        tuple[Literal["plain", "keyed", "sealed", "none"], ...],
        Meta(min_length=1, description="What a route's `vectors` may be."),
    ] = ("keyed", "sealed", "none")
