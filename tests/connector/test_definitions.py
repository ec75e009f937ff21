"""What Dagster loads: the same assets, checks, jobs, sensors and schedules for each connection, for none, one or many."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from connector.definitions import defs
from connector_resources.connections.template import connection_template
from connector_resources.errors import BrokenConnectionFile
from tests.evenings import DAY

ASSETS = {
    "gocardless": [
        "customers",
        "events",
        "mandates",
        "payments",
        "payout_items",
        "payouts",
        "refunds",
        "subscriptions",
    ],
    "postings": ["master_data", "payouts", "receipts", "refunds"],
    "erp": ["customers", "documents", "payout_journals"],
    "reports": ["reconciliation"],
}
#: check -> asset; the first two stop everything downstream.
CHECKS = {
    "payouts_proven": "gocardless/payout_items",
    "balanced": "postings/payouts",
    "clearing_balance": "erp/payout_journals",
    "erp_agrees": "erp/payout_journals",
    "nothing_missed": "erp/payout_journals",
    "nothing_unposted": "erp/payout_journals",
    "trail_verifies": "erp/payout_journals",
}
BLOCKING = {"payouts_proven", "balanced"}


def _load(home: Path, monkeypatch: pytest.MonkeyPatch, *connections: tuple[str, str]) -> dg.RepositoryDefinition:
    directory = home / "connections"
    directory.mkdir(parents=True)
    for name, erp in connections:
        text = connection_template(erp, name, cut_over=DAY)
        (directory / f"{name}.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("CONNECTOR_HOME", str(home))
    return defs().get_repository_def()


def _jobs(repository: dg.RepositoryDefinition) -> list[str]:
    return sorted(name for name in repository.job_names if not name.startswith("__"))


def test_without_connections_there_is_nothing_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = _load(tmp_path, monkeypatch)
    assert list(repository.asset_graph.get_all_asset_keys()) == []
    assert list(repository.sensor_defs) == list(repository.schedule_defs) == _jobs(repository) == []


@pytest.mark.parametrize("erp", ["visma", "datev"])
def test_a_connection_has_these_definitions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, erp: str) -> None:
    repository = _load(tmp_path, monkeypatch, ("first", erp))
    graph = repository.asset_graph

    assert sorted("/".join(key.path) for key in graph.get_all_asset_keys()) == sorted(
        f"first/{room}/{name}" for room, names in ASSETS.items() for name in names
    )
    assert {key.name: "/".join(key.asset_key.path[1:]) for key in graph.asset_check_keys} == CHECKS
    assert {key.name for key in graph.asset_check_keys if graph.get(key).blocking} == BLOCKING
    assert _jobs(repository) == ["first_day", "first_erp"]
    assert sorted(sensor.name for sensor in repository.sensor_defs) == [
        "continue_stopped",
        "erp_poll",
        "event_poll",
        "webhook_drop",
    ]
    assert [schedule.name for schedule in repository.schedule_defs] == ["first_sweep"]


def test_a_connection_that_lives_by_a_consent_has_it_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = _load(tmp_path, monkeypatch, ("first", "exact_online"), ("second", "visma"))
    assert _jobs(repository) == ["consents", "first_day", "first_erp", "second_day", "second_erp"]
    assert sorted(each.name for each in repository.schedule_defs) == ["consents_daily", "first_sweep", "second_sweep"]


def test_every_signal_is_on_from_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = _load(tmp_path, monkeypatch, ("first", "visma"))
    assert {s.default_status for s in repository.sensor_defs} == {dg.DefaultSensorStatus.RUNNING}
    assert {s.default_status for s in repository.schedule_defs} == {dg.DefaultScheduleStatus.RUNNING}


def test_many_connections_share_the_sensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = _load(tmp_path, monkeypatch, ("one", "visma"), ("two", "datev"), ("three", "visma"))

    assert len(list(repository.asset_graph.get_all_asset_keys())) == 3 * 16
    assert _jobs(repository) == ["one_day", "one_erp", "three_day", "three_erp", "two_day", "two_erp"]
    assert len(list(repository.sensor_defs)) == 4
    assert sorted(schedule.name for schedule in repository.schedule_defs) == ["one_sweep", "three_sweep", "two_sweep"]


def test_each_job_takes_only_its_own_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = _load(tmp_path, monkeypatch, ("one", "visma"), ("two", "visma"))

    day, erp = repository.get_job("one_day"), repository.get_job("one_erp")

    assert {key.path[0] for key in day.asset_layer.executable_asset_keys} == {"one"}
    assert len(day.asset_layer.executable_asset_keys) == 16
    assert {"/".join(key.path) for key in erp.asset_layer.executable_asset_keys} == {
        "one/erp/customers",
        "one/erp/documents",
        "one/erp/payout_journals",
    }
    for job in (day, erp):
        assert job.partitions_def is not None
        assert job.partitions_def.get_first_partition_key() == DAY.isoformat()
        assert job.tags["connector/connection"] == "one"


def test_every_asset_is_explained_owned_and_grouped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph: Any = _load(tmp_path, monkeypatch, ("first", "visma")).asset_graph
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.description, key
        assert (node.group_name, list(node.owners)) == ("first", ["team:finance"]), key
        assert node.partitions_def.timezone == "Europe/Berlin", key
        assert node.backfill_policy == dg.BackfillPolicy.single_run(), key


def test_only_assets_that_write_share_the_pool_of_their_erp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph: Any = _load(tmp_path, monkeypatch, ("first", "visma")).asset_graph
    pooled = {"/".join(k.path[1:]) for k in graph.get_all_asset_keys() if graph.get(k).pools}
    assert pooled == {"erp/customers", "erp/documents", "erp/payout_journals"}


def test_a_broken_file_stops_the_load_and_names_the_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "connections").mkdir()
    (tmp_path / "connections" / "first.yaml").write_text("gocardless: {}\n", encoding="utf-8")
    monkeypatch.setenv("CONNECTOR_HOME", str(tmp_path))
    with pytest.raises(BrokenConnectionFile, match=r"first\.yaml:1: gocardless\.environment: is required"):
        defs().get_repository_def()
