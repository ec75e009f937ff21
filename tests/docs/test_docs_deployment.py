"""The settings for PostgreSQL that the deployment page gives are complete: Dagster starts on them, beside the store."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from sqlalchemy import create_engine, inspect

from connector_resources.store.store import Store

ROOT = Path(__file__).parents[2]
SHARED = ("telemetry", "run_coordinator")


def settings(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    spec = importlib.util.spec_from_file_location("postgres_for_docs", ROOT / "tests" / "postgres.py")
    assert spec is not None
    assert spec.loader is not None
    postgres = importlib.util.module_from_spec(spec)
    # Its dataclass looks its own module up by name.
    import sys

    sys.modules[spec.name] = postgres
    spec.loader.exec_module(postgres)
    with postgres.running_postgres() as server:
        # With SQLAlchemy 2.1 a plain postgresql:// means psycopg 3, which is not installed; the page says so.
        yield server.url(server.create()).replace("postgresql://", "postgresql+psycopg2://")


@pytest.mark.slow
def test_dagster_and_the_store_share_one_postgresql_database(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", database)
    (tmp_path / "dagster.yaml").write_text((ROOT / "deploy" / "dagster.postgres.yaml").read_text(encoding="utf-8"))
    with Store.open(database, clock=lambda: datetime.now(UTC)) as store:
        store.migrate()
    ours = set(inspect(create_engine(database)).get_table_names())

    @dg.op
    def nothing() -> None: ...

    @dg.job
    def example() -> None:
        nothing()

    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        result = example.execute_in_process(instance=instance)
        assert instance.get_run_by_id(result.run_id) is not None
        assert "dagster_postgres" in type(instance.run_storage).__module__
        assert instance.schedule_storage is not None
        assert "dagster_postgres" in type(instance.schedule_storage).__module__
    with Store.open(database, clock=lambda: datetime.now(UTC)) as store:
        store.migrate()
        assert store.inbox.highest_seq() == 0
    both = set(inspect(create_engine(database)).get_table_names())
    assert {"postings", "trail", "store_schema_version"} <= ours < both
    assert "runs" in both - ours


def test_both_installations_queue_runs_alike() -> None:
    small, large = settings("dagster.yaml"), settings("deploy/dagster.postgres.yaml")
    assert {name: small[name] for name in SHARED} == {name: large[name] for name in SHARED}
    assert small["concurrency"]["pools"] == large["concurrency"]["pools"]
    limits = "tag_concurrency_limits"
    assert small["concurrency"]["runs"][limits] == large["concurrency"]["runs"][limits]


def test_every_environment_variable_of_the_deployment_page_is_read_by_something(root: Path) -> None:
    import re

    from connector_resources.settings import Settings

    page = (root / "docs" / "deploy-to-production.md").read_text(encoding="utf-8")
    known = {f"CONNECTOR_{name.upper()}" for name in Settings.model_fields}
    known |= {"DAGSTER_HOME", settings("deploy/dagster.postgres.yaml")["storage"]["postgres"]["postgres_url"]["env"]}
    named = set(re.findall(r"\b(?:CONNECTOR|DAGSTER)_[A-Z_]+\b", page))
    assert named <= known
    assert {"CONNECTOR_DATABASE_URL", "CONNECTOR_VAULT_KEY", "DAGSTER_POSTGRES_URL"} <= named
