"""Trust in Visma's webhooks (visma.md section 7). A notification only makes the next poll happen now; it carries no facts.

There is no event for payments or journals, delivery may happen once or never, and the payload is not documented.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence

from connector_resources.erp.visma.settings import VismaSettings

#: vault names of the signing secrets; two while a secret is being rotated.
SECRET_NAMES = ("visma_webhook_secret", "visma_webhook_secret_next")

SIGNATURE = "x-vwd-signature-v1"
NOTIFICATION = "x-vwd-notification-id"
TENANT = "x-vwd-tenant-id"


def verify(settings: VismaSettings, body: bytes, headers: Mapping[str, str], secrets: Sequence[str]) -> bool:
    """True when one of `secrets` signed these raw bytes and the named tenant, if any, is the connection's.

    Every secret is tried in constant time, so that the time taken tells nothing about which one failed.
    """
    given = _lower(headers)
    signature = given.get(SIGNATURE, "").strip().encode()
    matches = [hmac.compare_digest(_signature(secret, body), signature) for secret in secrets]
    tenant = given.get(TENANT, "")
    return any(matches) and (not tenant or tenant.strip().lower() == settings.tenant_id.lower())


def identity(body: bytes, headers: Mapping[str, str]) -> str:
    """What two deliveries of one notification share: its id, else the hash of the body."""
    return _lower(headers).get(NOTIFICATION, "").strip() or hashlib.sha256(body).hexdigest()


def _signature(secret: str, body: bytes) -> bytes:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest())


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
