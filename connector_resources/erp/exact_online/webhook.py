"""Trust in Exact Online's webhooks (exact_online.md section 7). A notification only makes the next poll happen now.

The signature stands in the body and covers the raw bytes of the value of `Content`, so it is found in the bytes and nothing is
decoded and encoded again. When a subscription is made Exact sends an empty POST, which carries no signature.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence

from connector_resources.erp.exact_online.settings import ExactOnlineSettings
from connector_resources.errors import MissingCredential

#: vault names of the app's webhook secret; two while it is being replaced.
SECRET_NAMES = ("exact_online_webhook_secret", "exact_online_webhook_secret_next")

_CONTENT, _HASH = b"Content", b"HashCode"
#: a string that never ends is one token as well, and nothing is tried twice: a hostile body costs no more than its length.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\[\s\S])*+(?:"|\\?\Z)|[{}\[\],]')


def verify(settings: ExactOnlineSettings, body: bytes, headers: Mapping[str, str], secrets: Sequence[str]) -> bool:
    """True for the empty validation POST, and when one of `secrets` signed the content and it is for our division.

    Every secret is tried in constant time. Raises `MissingCredential` without a secret: that would be no check at all.
    """
    if not body:
        return True
    parts = _members(body)
    content, given = parts.get(_CONTENT), parts.get(_HASH, b'""')[1:-1].upper()
    if not secrets or not all(secrets):
        raise MissingCredential(
            "The app's webhook secret is not in the vault, or is empty.",
            next_step=f"connector credentials set NAME {SECRET_NAMES[0]}",
        )
    matches = [hmac.compare_digest(signature(secret, content or b""), given) for secret in secrets]
    return content is not None and any(matches) and _is_ours(settings, content)


def signature(secret: str, content: bytes) -> bytes:
    """Upper-case hex of the HMAC over the bytes of `Content`, its braces included."""
    return hmac.new(secret.encode(), content, hashlib.sha256).hexdigest().upper().encode()


def identity(body: bytes, headers: Mapping[str, str]) -> str:
    """What two deliveries of one notification share: the signed content; "" for the validation POST, which says nothing."""
    if not body:
        return ""
    return hashlib.sha256(_members(body).get(_CONTENT, body)).hexdigest()


def _is_ours(settings: ExactOnlineSettings, content: bytes) -> bool:
    """The secret belongs to the app, which may serve many divisions (section 7.1)."""
    try:
        stated = json.loads(content)
    except (ValueError, RecursionError):
        return False
    division = stated.get("Division") if isinstance(stated, dict) else None
    return settings.division is None or division == settings.division


def _members(body: bytes) -> dict[bytes, bytes]:
    """The raw bytes of each string or object that is a member of the outermost object; {} for anything else.

    Only tokens are looked at: braces inside of strings do not count, whatever is escaped in them.
    """
    found: dict[bytes, bytes] = {}
    depth, name, starts = 0, b"", 0
    for token in _TOKEN.finditer(body):
        text = token[0]
        if text in b"{[":
            depth += 1
            if depth == 2:
                starts = token.start()
        elif text in b"}]":
            depth -= 1
            if depth == 1 and name:
                found.setdefault(name, body[starts : token.end()])
                name = b""
        elif depth == 1 and text == b",":
            name = b""
        elif depth == 1 and not name:
            name = text[1:-1]
        elif depth == 1:
            found.setdefault(name, text)
            name = b""
    return found if depth == 0 else {}
