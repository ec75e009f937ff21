"""What every measurement shares: contestants that take turns, medians, the machine it ran on, and the page of results.

Contestants run in the same round in a changing order, so that a busy machine is busy for all of them. A single figure says
little on such a machine: the page shows the median, the spread, and the processor time beside the time on the clock.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import random
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Contestant:
    """`run(round)` does the work of one round and answers how many units it did. Preparing is not part of the time."""

    name: str
    run: Callable[[int], int]
    prepare: Callable[[int], None] = lambda _round: None


@dataclass(frozen=True, slots=True)
class Sample:
    """One round of one contestant: seconds on the clock and of this process's processor, and units done."""

    seconds: float
    cpu_seconds: float
    units: int

    @property
    def per_second(self) -> float:
        return self.units / self.seconds

    @property
    def cpu_ms_per_unit(self) -> float:
        return 1000 * self.cpu_seconds / self.units


@dataclass(frozen=True, slots=True)
class Result:
    """All rounds of one contestant."""

    name: str
    samples: tuple[Sample, ...]

    @property
    def per_second(self) -> float:
        """Median units per second."""
        return statistics.median(sample.per_second for sample in self.samples)

    @property
    def spread(self) -> tuple[float, float]:
        """The slowest and the quickest round, units per second."""
        speeds = [sample.per_second for sample in self.samples]
        return min(speeds), max(speeds)

    @property
    def cpu_ms_per_unit(self) -> float:
        return statistics.median(sample.cpu_ms_per_unit for sample in self.samples)


def take_turns(
    contestants: Sequence[Contestant],
    rounds: int,
    *,
    chance: random.Random,
) -> dict[str, Result]:
    """Run every contestant once in each round; one round more before them all is run and not counted.

    Garbage is collected before each of them, so that none pays for what another one left.
    """
    samples: dict[str, list[Sample]] = {contestant.name: [] for contestant in contestants}
    for number in range(-1, rounds):
        for contestant in chance.sample(list(contestants), len(contestants)):
            contestant.prepare(number)
            gc.collect()
            clock, processor = time.perf_counter(), time.process_time()
            units = contestant.run(number)
            sample = Sample(time.perf_counter() - clock, time.process_time() - processor, units)
            if number >= 0:
                samples[contestant.name].append(sample)
    return {name: Result(name, tuple(found)) for name, found in samples.items()}


def ratio(result: Result, reference: Result) -> float:
    """Median over the rounds of how much of the reference's speed the result has: both of a round met the same machine."""
    pairs = zip(result.samples, reference.samples, strict=True)
    return statistics.median(own.per_second / other.per_second for own, other in pairs)


def machine() -> dict[str, str]:
    """Where it ran, without anything that names the machine."""
    cpu = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor() or "unknown",
    )
    memory = next((line.split()[1] for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), "0")
    return {
        "cpu": cpu,
        "cores": str(os.cpu_count()),
        "memory_gib": str(round(int(memory) / 1024**2)),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_at_the_start": f"{os.getloadavg()[0]:.1f}",
        "commit": _commit(),
        "measured_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


@dataclass(slots=True)
class Page:
    """The results of one measurement, as Markdown for people and as JSON for comparison."""

    title: str
    question: str
    command: str
    machine: dict[str, str]
    columns: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    figures: list[dict[str, Any]] = field(default_factory=list)

    def add(self, row: Sequence[str], figures: dict[str, Any]) -> None:
        self.rows.append(row)
        self.figures.append(figures)

    def table(self) -> list[str]:
        """Lines of Markdown."""
        head = ["| " + " | ".join(self.columns) + " |", "|" + " --- |" * len(self.columns)]
        return head + ["| " + " | ".join(row) + " |" for row in self.rows]

    def markdown(self) -> str:
        lines = [f"# {self.title}", "", self.question, "", f"    {self.command}", ""]
        lines += [*self.table(), "", *(f"- {note}" for note in self.notes), ""]
        lines += ["Measured on: " + ", ".join(f"{name} {value}" for name, value in self.machine.items()) + ".", ""]
        return "\n".join(lines)

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        """`<name>.md` and `<name>.json` in `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        text, figures = folder / f"{name}.md", folder / f"{name}.json"
        text.write_text(self.markdown(), encoding="utf-8")
        told = {"title": self.title, "command": self.command, "machine": self.machine, "figures": self.figures}
        figures.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
        return text, figures


def figures_of(result: Result) -> dict[str, Any]:
    low, high = result.spread
    return {
        "name": result.name,
        "per_second": round(result.per_second, 2),
        "slowest": round(low, 2),
        "quickest": round(high, 2),
        "cpu_ms_per_unit": round(result.cpu_ms_per_unit, 3),
        "samples": [asdict(sample) for sample in result.samples],
    }


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def _commit() -> str:
    found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"
