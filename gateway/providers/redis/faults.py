"""What went wrong with Redis, in the gateway's words. Details name the provider, never addresses, keys or contents."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from gateway.domain.errors import GatewayError, Tampered, Unavailable

# The driver takes the first word of some refusals away and makes a class of it; others keep it.
_REFUSALS: Final = (
    ("OutOfMemoryError", "OOM", "redis_full", "the server is out of memory"),
    ("ReadOnlyError", "READONLY", "redis_read_only", "the server takes no writes: it is a replica"),
    ("", "MISCONF", "redis_read_only", "the server takes no writes: it cannot save to its disk"),
    ("", "NOREPLICAS", "redis_read_only", "the server takes no writes: it has too few replicas"),
    ("BusyLoadingError", "LOADING", "redis_starting", "the server is still loading its data"),
    ("ClusterDownError", "CLUSTERDOWN", "redis_starting", "the cluster is not complete"),
    ("NoPermissionError", "NOPERM", "redis_refused", "these credentials may not do what a gateway does"),
    ("", "NOAUTH", "redis_refused", "the server wants credentials"),
)


@contextmanager
def worded(name: str) -> Generator[None]:
    """Whatever the driver raises in here comes out in the gateway's words; errors of ours and cancellation as they are."""
    from redis import exceptions as known

    try:
        yield
    except (known.RedisError, known.RedisClusterException, OSError, TimeoutError) as error:
        raise _in_words(error, name) from None  # the driver's own words may hold the address, or a command


def _in_words(error: Exception, name: str) -> GatewayError:
    from redis import exceptions as known

    kind, said = type(error).__name__, str(error)
    for named, word, code, words in _REFUSALS:
        if kind == named or (word in said and isinstance(error, known.RedisError)):
            return Unavailable(f"{name}: {words}", code=code)
    if "WRONGTYPE" in said:
        return Tampered(f"{name}: a key with the gateway's prefix holds something else")
    if isinstance(error, known.TimeoutError | TimeoutError):
        return Unavailable(f"{name}: Redis did not answer in time", code="redis_slow")
    if isinstance(error, known.AuthenticationError | known.AuthorizationError):
        return Unavailable(f"{name}: Redis does not accept the credentials of `url`", code="redis_refused")
    if isinstance(error, known.ConnectionError | OSError):
        return Unavailable(f"{name}: Redis cannot be reached", code="redis_unreachable")
    return Unavailable(f"{name}: Redis refused a command ({kind})", code="redis_failed")
