"""The floor: `requests` with one session and orjson, page after page."""

from __future__ import annotations

import orjson
import requests
from reporting import report


def read(address: str) -> int:
    session = requests.Session()
    records, after = 0, None
    while True:
        params = {"limit": "500", **({"after": after} if after else {})}
        body = orjson.loads(session.get(f"{address}/payments", params=params, timeout=60).content)
        records += len(body["payments"])
        after = body["meta"]["cursors"]["after"]
        if after is None:
            return records


report(read)
