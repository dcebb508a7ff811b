"""The gateway's own language: an endpoint as a phrase, which is read, performed and encoded by its declaration alone."""

from typing import Final

import msgspec

from gateway.domain.errors import GatewayError
from gateway.faces.http.endpoint import Endpoint, Reader
from gateway.faces.http.exchange import JSON, Exchange, Phrase, Reply
from gateway.faces.http.problems import TYPE, written

TEXT: Final = b"text/plain; charset=utf-8"
REPLAYED: Final = ((b"idempotency-replayed", b"true"),)

_encode = msgspec.json.Encoder().encode


def native(endpoint: Endpoint) -> Phrase:
    reader = Reader(endpoint)

    async def answer(exchange: Exchange) -> Reply:
        request = reader.read(exchange.body, exchange.query, exchange.path)
        reply = await exchange.perform(endpoint.operation, reader.facts(request, exchange), request)
        text = endpoint.text(request, reply) if endpoint.text else None
        kind, content = (JSON, _encode(reply)) if text is None else (TEXT, text.encode())
        replayed = endpoint.replayable and getattr(reply, "replayed", False) is True
        return Reply(status=endpoint.status, kind=kind, content=content, headers=REPLAYED if replayed else ())

    return Phrase(
        name=endpoint.operation.name,
        method=endpoint.method,
        path=endpoint.path,
        answer=answer,
        failed=failed,
        bodied=endpoint.bodied,
    )


def failed(error: GatewayError, request_id: str) -> Reply:
    return Reply(status=error.status, kind=TYPE, content=written(error, request_id))
