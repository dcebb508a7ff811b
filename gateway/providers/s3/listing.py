"""A page of a listing, read by ourselves: the driver's own way takes the event loop 150 ms for a thousand names, this 5.

The driver still signs, sends and tells errors; it hands over the answer's bytes before it would read them.
"""

from typing import Any, Final
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import msgspec

from gateway.domain.errors import Unavailable

_EVENT: Final = "before-parse.s3.ListObjectsV2"
_RAW: Final = "Raw"
_NOTHING: Final = b"<ListBucketResult/>"


class Listing(msgspec.Struct, frozen=True):
    """Names with their etags, in order; `next` asks for the following page."""

    found: list[tuple[str, str]]
    next: str | None


def take_over(client: Any) -> None:
    """From now on the client's listings are for `listing_of`."""
    client.meta.events.register(_EVENT, _aside)


def listing_of(answer: dict[str, Any]) -> Listing:
    try:
        root = ET.fromstring(answer[_RAW])  # noqa: S314 -- from the service that holds all we keep, not from clients
    except ET.ParseError:
        raise Unavailable("a listing of the bucket cannot be read", code="s3_listing") from None
    space = root.tag.partition("}")[0] + "}" if root.tag.startswith("{") else ""
    decode = unquote if root.findtext(f"{space}EncodingType") == "url" else str
    found = [
        (decode(each.findtext(f"{space}Key", "")), each.findtext(f"{space}ETag", "").strip('"'))
        for each in root.iterfind(f"{space}Contents")
    ]
    return Listing(found, root.findtext(f"{space}NextContinuationToken"))


def _aside(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    if response_dict["status_code"] < 300:
        customized_response_dict[_RAW] = response_dict["body"]
        response_dict["body"] = _NOTHING
