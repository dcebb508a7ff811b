"""A root key that never leaves AWS KMS: KMS wraps and unwraps, with the place as its encryption context.

One client per use: keys of tenants are unwrapped once for each process and rotation. Knows no tenant's name.
"""

import hashlib
from typing import Any, cast

from gateway.domain.errors import Unavailable
from gateway.domain.sealing import tampered
from gateway.sealing.roots import RootSource


class KmsRoot:
    def __init__(self, source: RootSource) -> None:
        self._source = source
        self.id = "m" + hashlib.sha256(f"{source.region} {source.key_id}".encode()).hexdigest()[:16]

    async def wrap(self, key: bytes, place: bytes) -> bytes:
        answer = await self._ask("encrypt", Plaintext=key, EncryptionContext=_context(place))
        return bytes(answer["CiphertextBlob"])

    async def unwrap(self, wrapped: bytes, place: bytes) -> bytes:
        answer = await self._ask("decrypt", CiphertextBlob=wrapped, EncryptionContext=_context(place))
        return bytes(answer["Plaintext"])

    async def _ask(self, operation: str, **asked: Any) -> dict[str, Any]:
        from aiobotocore import session as driver  # pyright: ignore[reportMissingTypeStubs] -- the driver has none
        from aiobotocore.config import AioConfig  # pyright: ignore[reportMissingTypeStubs] -- the driver has none
        from botocore.exceptions import (  # pyright: ignore[reportMissingTypeStubs] -- the driver has none
            BotoCoreError,
            ClientError,
            HTTPClientError,
        )

        source = self._source
        client: Any = (
            cast("Any", driver)
            .get_session()
            .create_client(
                "kms",
                config=AioConfig(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 2}),
                region_name=source.region,
                endpoint_url=source.endpoint_url,
                aws_access_key_id=source.access_key_id.reveal() if source.access_key_id else None,
                aws_secret_access_key=source.secret_access_key.reveal() if source.secret_access_key else None,
            )
        )
        try:
            async with client as kms:
                answer: dict[str, Any] = await getattr(kms, operation)(KeyId=source.key_id, **asked)
                return answer
        except ClientError as error:
            code = str(cast("dict[str, Any]", error.response).get("Error", {}).get("Code", ""))
            if code in ("InvalidCiphertextException", "IncorrectKeyException"):
                raise tampered() from None
            raise Unavailable(f"AWS KMS refused ({code or 'without a code'})", code="kms_refused") from None
        except (BotoCoreError, HTTPClientError, OSError, TimeoutError) as error:
            raise Unavailable(f"AWS KMS does not answer ({type(error).__name__})", code="kms_no_answer") from None


def _context(place: bytes) -> dict[str, str]:
    return {"memory-gateway": hashlib.sha256(place).hexdigest()}
