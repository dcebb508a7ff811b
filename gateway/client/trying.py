"""How often and when a call is sent, and what its answer comes to. Both clients ask this; it does no I/O itself.

A call whose fate is unknown goes out again only where that changes nothing; one that was refused, or never left, may
always. Between two tries lies a growing random pause, never shorter than a `Retry-After`, all within one deadline.
"""

import email.utils
import time
from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeVar

import httpx
import msgspec

from gateway.client.errors import Away, GatewayError, TooLate, TooMany, Unreachable, error_of
from gateway.client.operation import Ask

Reply = TypeVar("Reply")

# The gateway turned these away before it looked at them.
_REFUSED: Final = frozenset({"gateway_full", "gateway_late", "tenant_share", "leaving", "not_ready"})
_UNSENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds. `retries` are those after the first try; `timeout` is for each, `deadline` for all with their pauses."""

    retries: int = 3
    timeout: float = 10.0
    deadline: float = 30.0
    pause: float = 0.1
    longest_pause: float = 5.0
    on_read_error: Literal["raise", "empty"] = "raise"


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """What a test may want to hold: `now` in seconds, `chance` from 0 to 1."""

    now: Callable[[], float]
    chance: Callable[[], float]


class Tries:
    """One call from its first try to its last. Ask `seconds` before each try, then `again` after each that failed."""

    def __init__(self, ask: Ask[Reply], policy: Policy, clock: Clock) -> None:
        self._ask = ask
        self._policy = policy
        self._clock = clock
        self._until = clock.now() + policy.deadline + ask.patience
        self._made = 0

    def seconds(self) -> float:
        """How long the next try may take; TooLate where no time is left."""
        self._made += 1
        left = self._until - self._clock.now()
        if left <= 0:
            raise TooLate(
                "the deadline of this client has passed", code="client_deadline", path=self._ask.operation.path
            )
        return min(self._policy.timeout + self._ask.patience, left)

    def again(self, error: GatewayError) -> float:
        """How long to wait before another try; raises the error where there is none."""
        if self._made > self._policy.retries or not self._may_repeat(error):
            raise error
        growing = min(self._policy.longest_pause, self._policy.pause * 2 ** (self._made - 1))
        pause = growing * (0.5 + self._clock.chance() / 2)
        if isinstance(error, Away):
            pause = max(pause, error.retry_after)
        if self._clock.now() + pause >= self._until:
            raise error
        return pause

    def _may_repeat(self, error: GatewayError) -> bool:
        if not isinstance(error, Away):
            return False
        if isinstance(error, TooMany) or error.code in _REFUSED or error.code == "unsent":
            return True
        return self._ask.operation.repeats == "always" or (
            self._ask.operation.repeats == "keyed" and bool(self._ask.key)
        )


def failed(ask: Ask[Reply], error: httpx.TransportError) -> Unreachable:
    """No answer: `unsent` where the request certainly never left, else `no_answer`."""
    code = "unsent" if isinstance(error, _UNSENT) else "no_answer"
    named = str(error) or type(error).__name__
    return Unreachable(f"the gateway gave no answer: {named}", code=code, path=ask.operation.path)


def refused(ask: Ask[Reply], status: int, headers: Mapping[str, str], body: bytes) -> GatewayError:
    error = error_of(status, body, headers.get("x-request-id", ""), ask.operation.path)
    if isinstance(error, Away):
        error.retry_after = _seconds(headers.get("retry-after", ""))
    return error


def answered(ask: Ask[Reply], headers: Mapping[str, str], body: bytes) -> tuple[Reply, str]:
    """The reply, and why it is empty where the gateway itself answered a read as if nothing was found."""
    try:
        reply = ask.operation.decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise GatewayError(
            f"this is not what a gateway answers: {error}",
            code="not_a_gateway",
            request_id=headers.get("x-request-id", ""),
            path=ask.operation.path,
        ) from None
    code = headers.get("memory-gateway-degraded", "")
    return (_marked(reply, code) if code else reply), code


def emptied(ask: Ask[Reply], error: GatewayError, policy: Policy) -> Reply:
    """The reply of a read that found nothing, where that is wished for and this is such a read; else raises."""
    empty = ask.operation.empty
    if policy.on_read_error != "empty" or empty is None or not isinstance(error, Away):
        raise error
    return _marked(empty(ask.path), error.code)


def _marked(reply: Reply, code: str) -> Reply:
    if isinstance(reply, msgspec.Struct) and hasattr(reply, "degraded"):
        return msgspec.structs.replace(reply, degraded=code)
    return reply


def _seconds(value: str) -> float:
    """A Retry-After, which is a number of seconds or a date."""
    if value.isdigit():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return 0.0
