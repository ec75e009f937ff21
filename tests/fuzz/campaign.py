"""A fuzz run of any length over all targets, and what it did; a failing input is told by target and number."""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.mutation import make
from tests.fuzz.receiver_in_process import InProcess, receiver_in_process
from tests.fuzz.receiver_on_sockets import CALLERS, receiver_on_sockets
from tests.fuzz.targets import Target, all_targets

#: of each hundred inputs, how many go through the whole receiver; the others try its parsers, which are faster by far.
SHARES = {
    "raw http": 15, "raw http, sockets": 2, "signed body": 8, "signature header": 15, "webhook body": 25,
    "erp notification": 5, "remote json": 20, "remote xml": 10,
}  # fmt: skip
#: inputs between two looks into the store.
BATCH = 2 * CALLERS
MOST_FAILURES = 20
#: a file system in memory, where there is one: that a row outlives a power cut is not what is tried here.
MEMORY = Path("/dev/shm")

Failure = tuple[str, int, str]


@dataclass
class Outcome:
    """Inputs and inputs a second by target, and the failures: target, number of the input, what went wrong."""

    inputs: dict[str, int] = field(default_factory=dict)
    a_second: dict[str, float] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    @property
    def total(self) -> int:
        return sum(self.inputs.values())

    def table(self) -> str:
        """Each target on a line: inputs, inputs a second, weaknesses."""
        lines = [f"{'target':>18} {'inputs':>12} {'a second':>10} {'weaknesses':>11}"]
        for name, count in self.inputs.items():
            weak = sum(target == name for target, _, _ in self.failures)
            lines.append(f"{name:>18} {count:12,} {self.a_second[name]:10,.0f} {weak:11}")
        return "\n".join(lines)


def run(inputs: int, *, first: int = 0, tell: Callable[[str], object] = print) -> Outcome:
    """Try `inputs` inputs, numbered from `first` on per target. Stops early after `MOST_FAILURES`."""
    outcome = Outcome()
    with (
        tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as home,
        receiver_in_process(Path(home) / "home") as receiver,
        receiver_on_sockets(receiver) as server,
    ):
        for name, target in all_targets(receiver, server).items():
            count = inputs * SHARES[name] // 100
            started = time.monotonic()
            for start in range(first, first + count, BATCH):
                numbers = range(start, min(start + BATCH, first + count))
                outcome.failures += _failures(name, target, numbers, receiver)
                if len(outcome.failures) >= MOST_FAILURES:
                    return outcome
            outcome.inputs[name] = count
            outcome.a_second[name] = count / max(time.monotonic() - started, 0.001)
            tell(f"{name:>18}: {count:9,} inputs, {outcome.a_second[name]:9,.0f} a second")
    return outcome


def _failures(name: str, target: Target, numbers: Sequence[int], receiver: InProcess) -> list[Failure]:
    """What a batch of inputs breaks; if it breaks something, each is tried again alone to find out which it was."""
    inputs = [make(name, number) for number in numbers]
    together = _problem(target, inputs, receiver)
    if together is None:
        return []
    alone = ((number, _problem(target, [data], receiver)) for number, data in zip(numbers, inputs, strict=True))
    found = [(name, number, problem) for number, problem in alone if problem is not None]
    return found or [(name, numbers[0], f"only with the {len(numbers) - 1} inputs after it: {together}")]


def _problem(target: Target, inputs: Sequence[bytes], receiver: InProcess) -> str | None:
    try:
        target(inputs)
    except Exception as problem:  # noqa: BLE001 - whatever gets through is what is looked for
        receiver.forget()
        return f"{type(problem).__name__}: {problem}"
    return None


def run_in_processes(inputs: int, *, first: int, processes: int) -> Outcome:
    """`run` in several processes, each with numbers and a receiver of its own; what they did, added up."""
    if processes == 1:
        return run(inputs, first=first)
    shares = [inputs // processes + (number < inputs % processes) for number in range(processes)]
    firsts = [first + sum(shares[:number]) for number in range(processes)]
    whole = Outcome()
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("fork")) as pool:
        for part in pool.map(_share, shares, firsts):
            whole.failures += part.failures
            for name, count in part.inputs.items():
                whole.inputs[name] = whole.inputs.get(name, 0) + count
                whole.a_second[name] = whole.a_second.get(name, 0.0) + part.a_second[name]
    return whole


def _share(inputs: int, first: int) -> Outcome:
    return run(inputs, first=first)
