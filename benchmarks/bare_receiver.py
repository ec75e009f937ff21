"""What the receiver is measured against: the same server, which stores the bytes it is sent and looks at nothing.

`python -m benchmarks.bare_receiver PORT` serves until it is stopped. Every body is one durable transaction, in the database that
`CONNECTOR_HOME` or `CONNECTOR_DATABASE_URL` names, as the receiver's.
"""

from __future__ import annotations

import sys

from sqlalchemy import bindparam, insert
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connector_resources.runtime import Runtime
from connector_resources.store.schema import INBOX_DELIVERIES
from connector_resources.store.store import Store
from sensors.front_door import receiver_server

_DELIVERY = insert(INBOX_DELIVERIES).values(
    connection="measured",
    webhook_id=None,
    received_at=bindparam("at"),
    sha256="",
    body=bindparam("raw"),
    event_count=0,
)


def create_app(store: Store) -> Starlette:
    async def take(request: Request) -> Response:
        raw = await request.body()
        await run_in_threadpool(_keep, store, raw)
        return Response(status_code=204)

    async def health(_request: Request) -> Response:
        return Response(status_code=200)

    return Starlette(routes=[Route("/bare", take, methods=["POST"]), Route("/health", health)])


def _keep(store: Store, raw: bytes) -> None:
    with store.database.write() as transaction:
        transaction.execute(_DELIVERY, {"at": store.database.now(), "raw": raw})


if __name__ == "__main__":
    with Runtime.open() as runtime:
        receiver_server(create_app(runtime.store), "127.0.0.1", int(sys.argv[1])).run()
