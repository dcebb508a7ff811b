"""The review of what hooks have kept aside, on the wire."""

from typing import Final

from gateway.faces.http.endpoint import Endpoint
from gateway.services.memories import reviewing
from gateway.services.memories.removing import Removed

QUARANTINE: Final = (
    Endpoint(
        method="GET",
        path="/v1/quarantine",
        operation=reviewing.LIST,
        request=reviewing.Reviewing,
        reply=reviewing.AsideList,
        tag="quarantine",
        summary="What hooks have kept aside, newest first, with its content",
    ),
    Endpoint(
        method="POST",
        path="/v1/quarantine/{quarantine_id}/release",
        operation=reviewing.RELEASE,
        request=reviewing.OneAside,
        reply=reviewing.Released,
        tag="quarantine",
        summary="Let it become the memory or message that it was to be",
    ),
    Endpoint(
        method="DELETE",
        path="/v1/quarantine/{quarantine_id}",
        operation=reviewing.DROP,
        request=reviewing.OneAside,
        reply=Removed,
        tag="quarantine",
        summary="Drop what was kept aside",
    ),
)
