"""What a process has loaded is taken out of the garbage collector's sight once; what comes later is still collected."""

from __future__ import annotations

import json
import subprocess
import sys

SEEN = """
import gc, json, weakref
from connector_resources.loaded_code import YOUNG_CONTAINERS, keep_what_is_loaded

class Ring:
    pass

keep_what_is_loaded()
frozen = gc.get_freeze_count()
later = [[each] for each in range(5_000)]
keep_what_is_loaded()
ring = Ring()
ring.itself = ring
seen = weakref.ref(ring)
del ring
gc.collect()
print(json.dumps([frozen, gc.get_freeze_count(), gc.get_threshold()[0], YOUNG_CONTAINERS, seen() is None]))
"""


def test_what_is_loaded_is_kept_once_and_later_garbage_is_still_found() -> None:
    done = subprocess.run([sys.executable, "-c", SEEN], capture_output=True, text=True, check=True)
    frozen, frozen_later, threshold, young, collected = json.loads(done.stdout)

    assert frozen > 1_000
    assert frozen_later <= frozen
    assert threshold == young
    assert collected
