"""Spares the garbage collector what a process has loaded once: modules, models and statements stay as long as it runs.

Every page of a list makes thousands of objects, and with them a walk through all others. Knows nothing of what is loaded.
"""

from __future__ import annotations

import gc
from functools import lru_cache

#: containers made, and not freed, before the young ones are looked through: a few pages of 500 payments.
YOUNG_CONTAINERS = 20_000


@lru_cache(maxsize=1)
def keep_what_is_loaded() -> None:
    """Once in each process: nothing that exists now is walked again, and new objects are looked through less often."""
    gc.freeze()
    gc.set_threshold(YOUNG_CONTAINERS, *gc.get_threshold()[1:])
