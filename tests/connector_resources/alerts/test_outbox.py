"""Each thing is told once a day, and stays due until every channel took it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector_resources.alerts.alert import LISTED, Alert, AlertItem
from connector_resources.alerts.outbox import MOST_DUE, Outbox
from connector_resources.store.store import Store
from connector_resources.transport.redaction import register_secret

TODAY = date(2026, 6, 3)
TOMORROW = TODAY + timedelta(days=1)
CHANNELS = ("mail", "webhook")


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    store = Store.open(f"sqlite:///{tmp_path / 'store.sqlite'}", clock=lambda: datetime(2026, 6, 3, tzinfo=UTC))
    store.migrate()
    yield Outbox(store.marks, "nordic")
    store.close()


def test_what_was_told_today_is_not_told_again_until_tomorrow(outbox: Outbox, alert: Any) -> None:
    outbox.note(alert("a", "b"), CHANNELS, TODAY, ["a", "b"])
    assert outbox.untold("held", TODAY, ["a", "b", "c"]) == ["c"]
    outbox.note(alert("c"), CHANNELS, TODAY, ["c"])
    assert outbox.untold("held", TODAY, ["a", "b", "c"]) == []
    assert outbox.untold("held", TOMORROW, ["a", "c"]) == ["a", "c"]
    assert outbox.untold("failures", TODAY, ["a"]) == ["a"]


def test_an_alert_is_due_until_every_channel_took_it(outbox: Outbox, alert: Any) -> None:
    outbox.note(alert("a"), CHANNELS, TODAY, ["a"])
    given: list[str] = []

    def deliver(channel: str, told: Alert) -> str:
        given.append(f"{channel} {told.items[0].subject}")
        return "the mail server is away" if channel == "mail" and len(given) < 4 else ""

    assert outbox.deliver(deliver) == ["the mail server is away"]
    assert [each.channels for each in outbox.due()] == [("mail",)]
    assert outbox.deliver(deliver) == ["the mail server is away"]
    assert outbox.deliver(deliver) == []
    assert given == ["mail a", "webhook a", "mail a", "mail a"]
    assert outbox.due() == []


def test_a_channel_that_is_away_is_asked_once_a_round(outbox: Outbox, alert: Any) -> None:
    for number in range(5):
        outbox.note(alert(str(number)), ("mail",), TODAY, [str(number)])
    asked: list[str] = []
    problems = outbox.deliver(lambda channel, _alert: asked.append(channel) or "away")
    assert (problems, asked, len(outbox.due())) == (["away"], ["mail"], 5)


def test_the_oldest_are_given_up_beyond_a_limit(outbox: Outbox, alert: Any) -> None:
    for number in range(MOST_DUE + 2):
        outbox.note(alert(str(number)), ("mail",), TODAY, [str(number)])
    assert [each.alert.items[0].subject for each in outbox.due()] == [str(n) for n in range(2, MOST_DUE + 2)]


def test_an_alert_comes_back_from_the_store_as_it_was(outbox: Outbox, alert: Any) -> None:
    outbox.note(alert("a", "b"), CHANNELS, TODAY, ["a"])
    assert outbox.due()[0].alert == alert("a", "b")


def test_a_long_list_is_cut_and_counted() -> None:
    items = [AlertItem(str(number), "why", "what") for number in range(LISTED + 7)]
    told = Alert.about("held", "nordic", "many", items, "")
    assert (len(told.items), told.more) == (LISTED, 7)
    assert told.text().endswith("- and 7 more")


def test_an_alert_holds_no_secret() -> None:
    register_secret("canary-secret-0815")
    item = AlertItem("run", "refused: Authorization: Bearer canary-secret-0815", "use client_secret=canary-secret-0815")
    told = Alert.about("failures", "nordic", "failed with canary-secret-0815", [item], "")
    assert "canary" not in f"{told.text()}{told.payload()}"
