"""What Dagster loads: the same assets, checks, jobs, sensors and schedules for each connection, for none, one or many."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.definitions_load_context import DefinitionsLoadContext, DefinitionsLoadType

from connector import definitions
from connector.definitions import defs
from connector_resources.connections.template import connection_template
from connector_resources.settings import Settings
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
    "reports": ["month_end", "morning", "reconciliation"],
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
#: in which a person decides about held postings, of whichever connection.
DECIDING = ["release_held", "withdraw_held"]


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
    assert _jobs(repository) == ["first_day", "first_erp", "first_month", *DECIDING]
    assert sorted(sensor.name for sensor in repository.sensor_defs) == [
        "alerts",
        "continue_stopped",
        "erp_poll",
        "event_poll",
        "lost_runs",
        "run_released",
        "webhook_drop",
    ]
    assert sorted(each.name for each in repository.schedule_defs) == ["first_month_end", "first_sweep"]


def test_a_connection_that_lives_by_a_consent_has_it_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = _load(tmp_path, monkeypatch, ("first", "exact_online"), ("second", "visma"))
    assert _jobs(repository) == sorted(
        ["consents", *DECIDING, *(f"{name}_{job}" for name in ("first", "second") for job in ("day", "erp", "month"))]
    )
    assert sorted(each.name for each in repository.schedule_defs) == sorted(
        ["consents_daily", "first_month_end", "first_sweep", "second_month_end", "second_sweep"]
    )


def test_every_signal_is_on_from_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = _load(tmp_path, monkeypatch, ("first", "visma"))
    assert {s.default_status for s in repository.sensor_defs} == {dg.DefaultSensorStatus.RUNNING}
    assert {s.default_status for s in repository.schedule_defs} == {dg.DefaultScheduleStatus.RUNNING}


def test_many_connections_share_the_sensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = _load(tmp_path, monkeypatch, ("one", "visma"), ("two", "datev"), ("three", "visma"))

    assert len(list(repository.asset_graph.get_all_asset_keys())) == 3 * 18
    assert _jobs(repository) == sorted(
        [*DECIDING, *(f"{name}_{job}" for name in ("one", "two", "three") for job in ("day", "erp", "month"))]
    )
    assert len(list(repository.sensor_defs)) == 7
    assert sorted(schedule.name for schedule in repository.schedule_defs) == sorted(
        f"{name}_{what}" for name in ("one", "two", "three") for what in ("month_end", "sweep")
    )


def test_each_job_takes_only_its_own_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = _load(tmp_path, monkeypatch, ("one", "visma"), ("two", "visma"))

    day, erp = repository.get_job("one_day"), repository.get_job("one_erp")

    assert {key.path[0] for key in day.asset_layer.executable_asset_keys} == {"one"}
    assert len(day.asset_layer.executable_asset_keys) == 17
    month = repository.get_job("one_month")
    assert {"/".join(key.path) for key in month.asset_layer.executable_asset_keys} == {"one/reports/month_end"}
    assert month.partitions_def is not None
    assert month.partitions_def.get_first_partition_key() == DAY.replace(day=1).isoformat()
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


def test_a_broken_file_leaves_the_other_connections_and_is_shown_as_an_asset_that_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "connections").mkdir()
    (tmp_path / "connections" / "second.yaml").write_text("gocardless: {}\n", encoding="utf-8")
    text = connection_template("visma", "first", cut_over=DAY)
    (tmp_path / "connections" / "first.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("CONNECTOR_HOME", str(tmp_path))

    repository = defs().get_repository_def()

    keys = {"/".join(key.path) for key in repository.asset_graph.get_all_asset_keys()}
    assert keys == {
        "second/connection_file",
        *(f"first/{room}/{name}" for room, names in ASSETS.items() for name in names),
    }
    assert _jobs(repository) == sorted(["first_day", "first_erp", "first_month", *DECIDING, "second_connection_file"])
    node: Any = repository.asset_graph.get(dg.AssetKey(["second", "connection_file"]))
    assert node.group_name == "second"
    assert "second.yaml:1: gocardless.environment: is required" in node.description
    assert "second.yaml:1: books: is required" in node.description
    assert "Next step: correct these lines" in node.description


def test_the_run_of_a_broken_connection_fails_with_its_problems_until_the_file_is_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "connections" / "second.yaml"
    path.parent.mkdir()
    path.write_text("gocardless: {}\n", encoding="utf-8")
    monkeypatch.setenv("CONNECTOR_HOME", str(tmp_path))
    repository = defs().get_repository_def()
    sensor = repository.get_sensor_def("broken_connection_files")
    job = repository.get_job("second_connection_file")

    with dg.DagsterInstance.ephemeral() as instance:
        requests = [
            sensor.evaluate_tick(dg.build_sensor_context(instance=instance, definitions=defs())).run_requests
            for _ in range(2)
        ]
        failed = job.execute_in_process(instance=instance, raise_on_error=False)
        path.write_text(connection_template("visma", "second", cut_over=DAY), encoding="utf-8")
        mended = job.execute_in_process(instance=instance)

    (first,), (again,) = requests
    assert (first.job_name, first.run_key) == (again.job_name, again.run_key)
    (event,) = [each for each in failed.all_events if each.is_step_failure]
    assert event.step_failure_data.user_failure_data is not None
    told = event.step_failure_data.user_failure_data.description or ""
    assert told.startswith("The connection second stands still: its file is broken.\n")
    assert "second.yaml:1: gocardless.environment: is required" in told
    assert mended.success


def test_an_installed_package_loads_without_the_files_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(definitions, "PROJECT_ROOT", tmp_path / "site-packages")
    assert "first_day" in _jobs(_load(tmp_path, monkeypatch, ("first", "visma")))


def test_a_run_loads_no_description_of_components_unless_it_has_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _load(tmp_path / "server", monkeypatch, ("first", "visma")).metadata
    with DefinitionsLoadContext.scoped(DefinitionsLoadContext(DefinitionsLoadType.RECONSTRUCTION)):
        loaded = _load(tmp_path / "run", monkeypatch, ("first", "visma"))
        assert not loaded.metadata
        assert "first_day" in _jobs(loaded)
        (tmp_path / "component").mkdir()
        monkeypatch.setattr(Settings, "components_dir", tmp_path)
        assert _load(tmp_path / "other", monkeypatch, ("first", "visma")).metadata
