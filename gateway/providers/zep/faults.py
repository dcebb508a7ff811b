"""What went wrong between here and Zep, in the gateway's words. Details name the provider: never the key, URLs or contents."""

from typing import Final

from gateway.domain.errors import DeadlineExceeded, GatewayError, TooLarge, Unavailable

_WORDS: Final = {
    400: ("zep_rejected", "Zep does not accept a request"),
    401: ("zep_key", "Zep does not accept the API key"),
    403: ("zep_key", "the API key may not do this"),
    409: ("zep_conflict", "Zep was asked for the same by another at this moment"),
    422: ("zep_rejected", "Zep does not accept a request"),
    429: ("zep_busy", "Zep takes no more requests for now"),
}


class Gone(Exception):
    """Zep does not have what was named: for the caller to make again, or to take as absent. Never leaves the package."""


def in_words(error: Exception, name: str) -> Exception:
    """The error to raise for one that came up in a call. Errors of ours pass unchanged."""
    # The driver and what it talks through may be missing where nothing is opened.
    import httpx
    from zep_cloud.core.api_error import ApiError

    if isinstance(error, GatewayError | Gone):
        return error
    if isinstance(error, httpx.TimeoutException):
        return DeadlineExceeded(f"{name}: Zep did not answer in time", code="zep_timeout")
    if isinstance(error, httpx.HTTPError | httpx.InvalidURL):
        return Unavailable(f"{name}: Zep cannot be reached", code="zep_unreachable")
    if isinstance(error, ApiError):
        return _answered(error.status_code or 0, error.headers or {}, name)
    return Unavailable(f"{name}: Zep answered in a way that is not understood", code="zep_answer")


def _answered(status: int, headers: dict[str, str], name: str) -> Exception:
    if status == 404:
        return Gone()
    if status == 413:
        return TooLarge(f"{name}: Zep takes no contents of this size", code="zep_too_large")
    if status in (408, 504):
        return DeadlineExceeded(f"{name}: Zep did not finish in time", code="zep_timeout")
    code, words = _WORDS.get(status, ("zep_failed", "Zep failed"))
    after = {key.lower(): value for key, value in headers.items()}.get("retry-after", "")
    return Unavailable(f"{name}: {words}", code=code, headers={"Retry-After": after} if after.isdigit() else None)
