"""What erasures are proven with."""

from typing import Annotated

from msgspec import Meta

from gateway.config.model.words import Keys
from gateway.domain.units import Secret


class Receipts(Keys, frozen=True, kw_only=True):
    """The Ed25519 key that signs receipts of erasures. Where none is given, one is made at the first erasure."""

    key: (
        Annotated[
            Secret,
            Meta(
                description="The private key: PEM, or 32 bytes in hex or base64. The same for all gateways of a fleet."
            ),
        ]
        | None
    ) = None
    file: Annotated[str, Meta(min_length=1, description="Where the key is kept that the gateway makes itself.")] = (
        "data/receipts.key"
    )
