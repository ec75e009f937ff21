"""Which measurements `python -m benchmarks` runs, in this order. A module is imported only when it is run."""

from __future__ import annotations

import importlib

from benchmarks.target import Benchmark

#: modules of this package with a `BENCHMARK`.
MODULES = (
    "extraction",
    "writing",
    "overhead",
    "growth",
    "backfill",
    "receiver",
    "quotas",
    "latency",
)


def benchmark(name: str) -> Benchmark:
    """The measurement of this module. Raises `ValueError` when it is not one of `MODULES`."""
    if name not in MODULES:
        raise ValueError(f"there is no measurement {name!r}; there are {', '.join(MODULES)}")
    found: Benchmark = importlib.import_module(f"benchmarks.{name}").BENCHMARK
    return found
