"""Who calls: bearer tokens, their scope, and the version header (gocardless.md section 1)."""

from __future__ import annotations

from sandbox.gocardless.problems import invalid_usage
from sandbox.gocardless.world import Token, World

VERSION = "2015-07-06"


def require_version(header: str | None) -> None:
    """Raises 400 when the version header is missing or names no version."""
    if not header:
        raise invalid_usage(400, "missing_version_header", "the GoCardless-Version header is required")
    if header != VERSION:
        raise invalid_usage(400, "version_not_found", f"there is no API version {header}")


def authenticate(world: World, header: str | None) -> Token:
    """The caller's token. Raises 401 when the header or the token is no good."""
    if not header:
        raise invalid_usage(401, "missing_authorization_header", "the Authorization header is required")
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "bearer" or not value.strip():
        raise invalid_usage(401, "invalid_authorization_header", "expected 'Authorization: Bearer <access token>'")
    token = world.tokens.get(value.strip())
    if token is None:
        raise invalid_usage(401, "access_token_not_found", "the access token was not found")
    if token.state == "disabled":
        raise invalid_usage(401, "access_token_not_active", "the access token is not active")
    if token.state == "revoked":
        raise invalid_usage(401, "access_token_revoked", "the access token was revoked")
    return token


def require_write(token: Token) -> None:
    """Raises 403 when the token may only read."""
    if token.scope != "read_write":
        raise invalid_usage(403, "insufficient_permissions", "your access token may only read")
