"""Versions of resources: the eight-byte stamp behind `timeStamp` and `ETag`, and the If-Match check (section 8)."""

from __future__ import annotations

import base64

from sandbox.visma.records import Stamped
from sandbox.visma.refusals import Stale


def time_stamp(record: Stamped) -> str:
    """The version as it stands in list items: base64 of eight bytes, no quotes."""
    return base64.b64encode(record.version.to_bytes(8, "big")).decode()


def etag(record: Stamped) -> str:
    """The version as the `ETag` header carries it, in quotes."""
    return f'"{time_stamp(record)}"'


def check(if_match: str | None, record: Stamped) -> None:
    """Raises `Stale` when If-Match is given and is not the present version in quotes. Without it nothing is checked."""
    if if_match is not None and if_match.strip() != etag(record):
        raise Stale("the resource has changed")
