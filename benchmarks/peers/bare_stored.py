"""The floor of storing: the bare loop, and an upsert of id and body into an SQLite file, committed page by page."""

from __future__ import annotations

import sqlite3
import tempfile

import orjson
import requests
from reporting import report


def read(address: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        database = sqlite3.connect(f"{folder}/payments.sqlite", isolation_level=None)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("CREATE TABLE payments (id TEXT PRIMARY KEY, created_at TEXT, body TEXT)")
        session = requests.Session()
        after = None
        while True:
            params = {"limit": "500", **({"after": after} if after else {})}
            body = orjson.loads(session.get(f"{address}/payments", params=params, timeout=60).content)
            rows = [(item["id"], item["created_at"], orjson.dumps(item).decode()) for item in body["payments"]]
            database.execute("BEGIN IMMEDIATE")
            database.executemany("INSERT OR REPLACE INTO payments VALUES (?, ?, ?)", rows)
            database.execute("COMMIT")
            after = body["meta"]["cursors"]["after"]
            if after is None:
                return int(database.execute("SELECT count(*) FROM payments").fetchone()[0])


report(read)
