"""Idempotency keys (gocardless.md section 6.2): a used key answers 409 with the first resource, whatever the new
body says.

A key is remembered only when something was created, so it stays free after a failed attempt; it is forgotten in the
end.
"""

from __future__ import annotations

from datetime import timedelta

from sandbox.gocardless.problems import idempotent_conflict, invalid_usage
from sandbox.gocardless.world import World

MAX_KEY_LENGTH = 128


def require_unused(world: World, key: str | None) -> None:
    """Raises 409 `idempotent_creation_conflict` for a used key, 400 for one that is too long."""
    if key is None:
        return
    if len(key) > MAX_KEY_LENGTH:
        raise invalid_usage(400, "idempotency_key_too_long", f"keys have at most {MAX_KEY_LENGTH} characters")
    used = world.idempotency.get(key)
    if used is None:
        return
    resource_id, when = used
    if world.now() - when > timedelta(days=world.settings.idempotency_days):
        del world.idempotency[key]
        return
    raise idempotent_conflict(resource_id)


def remember(world: World, key: str | None, resource_id: str) -> None:
    if key is not None:
        world.idempotency[key] = (resource_id, world.now())
