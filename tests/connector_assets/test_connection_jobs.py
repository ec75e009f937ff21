"""A connection's jobs look at its own assets, however many other connections there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster_shared.record import replace

from connector_assets.connection_job import ConnectionJob, connection_job
from connector_assets.factory import ConnectionDefinitions, connection_definitions
from connector_assets.names import CONNECTION_TAG
from connector_resources.connections.load import load_connection
from connector_resources.connections.template import connection_template
from connector_resources.runtime_resource import RUNTIME
from tests.evenings import DAY


def made(home: Path, name: str) -> ConnectionDefinitions:
    path = home / f"{name}.yaml"
    path.write_text(connection_template("visma", name, cut_over=DAY), encoding="utf-8")
    return connection_definitions(load_connection(path))


def keys_of(job: dg.JobDefinition) -> set[str]:
    return {key.path[0] for key in job.asset_layer.asset_graph.get_all_asset_keys()}


@pytest.fixture
def merged(tmp_path: Path) -> dg.Definitions:
    return dg.Definitions.merge(*(made(tmp_path, name).as_definitions() for name in ("nordic", "south")))


@pytest.mark.parametrize("name", ["nordic_day", "nordic_erp", "nordic_month"])
def test_a_job_knows_no_other_connections_assets(merged: dg.Definitions, name: str) -> None:
    job = merged.resolve_job_def(name)
    assert keys_of(job) == {"nordic"}
    source: Any = job.asset_layer.asset_graph
    assert {key.path[0] for key in source.source_asset_graph.get_all_asset_keys()} == {"nordic"}


def test_a_part_of_a_job_can_still_be_run_alone(merged: dg.Definitions) -> None:
    events = dg.AssetKey(["nordic", "gocardless", "events"])
    part = merged.resolve_job_def("nordic_day").get_subset(asset_selection={events})
    assert part.asset_layer.selected_asset_keys == {events}


def test_a_selection_outside_its_connection_finds_nothing(tmp_path: Path) -> None:
    nordic, south = made(tmp_path, "nordic"), made(tmp_path, "south")
    job = connection_job(
        "mixed", {CONNECTION_TAG: "nordic"}, dg.AssetSelection.groups("south"), "Would take what is not its own."
    )
    graph = AssetGraph.from_assets([*nordic.assets, *nordic.checks, *south.assets, *south.checks])
    assert isinstance(job, ConnectionJob)
    resolved = job.resolve(graph)
    assert keys_of(resolved) == set()


def test_a_job_that_dagster_copied_still_knows_its_connection(tmp_path: Path) -> None:
    nordic, south = made(tmp_path, "nordic"), made(tmp_path, "south")
    copied = replace(nordic.day_job, hooks=frozenset())
    graph = AssetGraph.from_assets([*nordic.assets, *nordic.checks, *south.assets, *south.checks])
    assert keys_of(copied.resolve(graph, resource_defs={"runtime": RUNTIME})) == {"nordic"}


def test_runs_of_a_job_bear_the_tags_of_its_connection(merged: dg.Definitions) -> None:
    job = merged.resolve_job_def("south_day")
    assert job.run_tags["connector/connection"] == "south"
    assert job.run_tags["connector/ledger"] == "visma"
