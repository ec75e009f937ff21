"""What many connections cost: loading the code location, memory, the asset graph of the UI, and the ticks of sensors.

It makes homes of 1, 10, 100 and 300 connections, of all ledgers in turn, and loads each in a process of its own. As many bare
assets are loaded in between, so that the project's share can be told from Dagster's, whatever else the machine does.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests
import yaml

from benchmarks.connections import NOWHERE
from benchmarks.measure import Page, machine
from benchmarks.target import Benchmark, Found, at_most
from sandbox.serve import free_port
from sandbox.visma.company import Company
from tests.erp_sections import datev_section, exact_online_section, ifs_cloud_section, sage300_section, visma_section

ROOT = Path(__file__).parents[1]
SIZES, QUICK_SIZES = (1, 10, 100, 300), (1, 10, 50)
MOST_MS_EACH = 30
#: the same target without the machine: bare assets took 28 ms a connection on a quiet one.
MOST_OF_BARE = 30 / 28
PATIENCE_S = 900
#: a round is a load of the project's and one of bare assets.
ROUNDS = 2
REASON = (
    "Most of it is Dagster's own: decorating 18 assets and 7 checks, binding their resources, and resolving three jobs. "
    "Bare assets, 16 with 4 checks and one job, stand beside it. What was tried: jobs look at their connection's assets only, "
    "which took the quadratic part away; files are read once, by the parser in C; the collector rests meanwhile."
)
#: what the page of the whole asset graph asks for, as the UI of 1.13 words it.
ASSET_GRAPH = """query AssetGraph { assetNodes { id groupName isExecutable isMaterializable isPartitioned isObservable kinds
    computeKind description opNames jobNames graphName assetKey { path } dependencyKeys { path } dependedByKeys { path }
    tags { key value } owners { ... on UserAssetOwner { email } ... on TeamAssetOwner { team } }
    repository { id name location { id name } } } }"""
LOADED = "{ workspaceOrError { ... on Workspace { locationEntries { loadStatus } } } }"


def make_home(home: Path, connections: int) -> None:
    """Connection files of all ledgers in turn; none of them reaches anything."""
    sections = itertools.cycle(
        [
            visma_section(Company(), NOWHERE),
            exact_online_section(NOWHERE),
            sage300_section(NOWHERE),
            datev_section(NOWHERE),
            ifs_cloud_section(NOWHERE, "CR0001"),
        ]
    )
    folder = home / "connections"
    folder.mkdir(parents=True)
    for number in range(connections):
        document = {
            "gocardless": {"environment": "sandbox", "base_url": NOWHERE},
            "books": {"time_zone": "Europe/Berlin", "cut_over": "2026-01-01"},
            "erp": next(sections),
        }
        (folder / f"company{number:03d}.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")


def load(home: Path) -> dict[str, Any]:
    """What `benchmarks.code_location` tells of this home."""
    return _child(home)


def load_bare(home: Path, connections: int) -> dict[str, Any]:
    return _child(home, "--bare", str(connections))


def _child(home: Path, *words: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.code_location", *words]
    environment = {**os.environ, "CONNECTOR_HOME": str(home)}
    ran = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    told: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return told


def asset_graph(home: Path) -> tuple[float, int]:
    """Seconds of the answer to the asset graph's question, median of three, and its bytes."""
    with _webserver(home) as address:
        taken, size = [], 0
        for _ in range(3):
            began = time.perf_counter()
            answer = requests.post(f"{address}/graphql", json={"query": ASSET_GRAPH}, timeout=PATIENCE_S)
            taken.append(time.perf_counter() - began)
            told, size = answer.json(), len(answer.content)
            if "errors" in told:
                raise ValueError(told["errors"])
        return statistics.median(taken), size


@contextlib.contextmanager
def _webserver(home: Path) -> Iterator[str]:
    """Dagster's webserver with the project's code, ready to answer."""
    dagster_home, port = home / "dagster", free_port()
    dagster_home.mkdir(exist_ok=True)
    (dagster_home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
    environment = {**os.environ, "CONNECTOR_HOME": str(home), "DAGSTER_HOME": str(dagster_home)}
    program = str(Path(sys.executable).parent / "dagster-webserver")
    command = [program, "--host", "127.0.0.1", "--port", str(port), "--workspace", str(ROOT / "workspace.yaml")]
    command += ["--code-server-log-level", "error"]
    with (home / "webserver.log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        _wait_until_loaded(f"http://127.0.0.1:{port}", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=60)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)


def _wait_until_loaded(address: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(requests.RequestException):
            answer = requests.post(f"{address}/graphql", json={"query": LOADED}, timeout=PATIENCE_S).json()
            entries = answer["data"]["workspaceOrError"]["locationEntries"]
            if entries and all(entry["loadStatus"] == "LOADED" for entry in entries):
                return
        time.sleep(0.5)
    raise RuntimeError("the webserver did not load the code location")


def measure(sizes: tuple[int, ...], rounds: int) -> Found:
    page = Page(
        "",
        "Processor seconds in which a code location loads and resolves every job, beside bare assets; then what a code server "
        "takes once more to describe it, its memory, the asset graph of the whole location in the UI, and ticks of sensors.",
        "",
        machine(),
        [
            "connections",
            "assets",
            "load, s",
            "bare assets, s",
            "describe, s",
            "MiB",
            "asset graph, s",
            "its MB",
            "ticks, ms",
        ],
    )
    loads: dict[int, list[float]] = {}
    bares: dict[int, float] = {}
    with tempfile.TemporaryDirectory(prefix="growth-") as folder:
        for size in sizes:
            home = Path(folder) / str(size)
            make_home(home, size)
            project, bare = [], []
            for _ in range(rounds):
                project.append(load(home))
                bare.append(load_bare(home, size))
            seconds, answer_bytes = asset_graph(home)
            loads[size] = [each["load_s"] for each in project]
            bares[size] = statistics.median(each["load_s"] for each in bare)
            page.add(*_row(size, project, bare, seconds, answer_bytes))
            print(page.rows[-1], file=sys.stderr, flush=True)
    smallest = statistics.median(loads[sizes[0]])
    verdicts = [
        at_most(
            f"load of {size} connections, for each beyond the first",
            1000 * (statistics.median(loads[size]) - smallest) / (size - sizes[0]),
            MOST_MS_EACH,
            unit="ms",
            digits=0,
            reason=REASON,
        )
        for size in sizes[1:]
    ]
    largest = sizes[-1]
    verdicts.append(
        at_most(
            f"load of {largest} connections, against as many bare assets",
            statistics.median(loads[largest]) / bares[largest],
            MOST_OF_BARE,
            unit="times",
            reason=REASON,
        )
    )
    page.notes += [
        f"Medians of {rounds} processes each. Bare: 16 assets that do nothing, 4 checks, one job and one sensor a connection.",
        "Ticks: one event waits in the inbox, and nothing else is due; the first tick is left out.",
    ]
    return Found([page], verdicts)


def _row(
    size: int, project: list[dict[str, Any]], bare: list[dict[str, Any]], seconds: float, answer_bytes: int
) -> tuple[list[str], dict[str, Any]]:
    def median(told: list[dict[str, Any]], name: str) -> float:
        return statistics.median(each[name] for each in told)

    ticks = project[-1]["ticks_ms"]
    row = [
        str(size), str(project[0]["assets"]), f"{median(project, 'load_s'):.2f}", f"{median(bare, 'load_s'):.2f}",
        f"{median(project, 'describe_s'):.2f}", f"{median(project, 'mib'):.0f}", f"{seconds:.2f}", f"{answer_bytes / 1e6:.1f}",
        ", ".join(f"{name} {taken:.0f}" for name, taken in ticks.items()),
    ]  # fmt: skip
    figures = {
        "connections": size,
        "project": project,
        "bare": bare,
        "asset_graph_s": round(seconds, 3),
        "asset_graph_bytes": answer_bytes,
    }
    return row, figures


def run(quick: bool) -> Found:
    return measure(QUICK_SIZES, 1) if quick else measure(SIZES, ROUNDS)


BENCHMARK = Benchmark(
    "growth",
    "Many connections",
    (
        f"a code location loads within {MOST_MS_EACH} ms for each connection above the base import",
        "and, whatever the machine, in little more than as many bare assets do",
    ),
    run,
)
