"""One person on the wire: erasing, what came of it, and handing everything out; each also under the names of others."""

from typing import Final

import msgspec

from gateway.faces.http.endpoint import Endpoint
from gateway.services.subjects import erasing, exporting


def _receipt_text(request: erasing.OneErasure, reply: erasing.Erasure) -> str | None:
    if request.format != "receipt" or reply.receipt is None:
        return None
    return bytes(reply.receipt).decode()


_ERASE: Final = Endpoint(
    method="DELETE",
    path="/v1/subjects/{user_id}",
    operation=erasing.ERASE,
    request=erasing.Erase,
    reply=erasing.Erasure,
    tag="subjects",
    summary="Erase everything that is kept of a user, everywhere, with a signed receipt",
)
_EXPORT: Final = Endpoint(
    method="GET",
    path="/v1/subjects/{user_id}/export",
    operation=exporting.EXPORT,
    request=exporting.Export,
    reply=exporting.ExportPage,
    text=exporting.lines_of,
    tag="subjects",
    summary="Everything that is kept of a user",
)

SUBJECTS: Final = (
    _ERASE,
    Endpoint(
        method="GET",
        path="/v1/subjects/{user_id}/erasures/{erasure_id}",
        operation=erasing.STANDING,
        request=erasing.OneErasure,
        reply=erasing.Erasure,
        text=_receipt_text,
        tag="subjects",
        summary="How far an erasure is, with its receipt",
    ),
    _EXPORT,
    msgspec.structs.replace(_ERASE, method="POST", path="/users/{user_id}/forget", id="subject.forget"),
    msgspec.structs.replace(_ERASE, method="DELETE", path="/users/{user_id}/forget", id="subject.forget_all"),
    msgspec.structs.replace(_ERASE, method="DELETE", path="/users/{user_id}/data", id="subject.delete_data"),
    msgspec.structs.replace(_EXPORT, path="/users/{user_id}/data", id="subject.data"),
)
