"""Trust in calls of IFS Event Actions (ifs_cloud.md section 9). A call only makes the next poll happen now; it carries no facts.

IFS signs nothing. The customer's Event Action or workflow sends a static secret in a header, which is all there is to check.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence

from connector_resources.erp.ifs_cloud.settings import IfsCloudSettings

#: vault names of the shared secret; two while it is being replaced.
SECRET_NAMES = ("ifs_hook_secret", "ifs_hook_secret_next")
SECRET_HEADER = "x-ifs-hook-secret"  # noqa: S105 - the name of a header


def verify(settings: IfsCloudSettings, body: bytes, headers: Mapping[str, str], secrets: Sequence[str]) -> bool:
    """True when the header holds one of `secrets`, compared in constant time, and the company, if named, is ours."""
    given = {name.lower(): value for name, value in headers.items()}.get(SECRET_HEADER, "").strip().encode()
    matches = [bool(secret) and hmac.compare_digest(secret.encode(), given) for secret in secrets]
    return any(matches) and _is_ours(settings, body)


def identity(body: bytes, headers: Mapping[str, str]) -> str:
    """What two deliveries of one call share: the body."""
    return hashlib.sha256(body).hexdigest()


def _is_ours(settings: IfsCloudSettings, body: bytes) -> bool:
    """An Event Action may serve the whole tenant; one without a company is for everybody."""
    try:
        content = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        return False
    company = content.get("company") if isinstance(content, dict) else None
    return not company or str(company) in settings.companies
