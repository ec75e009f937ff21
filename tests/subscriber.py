"""Follows a connection's recurring charges in a process of its own, and dies where it is told to.

`python -m tests.subscriber <home> …`. The charges are those that the store holds; GoCardless is wrapped, so that the process
can end between two calls.
"""

from __future__ import annotations

import argparse
import dataclasses
from datetime import datetime
from pathlib import Path

from connector_resources.erp.registry import ERPS
from connector_resources.settings import Settings
from connector_resources.subscriptions.run import subscribe
from tests.collector import DEAD, POINTS, Death, MortalRuntime


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("connection")
    parser.add_argument("now", type=datetime.fromisoformat)
    parser.add_argument("--die", choices=POINTS, default="never")
    parser.add_argument("--count", type=int, default=1)
    given = parser.parse_args()
    visma = ERPS["visma"]
    traits = dataclasses.replace(visma.traits, collects=True, subscribes=True)
    ERPS["visma"] = dataclasses.replace(visma, traits=traits)  # type: ignore[index]
    with MortalRuntime.open(Settings(home=given.home), clock=lambda: given.now) as runtime:
        assert isinstance(runtime, MortalRuntime)
        runtime.sleep = lambda _seconds: None
        runtime.death = Death(given.die, given.count)
        subscribe(runtime, runtime.connection(given.connection))
    return 0


__all__ = ["DEAD"]

if __name__ == "__main__":
    raise SystemExit(main())
