"""The demo's home and its summary: nothing of the user is removed, and a doubled collection is never good."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from connector.demo.cast import ROLES
from connector.demo.judge import Difference
from connector.demo.outcome import Outcome, write_summary
from connector.demo.processes import DemoFailed
from connector.demo.stage import prepare_home
from sandbox.business.profiles import PROFILES


def good() -> Outcome:
    return Outcome("dutch", "exact_online", postings=Counter(posted=3), proven=2, created=40, trail_verified=True)


def test_the_summary_has_the_true_numbers(tmp_path: Path) -> None:
    outcome = good()
    outcome.doubled = ["26700001"]
    write_summary([outcome], tmp_path / "summary.json")

    (told,) = json.loads((tmp_path / "summary.json").read_text("utf-8"))["connections"]
    assert told["collections"] == {"created": 40, "doubled": 1}
    assert told["postings"] == {"posted": 3, "delivered": 0, "held": 0, "pending": 0}
    assert told["payouts"] == {"proven": 2, "unproven": 0}
    assert (told["books_differ"], told["trail_verified"]) == (False, True)


def test_only_an_outcome_without_any_fault_is_good() -> None:
    assert good().good
    for name, value in {
        "postings": Counter(pending=1),
        "unproven": 1,
        "missed": 1,
        "doubled": ["26700001"],
        "differences": [Difference("fees EUR", 1, 2)],
        "trail_verified": False,
    }.items():
        outcome = good()
        setattr(outcome, name, value)
        assert not outcome.good, name


def test_a_home_that_is_not_a_demos_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONNECTOR_HOME", "CONNECTOR_SANDBOX_CLOCK", "DAGSTER_HOME"):
        monkeypatch.setenv(name, "")
    (tmp_path / "mine.txt").write_text("keep", "utf-8")
    with pytest.raises(DemoFailed, match="not an earlier demo's"):
        prepare_home(tmp_path)
    assert (tmp_path / "mine.txt").read_text("utf-8") == "keep"

    home = tmp_path / "demo"
    (prepare_home(home).home / "old.txt").write_text("of an earlier demo", "utf-8")
    stage = prepare_home(home)
    assert not (home / "old.txt").exists()
    assert stage.environment["CONNECTOR_SANDBOX_CLOCK"] == str(home / "sandbox_clock")


def test_every_merchant_of_the_demo_has_a_profile() -> None:
    assert set(ROLES) == set(PROFILES)
    assert [name for name, role in ROLES.items() if role.collects] == ["dutch", "irish", "nordsee"]
