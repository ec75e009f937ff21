"""The lost-runs sensor: a run whose process is gone ends as failed; one that lives is left alone, however slow it is."""

# No `from __future__ import annotations`: Dagster reads the type of `context` when the function is decorated.
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from connector_assets.factory import connection_definitions
from connector_assets.names import CONNECTION_TAG
from connector_resources.runtime_resource import RUNTIME
from connector_resources.signs_of_life import SignsOfLife
from sensors.lost_runs import LOOKS, lost_runs_sensor

STARTED, FAILED = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE
POOL = "erp_nordic"
WORKER = """
import sys
from pathlib import Path
from connector_resources.runtime import Runtime
from connector_resources.settings import Settings
from connector_resources.runtime_resource import RUNTIME
from connector_resources.signs_of_life import SignsOfLife

with Runtime.open(Settings(home=Path(sys.argv[1]))) as runtime, SignsOfLife(runtime.store).at_work(sys.argv[2]):
    print("at work", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def watch(tmp_path: Path, open_home: Any, say: SimpleNamespace) -> Iterator[SimpleNamespace]:
    """`look` evaluates the sensor once; `start` makes a started run; `status` tells how a run stands."""
    (tmp_path / "dagster").mkdir()
    with (
        open_home(tmp_path, {"nordic": say.document()}) as runtime,
        dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance,
    ):
        (made,) = [connection_definitions(connection) for connection in runtime.connections]
        definitions = made.as_definitions()
        job = definitions.resolve_job_def("nordic_day")
        sensor = lost_runs_sensor(runtime.connections, [made.erp_job])
        state = SimpleNamespace(cursor=None)

        def look() -> None:
            context = dg.build_sensor_context(
                instance=instance, cursor=state.cursor, resources={"runtime": runtime}, definitions=definitions
            )
            with context:
                state.cursor = sensor.evaluate_tick(context).cursor

        def start(**tags: str) -> str:
            return str(instance.create_run_for_job(job, tags=tags, status=STARTED).run_id)

        def status(run_id: str) -> dg.DagsterRunStatus:
            run = instance.get_run_by_id(run_id)
            assert run is not None
            return run.status

        yield SimpleNamespace(
            look=look, start=start, status=status, signs=SignsOfLife(runtime.store), home=tmp_path, instance=instance
        )


def test_a_run_whose_process_was_killed_is_ended_and_gives_its_place_back(watch: SimpleNamespace) -> None:
    run_id = watch.start(**{CONNECTION_TAG: "nordic"})
    storage = watch.instance.event_log_storage
    storage.set_concurrency_slots(POOL, 1)
    assert storage.claim_concurrency_slot(POOL, run_id, "documents").is_claimed
    arguments = [sys.executable, "-c", WORKER, str(watch.home), run_id]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"at work\n"
        assert run_id in watch.signs.all()
        worker.kill()
    for _ in range(LOOKS):
        watch.look()
    assert watch.status(run_id) is STARTED

    watch.look()

    assert watch.status(run_id) is FAILED
    assert watch.signs.all() == {}
    assert storage.get_concurrency_run_ids() == set()


def test_a_run_that_shows_signs_is_left_alone_however_often_it_is_looked_at(watch: SimpleNamespace) -> None:
    run_id = watch.start(**{CONNECTION_TAG: "nordic"})
    for _ in range(3):
        with watch.signs.at_work(run_id):
            for _ in range(LOOKS):
                watch.look()
            assert watch.status(run_id) is STARTED


def test_a_run_that_died_before_its_first_sign_is_ended_as_well(watch: SimpleNamespace) -> None:
    run_id = watch.start(**{CONNECTION_TAG: "nordic"})
    for _ in range(LOOKS + 1):
        watch.look()
    assert watch.status(run_id) is FAILED


def test_runs_of_other_projects_are_none_of_its_business(watch: SimpleNamespace) -> None:
    job = dg.GraphDefinition(name="theirs").to_job()
    run = watch.instance.create_run_for_job(job, status=STARTED)
    for _ in range(2 * LOOKS):
        watch.look()
    assert watch.status(run.run_id) is STARTED


def test_a_run_that_ended_keeps_its_end_and_leaves_no_sign(watch: SimpleNamespace) -> None:
    run_id = watch.start(**{CONNECTION_TAG: "nordic"})
    with watch.signs.at_work(run_id):
        watch.instance.report_run_failed(watch.instance.get_run_by_id(run_id), "by Dagster itself")
        watch.look()
        assert watch.signs.all() == {}
    for _ in range(2 * LOOKS):
        watch.look()
    assert watch.status(run_id) is FAILED


def test_every_run_shows_a_sign_while_it_works_and_none_afterwards(
    watch: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONNECTOR_HOME", str(watch.home))
    seen: list[str] = []

    @dg.op(required_resource_keys={"runtime"})
    def works(context: dg.OpExecutionContext) -> None:
        seen.extend(SignsOfLife(context.resources.runtime.store).all())

    @dg.job(resource_defs={"runtime": RUNTIME})
    def job() -> None:
        works()

    result = job.execute_in_process(instance=watch.instance)

    assert seen == [result.run_id]
    assert watch.signs.all() == {}
