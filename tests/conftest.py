"""How much is tried in one run, and with which examples.

`make test` must say the same of the same code on every machine, in minutes. Properties therefore try the same examples each
time, and of the matrices, the same story with every fault at every place, each run takes one case in six, the same ones
each time. The months of the demo's merchants are left to `make demo`. `make deep` takes them all, `make explore` draws
other examples.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.fresh_stores import fresh_stores

settings.register_profile("steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

#: one case in so many of a matrix is in every run.
SHARE = 6
MONTHS = "demo"
MATRICES = frozenset(
    {
        "test_collecting_crashes.py",
        "test_customer_alignment_faults.py",
        "test_exact_online_faults.py",
        "test_fault_campaign.py",
        "test_ifs_cloud_faults.py",
        "test_posting_crashes.py",
        "test_posting_faults.py",
        "test_sage300_faults.py",
        "test_subscribing_faults.py",
    }
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--deep", action="store_true", help="run every case of the matrices, and the demo's months")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--deep") or any("::" in argument for argument in config.args):
        return
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    cases: dict[Path, int] = {}
    for item in items:
        place = cases[item.path] = cases.get(item.path, -1) + 1
        in_turn = place % SHARE == 0 or "callspec" not in vars(item)
        is_month = item.path.parent.name == MONTHS and item.get_closest_marker("slow") is not None
        is_kept = not is_month and (item.path.name not in MATRICES or in_turn)
        (kept if is_kept else left_out).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept


@pytest.fixture(scope="session", autouse=True)
def _quick_stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with fresh_stores(tmp_path_factory.mktemp("migrated") / "store.sqlite"):
        yield
