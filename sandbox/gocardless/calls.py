"""One API call as the handlers see it, their answers, and how an endpoint is declared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from sandbox.gocardless.problems import invalid_usage, not_found
from sandbox.gocardless.records import Collection, Record
from sandbox.gocardless.world import Token, World


@dataclass(slots=True)
class Call:
    """`query` holds the last value of each parameter; `document` the parsed body, None when there was none."""

    world: World
    token: Token
    path: Mapping[str, str]
    query: Mapping[str, str]
    document: Any
    base_url: str

    @property
    def identity(self) -> str:
        return self.path["identity"]

    def fields(self, envelope: str) -> dict[str, Any]:
        """The document under its envelope. Raises 400 `invalid_document_structure` for any other shape."""
        inner = self.document.get(envelope) if isinstance(self.document, dict) else None
        if not isinstance(inner, dict):
            raise invalid_usage(400, "invalid_document_structure", f"expected a JSON object under the key '{envelope}'")
        return inner

    def action_data(self) -> dict[str, Any]:
        """What an action was given under `data`; nothing, `null` and `{}` are all fine (checklist 10.1.1)."""
        if self.document is None:
            return {}
        inner = self.document.get("data", {}) if isinstance(self.document, dict) else self.document
        if inner is None:
            return {}
        if not isinstance(inner, dict):
            raise invalid_usage(400, "invalid_document_structure", "expected a JSON object under the key 'data'")
        return inner

    def record(self, collection: Collection, what: str) -> Record:
        """The resource named in the path. Raises 404 when it does not exist, or was removed."""
        found = collection.get(self.identity)
        if found is None:
            raise not_found(what, self.identity)
        return found


@dataclass(slots=True)
class Reply:
    """`body` is JSON unless `content_type` says otherwise. `created` is remembered for the idempotency key."""

    status: int
    body: bytes
    created: str | None = None
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


def one(envelope: str, record: Record, status: int = 200) -> Reply:
    """A single resource under its envelope."""
    created = record.id if status == 201 else None
    return Reply(status, b'{"' + envelope.encode() + b'":' + record.json + b"}", created)


def plain(envelope: str, body: Any, status: int = 200) -> Reply:
    """A document that is no stored record."""
    return Reply(status, orjson.dumps({envelope: body}))


Handler = Callable[[Call], Reply]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A route. `idempotent` creates honour the key; `checked_before_key` is run first where a world asks for that
    order.

    `open` endpoints (hosted pages, OAuth) need no token and no version header.
    """

    method: str
    path: str
    handler: Handler
    idempotent: bool = False
    checked_before_key: Handler | None = None
    open: bool = False
    budget: str = "general"
    #: False for POSTs that change nothing, so that a read-only token may use them.
    writes: bool | None = None

    @property
    def is_write(self) -> bool:
        return self.method != "GET" if self.writes is None else self.writes
