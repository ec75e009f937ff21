"""The nightly sweep empties raw bodies that have been kept long enough, and no other run does."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import dagster as dg
from sqlalchemy import select, update

from connector_assets.factory import connection_definitions
from connector_resources.store.deliveries import Delivery
from connector_resources.store.schema import INBOX_DELIVERIES
from sensors.schedules import nightly_sweep
from tests.evenings import DAY

House = Any

BODY = b'{"events":[]}'
LINE = "webhook bodies emptied"


def received(house: House, *ages_days: float) -> None:
    """Deliveries without events, of these ages."""
    store, name = house.installation.runtime.store, house.installation.connection.name
    now = datetime.now(UTC)
    for number, age in enumerate(ages_days):
        webhook = f"WB{number}"
        body = BODY + b" " * number
        store.deliveries.keep([Delivery(name, body, webhook, 0, "UTC")])
        of_that_age = update(INBOX_DELIVERIES).where(INBOX_DELIVERIES.c.webhook_id == webhook)
        with store.begin() as transaction:
            transaction.execute(of_that_age.values(received_at=now - timedelta(days=age)))


def kept(house: House) -> list[str]:
    wanted = select(INBOX_DELIVERIES.c.webhook_id).where(INBOX_DELIVERIES.c.body != b"")
    with house.installation.runtime.store.database.read() as reading:
        return sorted(reading.execute(wanted).scalars())


def swept(house: House) -> dict[str, Any]:
    """Metadata of the events after the run that the schedule asks for."""
    made = connection_definitions(house.installation.connection)
    definitions = dg.Definitions.merge(
        dg.Definitions(schedules=[nightly_sweep(made.connection, made.day_job)]), made.as_definitions()
    )
    at = datetime.combine(DAY, time(3, 30), tzinfo=made.connection.zone)
    repository = definitions.get_repository_def()
    context = dg.build_schedule_context(house.instance, scheduled_execution_time=at, repository_def=repository)
    (request,) = repository.get_schedule_def(f"{made.connection.name}_sweep").evaluate_tick(context).run_requests
    job = definitions.resolve_job_def(made.day_job.name)
    result = job.execute_in_process(instance=house.instance, tags=request.tags)
    assert result.success
    (events,) = result.asset_materializations_for_node(f"{made.connection.name}__gocardless__events")[:1]
    return {name: value.value for name, value in events.metadata.items()}


def test_the_sweep_empties_bodies_older_than_the_connection_keeps_them_and_says_how_many(house: House) -> None:
    keep = house.installation.connection.webhook.keep_bodies_days
    received(house, 0, keep - 1, keep + 2, keep + 30)
    assert LINE not in house.materialised(house.run(DAY))["gocardless/events"]
    assert kept(house) == ["WB0", "WB1", "WB2", "WB3"]

    assert swept(house)[LINE] == 2
    assert kept(house) == ["WB0", "WB1"]
    assert house.installation.runtime.store.trail.verify(house.installation.connection.name).ok
