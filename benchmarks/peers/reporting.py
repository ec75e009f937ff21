"""How a contestant tells what it took. Runs in environments without this project: the standard library only."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable


def report(read: Callable[[str], int]) -> None:
    """Run `read` on the address given on the command line; print records, seconds, processor seconds and peak memory."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    began = time.perf_counter()
    records = read(sys.argv[1])
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"records": records, "seconds": seconds, "cpu": cpu, "peak_mib": after.ru_maxrss / 1024}))
