"""How providers talk to AWS, or to what speaks as AWS does: one client of a service, and its failures in words.

A request is sent once: whether to send it again is for those who know what it does. Knows no service's operations, no
records. Words never hold keys, signatures or contents.
"""

import asyncio
from collections.abc import Generator, Mapping
from contextlib import AsyncExitStack, contextmanager
from typing import Annotated, Any, Final, cast

import msgspec
from msgspec import Meta

from gateway.domain.errors import TooMany, Unavailable
from gateway.domain.units import Secret

REQUIRES: Final[dict[str, str]] = {"aiobotocore": "aws"}

_MODELS: Final = ("service-2", "endpoint-rule-set-1", "paginators-1")
_THROTTLED: Final = frozenset(
    {
        "LimitExceededException", "ProvisionedThroughputExceededException", "RequestLimitExceeded", "SlowDown",
        "Throttling", "ThrottledException", "ThrottlingException", "TooManyRequestsException",
    }
)  # fmt: skip
_DENIED: Final = frozenset(
    {
        "AccessDenied", "AccessDeniedException", "ExpiredToken", "ExpiredTokenException", "IncompleteSignatureException",
        "InvalidAccessKeyId", "InvalidClientTokenId", "InvalidSignatureException", "MissingAuthenticationTokenException",
        "NotAuthorized", "SignatureDoesNotMatch", "UnrecognizedClientException",
    }
)  # fmt: skip


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """Where a service is and who asks. What is not given comes from the environment, as with every AWS tool:
    variables, profile, container or instance role."""

    region: str | None = None
    endpoint_url: str | None = None
    access_key_id: Secret | None = None
    secret_access_key: Secret | None = None
    session_token: Secret | None = None
    connect_timeout: float = 3.0
    timeout: Annotated[float, Meta(description="Seconds without a byte.")] = 10.0
    connections: int = 50

    def __post_init__(self) -> None:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError(
                "`access_key_id` and `secret_access_key` go together; without both, the environment's credentials are used"
            )
        if self.session_token is not None and self.access_key_id is None:
            raise ValueError("`session_token` belongs to an `access_key_id` and `secret_access_key`; they are missing")


async def connect(
    stack: AsyncExitStack, service: str, access: Access, name: str, *, settings: Mapping[str, Any] | None = None
) -> Any:
    """A client of the service, closed with the stack. Sends nothing. `settings` are botocore's (`s3`: {...}).

    Unavailable where a region or credentials cannot be found out.
    """
    with in_words(name):
        session: Any = await asyncio.to_thread(_session, service)
        from aiobotocore.config import AioConfig  # pyright: ignore[reportMissingTypeStubs] -- the driver has none

        config = AioConfig(
            connect_timeout=access.connect_timeout,
            read_timeout=access.timeout,
            max_pool_connections=access.connections,
            retries={"total_max_attempts": 1},
            **(settings or {}),
        )
        client = session.create_client(
            service,
            region_name=access.region,
            endpoint_url=access.endpoint_url,
            aws_access_key_id=_revealed(access.access_key_id),
            aws_secret_access_key=_revealed(access.secret_access_key),
            aws_session_token=_revealed(access.session_token),
            config=config,
        )
        try:
            return await stack.enter_async_context(client)
        except ValueError:
            raise Unavailable(f"{name}: `region` or `endpoint_url` cannot be an address", code="aws_address") from None


@contextmanager
def in_words(name: str) -> Generator[None]:
    """Whatever goes wrong between here and the service is said as an error of ours; the rest passes unchanged."""
    from botocore.exceptions import (  # pyright: ignore[reportMissingTypeStubs] -- the driver has none
        BotoCoreError,
        ClientError,
        HTTPClientError,
        NoCredentialsError,
        NoRegionError,
    )

    try:
        yield
    except ClientError as error:
        raise _refused(error, name) from None
    except NoRegionError:
        raise Unavailable(
            f"{name}: no region is known; give `region` or AWS_DEFAULT_REGION", code="aws_region"
        ) from None
    except NoCredentialsError:
        raise Unavailable(f"{name}: no credentials were found", code="aws_credentials") from None
    except (BotoCoreError, HTTPClientError, OSError, TimeoutError) as error:
        # Messages of the driver hold addresses, which may hold credentials: its name for the error is enough.
        raise Unavailable(f"{name}: no answer ({type(error).__name__})", code="aws_no_answer") from None


def code_of(error: Exception) -> str:
    """The service's own code of a refusal (`ConditionalCheckFailedException`, `NoSuchKey`); empty where it is none."""
    answer = cast("Mapping[str, Any]", getattr(error, "response", None) or {})
    return str(answer.get("Error", {}).get("Code", ""))


def _refused(error: Exception, name: str) -> Exception:
    code = code_of(error)
    if code in _THROTTLED:
        return TooMany(f"{name}: the service asks to slow down ({code})", code="aws_throttled")
    if code in _DENIED:
        return Unavailable(f"{name}: the service does not accept the credentials ({code})", code="aws_denied")
    return Unavailable(f"{name}: the service refused ({code or 'without a code'})", code="aws_refused")


def _session(service: str) -> Any:
    """In a thread: importing the driver and reading the service's description take a while."""
    from aiobotocore import session as driver  # pyright: ignore[reportMissingTypeStubs] -- the driver has none
    from botocore.exceptions import (  # pyright: ignore[reportMissingTypeStubs] -- the driver has none
        UnknownServiceError,
    )

    session: Any = cast("Any", driver).get_session()
    loader = session.get_component("data_loader")
    loader.load_data("endpoints")
    loader.load_data("partitions")
    for model in _MODELS:
        try:
            loader.load_service_model(service, model)
        except UnknownServiceError:
            raise Unavailable(f"the installed driver does not know the service {service}", code="aws_service") from None
    return session


def _revealed(secret: Secret | None) -> str | None:
    return None if secret is None else secret.reveal()
