"""What a control is: something that stands in somebody's way, how to switch it off, and the test that then fails."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Control:
    """A control. `off` is Python that switches it off, run before the tests are collected, with `module` imported as `m`.

    `test` is a node of pytest, file and name, that passes with the control and fails without it.
    """

    name: str
    module: str
    off: str
    test: str
