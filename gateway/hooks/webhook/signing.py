"""The signature of a delivery: HMAC-SHA256 over its time and its body, so that neither can be changed or sent again late.

Whoever receives one checks it like `genuine`: in constant time, over the bytes as they came, and not older than they accept.
"""

import hmac


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """What `X-Webhook-Signature` says: `v1=` and the hex of HMAC-SHA256(secret, "<timestamp>.<body>")."""
    return "v1=" + hmac.digest(secret.encode(), f"{timestamp}.".encode() + body, "sha256").hex()


def genuine(secret: str, timestamp: str, body: bytes, signed: str, now: float, tolerance: float = 300.0) -> bool:
    """Takes the same time whether a signature is nearly right or all wrong."""
    if not timestamp.isascii() or not timestamp.isdigit() or abs(now - int(timestamp)) > tolerance:
        return False
    return hmac.compare_digest(signature(secret, int(timestamp), body).encode(), signed.encode())
