"""`POST /v1/subscription`: removed on 30.04.2025; answers 410 unless a test switches the old behaviour on (section
7).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.visma.calls import Answer, Call
from sandbox.visma.refusals import Gone
from sandbox.visma.wrappers import bare, text

if TYPE_CHECKING:
    from sandbox.visma.company import Company

_SCHEMA = {"event": bare(text), "hookUri": bare(text)}


def create(company: Company, call: Call) -> Answer:
    if not company.switches.legacy_subscriptions:
        raise Gone("The subscription endpoint has been removed; subscribe in the Developer Portal.")
    body = call.parsed(_SCHEMA)
    return Answer(201, {"id": company.new_id(), "event": body.get("event"), "hookUri": body.get("hookUri")})
