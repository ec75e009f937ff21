"""A pytest plugin that switches one control off before any test is collected: the one named in SWITCHED_OFF."""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType

from tests.security.controls import CONTROLS

#: rooms whose modules may have taken a name from the control's module already.
ROOMS = ("bookkeeping", "connector_resources", "connector_assets", "sensors", "connector")


def pytest_configure() -> None:
    """Runs the control's own line against its module. Raises `StopIteration` for a control that is not in the table."""
    control = next(each for each in CONTROLS if each.name == os.environ["SWITCHED_OFF"])
    module = importlib.import_module(control.module)
    before = dict(vars(module))
    exec(control.off, {"m": module})  # noqa: S102 - the table is our own
    for name, value in vars(module).items():
        if name in before and before[name] is not value:
            _replace_everywhere(name, before[name], value)


def _replace_everywhere(name: str, old: object, new: object) -> None:
    """`from module import name` has made names of their own, in every module that was imported before."""
    for path, module in list(sys.modules.items()):
        if path.partition(".")[0] in ROOMS and isinstance(module, ModuleType) and vars(module).get(name) is old:
            setattr(module, name, new)
