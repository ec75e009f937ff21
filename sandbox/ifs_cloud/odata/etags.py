"""ETags in the vendor's form: base64 of `W/"objid:objversion"`, weak or strong (fact sheet 4.1 and 8).

The object version is the row's change time in database time; the table moves it by at least a second per change.
"""

from __future__ import annotations

import base64

from sandbox.ifs_cloud.odata.edm import Row
from sandbox.ifs_cloud.odata.literals import Zone
from sandbox.ifs_cloud.odata.tables import OBJID, VERSION
from sandbox.ifs_cloud.refusals import NoPrecondition, Stale


def etag(row: Row, zone: Zone, *, weak: bool) -> str:
    """The whole string as it stands in `@odata.etag` and must come back in `If-Match`."""
    inner = f'W/"{row[OBJID]}:{zone.shown(row[VERSION]):%Y%m%d%H%M%S}"'
    quoted = f'"{base64.b64encode(inner.encode()).decode()}"'
    return f"W/{quoted}" if weak else quoted


def check(sent: str | None, current: str) -> None:
    """Raises `NoPrecondition` (428) without `If-Match`, `Stale` (412) when none of its values is the current one."""
    if sent is None or not sent.strip():
        raise NoPrecondition("Precondition is missing: the request must have the header If-Match.")
    if sent.strip() == "*":
        return
    if current not in (each.strip() for each in sent.split(",")):
        raise Stale("The object has been modified by another user. Please refresh and try again.")
