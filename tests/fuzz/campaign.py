"""A fuzz run of any length over all targets, and what it did; a failing input is told by target and number."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.mutation import make
from tests.fuzz.receiver_in_process import receiver_in_process
from tests.fuzz.targets import all_targets

#: of each hundred inputs, how many go through the whole receiver; the others try its parsers, which are faster by far.
SHARES = {
    "raw http": 10, "signed body": 5, "signature header": 20, "webhook body": 30, "erp notification": 5,
    "remote json": 20, "remote xml": 10,
}  # fmt: skip


@dataclass
class Outcome:
    """Inputs and seconds by target, and the failures: target, number of the input, what went wrong."""

    inputs: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    failures: list[tuple[str, int, str]] = field(default_factory=list)

    @property
    def total(self) -> int:
        return sum(self.inputs.values())


def run(
    inputs: int,
    *,
    first: int = 0,
    tell: Callable[[str], object] = print,
    most_failures: int = 20,
) -> Outcome:
    """Try `inputs` inputs, numbered from `first` on per target. Stops early after `most_failures`."""
    outcome = Outcome()
    with tempfile.TemporaryDirectory() as home, receiver_in_process(Path(home) / "home") as receiver:
        for name, check in all_targets(receiver).items():
            count = inputs * SHARES[name] // 100
            started = time.monotonic()
            for number in range(first, first + count):
                try:
                    check(make(name, number))
                except Exception as problem:  # noqa: BLE001 - whatever gets through is what is looked for
                    outcome.failures.append((name, number, f"{type(problem).__name__}: {problem}"))
                    receiver.crashes.texts.clear()
                    receiver.new_rows()
                    if len(outcome.failures) >= most_failures:
                        return outcome
            outcome.inputs[name] = count
            outcome.seconds[name] = max(time.monotonic() - started, 0.001)
            tell(f"{name:>18}: {count:9,} inputs, {count / outcome.seconds[name]:9,.0f} a second")
    return outcome
