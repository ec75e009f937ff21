"""Alerts as JSON to a real webhook on this machine."""

from __future__ import annotations

from typing import Any

import pytest

from connector_resources.alerts.webhook import ATTEMPTS, post_alert
from connector_resources.errors import ConfigurationError, NotSent, Refused


def test_the_json_is_for_people_and_for_programs(hook: Any, alert: Any) -> None:
    post_alert(hook.url, alert("EV1:payout"))

    (taken,) = hook.taken
    assert taken["text"].startswith("[nordic] 1 postings are held\n")
    assert "Next step: Open period 202605." in taken["text"]
    assert (taken["kind"], taken["connection"], taken["link"]) == ("held", "nordic", "https://dagster.example/runs/1")
    assert taken["items"] == [
        {"subject": "EV1:payout", "reason": "The period is closed.", "next_step": "Open period 202605."}
    ]


def test_what_was_not_taken_is_sent_again(hook: Any, alert: Any) -> None:
    hook.answers = [503, 429]
    naps: list[float] = []
    post_alert(hook.url, alert(), sleep=naps.append)
    assert (hook.asked, len(hook.taken), len(naps)) == (3, 1, 2)


def test_it_gives_up_after_some_attempts_and_says_so_without_the_address(hook: Any, alert: Any) -> None:
    hook.answers = [500] * ATTEMPTS
    with pytest.raises(NotSent, match=r"alert webhook at 127\.0\.0\.1 answered 500") as given_up:
        post_alert(hook.url, alert(), sleep=lambda _s: None)
    assert hook.asked == ATTEMPTS
    assert "canary" not in str(given_up.value)


@pytest.mark.parametrize("status", [302, 400, 404, 410])
def test_an_alert_that_is_not_wanted_is_not_sent_again(hook: Any, alert: Any, status: int) -> None:
    hook.answers = [status]
    with pytest.raises(Refused, match=f"answered {status}"):
        post_alert(hook.url, alert(), sleep=lambda _s: None)
    assert hook.asked == 1


def test_an_address_that_is_not_https_gets_nothing(alert: Any) -> None:
    with pytest.raises(ConfigurationError, match="must be https"):
        post_alert("http://hooks.example/services/canary-hook-4711", alert())


def test_nobody_at_the_address_is_told_without_the_address(alert: Any) -> None:
    with pytest.raises(NotSent, match="could not be reached") as away:
        post_alert("http://127.0.0.1:1/services/canary-hook-4711", alert(), sleep=lambda _s: None)
    assert "canary" not in f"{away.value!r} {away.value.__cause__!r}"
