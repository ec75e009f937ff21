"""The alert sensor: people are told of held postings and failed runs, once a day each, and nothing waits for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from bookkeeping.postings import AccountRole, Party, PostingKind, Side
from connector_assets.names import CONNECTION_TAG, RELEASE_JOB
from connector_resources.erp.contract import Hold
from connector_resources.runtime import Runtime
from sensors.alert_sensor import AlertsNotDelivered, alert_sensor
from tests.alert_servers import Hook, PostOffice, alert_hook, mail_office
from tests.given_postings import GivenPostings

LINES = [(AccountRole.CLEARING, Side.DEBIT, 100), (AccountRole.RECEIVABLE, Side.CREDIT, 100)]
ALERTS = {"emails": ["finance@nordic.example"], "webhook": "alerts_webhook"}


@dataclass(slots=True)
class Watch:
    """A home whose alerts go to real servers. `tick` evaluates the sensor once, `hold` makes postings wait."""

    runtime: Runtime
    instance: dg.DagsterInstance
    hook: Hook
    office: PostOffice
    now: datetime
    cursor: str | None = None
    count: int = 0
    sleeps: list[float] = field(default_factory=list)

    def tick(self) -> dg.SensorResult:
        sensor = alert_sensor(self.runtime.connections)
        with dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources={"runtime": self.runtime}
        ) as context:
            evaluated: Any = sensor.evaluate_tick(context)
        self.cursor = evaluated.cursor
        return evaluated

    def hold(self, *, connection: str = "nordic", reason: str = "The period is closed.") -> str:
        self.count += 1
        given = GivenPostings(connection, self.now, self.now.date())
        subject, event = f"PM{self.count}", f"EV{self.count}"
        posting = given.of(PostingKind.RECEIPT, subject, LINES, Party("CU1"), event=event)
        ledger = self.runtime.store.ledger
        ledger.plan(connection, [posting])
        ledger.hold(connection, [Hold(posting.key, "period_closed", reason, "Open period 202605.")])
        return posting.key

    def fail(self, reason: str = "[nordic] no", *, name: str = "nordic_day", **tags: str) -> str:
        """A run that fails for `reason`; its id."""

        @dg.op(name=f"step_of_{name}")
        def step() -> None:
            raise dg.Failure(reason, metadata={"next step": "mend it"}, allow_retries=False)

        @dg.job(name=name)
        def failing() -> None:
            step()

        given = {CONNECTION_TAG: "nordic", **tags}
        result = failing.execute_in_process(instance=self.instance, raise_on_error=False, tags=given)
        return result.run_id

    def titles(self) -> list[str]:
        return [taken["title"] for taken in self.hook.taken]


@pytest.fixture
def watch(tmp_path: Path, open_home: Callable[..., Any], say: SimpleNamespace) -> Iterator[Watch]:
    documents = {"nordic": say.document(alerts=ALERTS), "quiet": say.document()}
    with (
        mail_office() as office,
        alert_hook() as hook,
        open_home(tmp_path, documents) as runtime,
        dg.DagsterInstance.ephemeral() as instance,
    ):
        opened = Watch(runtime, instance, hook, office, say.NOON)
        runtime.clock = lambda: opened.now
        runtime.sleep = opened.sleeps.append
        runtime.settings = runtime.settings.model_copy(
            update={
                "smtp_host": "localhost", "smtp_port": office.port, "smtp_security": "none",
                "mail_from": "connector@nordic.example", "ui_url": "https://dagster.example/",
            }
        )  # fmt: skip
        runtime.store.vault.write("nordic", "alerts_webhook", hook.url)
        yield opened


def test_what_is_held_is_told_once_by_mail_and_webhook_with_the_next_step(watch: Watch) -> None:
    first, second = watch.hold(), watch.hold()
    run = watch.instance.create_run_for_job(
        dg.JobDefinition(graph_def=dg.GraphDefinition(name="g")), tags={CONNECTION_TAG: "nordic"},
        status=dg.DagsterRunStatus.SUCCESS,
    )  # fmt: skip
    for _ in range(3):
        watch.tick()

    (taken,) = watch.hook.taken
    assert taken["title"] == f"2 postings are held; mend the reason, then launch the job {RELEASE_JOB}"
    assert [item["subject"] for item in taken["items"]] == [
        f"{first} (PM1, period_closed)",
        f"{second} (PM2, period_closed)",
    ]
    assert {item["next_step"] for item in taken["items"]} == {"Open period 202605."}
    assert taken["link"] == f"https://dagster.example/runs/{run.run_id}"
    ((recipients, mail),) = watch.office.mails
    assert recipients == ["finance@nordic.example"]
    assert mail["Subject"].startswith("[nordic] 2 postings are held")


def test_what_is_newly_held_is_told_alone_and_the_next_day_everything_again(watch: Watch) -> None:
    watch.hold()
    watch.tick()
    watch.hold()
    watch.tick()
    watch.tick()
    assert [len(taken["items"]) for taken in watch.hook.taken] == [1, 1]
    assert watch.titles()[1].startswith("2 postings are held, 1 of them new;")
    watch.now += timedelta(days=1)
    watch.tick()
    assert [len(taken["items"]) for taken in watch.hook.taken] == [1, 1, 2]


def test_a_list_that_still_grows_is_told_when_the_run_is_over(watch: Watch) -> None:
    job = dg.JobDefinition(graph_def=dg.GraphDefinition(name="g"))
    run = watch.instance.create_run_for_job(job, tags={CONNECTION_TAG: "nordic"}, status=dg.DagsterRunStatus.STARTED)
    watch.hold()
    watch.tick()
    assert watch.hook.taken == []
    watch.hold()
    watch.instance.delete_run(run.run_id)
    watch.tick()
    assert [len(taken["items"]) for taken in watch.hook.taken] == [2]


def test_a_failed_run_is_told_once_a_day_however_often_it_fails_alike(watch: Watch) -> None:
    run = watch.fail("[nordic] the token was refused")
    watch.tick()
    watch.fail("[nordic] the token was refused")
    watch.tick()
    (taken,) = watch.hook.taken
    assert (taken["kind"], taken["link"]) == ("failures", f"https://dagster.example/runs/{run}")
    (item,) = taken["items"]
    assert (item["reason"], item["next_step"]) == ("[nordic] the token was refused", "mend it")
    watch.fail("[nordic] another reason")
    watch.tick()
    assert [taken["items"][0]["reason"] for taken in watch.hook.taken][1:] == ["[nordic] another reason"]


def test_the_days_of_a_failed_run_stand_in_the_title(watch: Watch) -> None:
    watch.fail(**{"dagster/partition": "2026-06-03"})
    watch.tick()
    assert watch.titles() == ["a run of 2026-06-03 failed"]


def test_runs_of_connections_that_name_nobody_are_not_told(watch: Watch) -> None:
    watch.fail(**{CONNECTION_TAG: "quiet"})
    watch.hold(connection="quiet")
    watch.tick()
    assert (watch.hook.taken, watch.office.mails) == ([], [])


def test_a_refused_decision_is_not_told_again_by_alert(watch: Watch) -> None:
    watch.fail(name=RELEASE_JOB)
    watch.tick()
    assert watch.hook.taken == []


def test_what_is_not_delivered_fails_the_tick_stays_due_and_is_delivered_later(watch: Watch) -> None:
    key = watch.hold()
    watch.hook.answers = [500] * 3
    with pytest.raises(AlertsNotDelivered, match="answered 500") as failed:
        watch.tick()
    assert "canary" not in str(failed.value)
    assert len(watch.office.mails) == 1

    watch.tick()
    assert [taken["items"][0]["subject"].split()[0] for taken in watch.hook.taken] == [key]
    assert len(watch.office.mails) == 1


def test_a_missing_address_is_told_with_the_command_that_sets_it(watch: Watch) -> None:
    watch.runtime.store.vault.remove("nordic", "alerts_webhook")
    watch.hold()
    with pytest.raises(AlertsNotDelivered, match="connector credentials set nordic alerts_webhook"):
        watch.tick()


def test_the_postings_are_left_as_they_are(watch: Watch) -> None:
    key = watch.hold()
    trail = watch.runtime.store.trail
    before = trail.head("nordic")
    watch.tick()
    row = watch.runtime.store.ledger.get("nordic", key)
    assert row is not None
    assert (row.state, trail.head("nordic")) == ("held", before)


def test_no_secret_leaves_in_an_alert(watch: Watch) -> None:
    watch.runtime.store.vault.write("nordic", "client_secret", "canary-secret-4711-visma")
    watch.runtime.store.vault.read("nordic", "client_secret")
    watch.hold(reason="refused: client_secret=canary-secret-4711-visma")
    watch.fail("Authorization: Bearer canary-secret-4711-visma")
    watch.tick()
    mails = "".join(mail.as_string() for _, mail in watch.office.mails)
    assert len(watch.hook.taken) == 2
    assert "canary" not in f"{watch.hook.taken}{mails}"


def test_the_cursor_says_up_to_when_runs_were_looked_at(watch: Watch) -> None:
    watch.fail()
    watch.tick()
    assert watch.cursor is not None
    assert datetime.fromisoformat(watch.cursor).tzinfo == UTC
