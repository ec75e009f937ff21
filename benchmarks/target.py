"""What a measurement is run for: its targets, whether each was met, and for each miss the reason that is known.

A measurement that belongs to `python -m benchmarks` is a module with a `BENCHMARK`; `benchmarks/registry.py` names the
modules. Its `run` measures, and answers with tables and verdicts; it prints nothing on standard output and judges nothing
but its own figures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.measure import Page


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target. `reason` says why a target is missed, by what profile, and what was tried; it is shown for misses only."""

    target: str
    wanted: str
    figure: str
    met: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What one measurement found: its tables, and a verdict for each of its targets."""

    pages: list[Page]
    verdicts: list[Verdict] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Benchmark:
    """`run(quick)` measures; quick is a few tens of seconds, with fewer rounds and smaller sizes, of the same targets.

    `name` is that of its module and of the command that runs it alone; `targets` says in words what is to be reached.
    """

    name: str
    title: str
    targets: tuple[str, ...]
    run: Callable[[bool], Found]


def at_least(target: str, figure: float, bound: float, *, unit: str = "", digits: int = 2, reason: str = "") -> Verdict:
    """Met when the figure, before it is rounded to be shown, is not below the bound."""
    return _verdict(target, ">=", figure, bound, figure >= bound, unit, digits, reason)


def at_most(target: str, figure: float, bound: float, *, unit: str = "", digits: int = 2, reason: str = "") -> Verdict:
    """Met when the figure, before it is rounded to be shown, is not above the bound."""
    return _verdict(target, "<=", figure, bound, figure <= bound, unit, digits, reason)


def _verdict(
    target: str, sign: str, figure: float, bound: float, met: bool, unit: str, digits: int, reason: str
) -> Verdict:
    shown = f" {unit}" if unit else ""
    return Verdict(target, f"{sign} {bound:g}{shown}", f"{figure:.{digits}f}{shown}", met, reason)
