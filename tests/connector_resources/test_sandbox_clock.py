"""The clock of a runtime: the machine's, or that of stand-ins; and never the latter where anything real could be reached."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from connector_resources.clock import clock_of, utc_now
from connector_resources.errors import ConfigurationError
from connector_resources.runtime import Runtime
from connector_resources.settings import Settings
from sandbox.business.played_clock import PlayedClock
from tests.erp_sections import visma_section
from tests.evenings import evening_company

JUNE = datetime(2026, 6, 3, 20, tzinfo=UTC)
SOON = timedelta(seconds=20)


def home_with(path: Path, gocardless: str) -> Path:
    (path / "connections").mkdir(parents=True)
    document = {
        "gocardless": {"environment": "sandbox", "base_url": gocardless},
        "books": {"time_zone": "Europe/Oslo", "cut_over": "2026-06-01"},
        "erp": visma_section(evening_company(), "http://127.0.0.1:8602"),
    }
    (path / "connections" / "nordic.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def test_without_the_setting_the_clock_is_the_machines() -> None:
    assert clock_of(None, ()) is utc_now
    assert abs(utc_now() - datetime.now(UTC)) < SOON


def test_a_runtime_lives_in_the_time_of_its_stand_ins_and_jumps_with_them(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    played = PlayedClock(JUNE, file)
    home = home_with(tmp_path / "home", "http://127.0.0.1:8601")

    with Runtime.open(Settings(home=home, sandbox_clock=file)) as runtime:
        assert JUNE <= runtime.clock() < JUNE + SOON
        assert runtime.store.database.now() - runtime.clock() < SOON
        played.set(JUNE + timedelta(days=9))
        assert JUNE + timedelta(days=9) <= runtime.clock() < JUNE + timedelta(days=9) + SOON


def test_who_waits_by_the_stand_ins_time_is_done_when_it_jumps(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    played = PlayedClock(JUNE, file)
    home = home_with(tmp_path / "home", "http://127.0.0.1:8601")
    with Runtime.open(Settings(home=home, sandbox_clock=file)) as runtime, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(runtime.sleep, 86_400)
        for _ in range(60):
            # Whoever begins to wait after a jump waits for the next one.
            played.set(runtime.clock() + timedelta(days=1, minutes=1))
            if wait([waiting], timeout=1).done:
                break
        waiting.result(timeout=0)


def test_a_clock_that_is_passed_in_is_not_waited_by(tmp_path: Path) -> None:
    home = home_with(tmp_path / "home", "http://127.0.0.1:8601")
    with Runtime.open(Settings(home=home), clock=lambda: JUNE) as runtime:
        assert runtime.sleep is time.sleep


def test_the_environment_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTOR_SANDBOX_CLOCK", str(tmp_path / "clock"))

    assert Settings().sandbox_clock == tmp_path / "clock"


def test_a_connection_to_a_real_system_refuses_the_sandbox_clock(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    PlayedClock(JUNE, file)
    home = home_with(tmp_path / "home", "https://api-sandbox.gocardless.com")

    with pytest.raises(ConfigurationError, match=r"\[nordic\].*gocardless\.base_url is not one") as refused:
        Runtime.open(Settings(home=home, sandbox_clock=file))
    assert "unset CONNECTOR_SANDBOX_CLOCK" in str(refused.value)


@pytest.mark.parametrize("content", [None, "", "tomorrow", "1.5"])
def test_a_clock_that_cannot_be_read_is_said_at_once(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "clock"
    if content is not None:
        file.write_text(content, encoding="ascii")

    with pytest.raises(ConfigurationError, match="the sandbox clock"):
        clock_of(file, ())
