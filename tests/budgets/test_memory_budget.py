"""A day of a hundred thousand payments fits into little memory: nothing keeps the whole day at once.

Every test run takes a fifth of it; `make load` the whole.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.gocardless.load import load_confirmed_payments, load_payout
from tests.evenings import DAY, EVENING, MORNING, datacentre, evening_world
from tests.installations import datev_installation

ROOT = Path(__file__).parents[2]
MOST_MIB = 300


@pytest.mark.slow
@pytest.mark.parametrize("payments", [20_000, pytest.param(100_000, marks=pytest.mark.load)])
def test_a_day_of_very_many_payments_stays_under_300_mib(tmp_path: Path, payments: int) -> None:
    customers, paid_out = payments // 20, payments // 10
    world = evening_world()
    loaded = load_confirmed_payments(world, payments, customers=customers, at=MORNING)
    load_payout(world, loaded.payments[:paid_out], items=2 * paid_out, at=EVENING)
    with datev_installation(tmp_path, world, datacentre(world.clock)) as site:
        command = [sys.executable, "-m", "tests.day_runner", str(tmp_path), site.connection.name]
        command += [EVENING.isoformat(), DAY.isoformat()]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)

    assert ran.returncode == 0, ran.stderr[-2000:]
    told = json.loads(ran.stdout)
    assert (told["settled"], told["stopped"]) == (payments + customers + 1, "")
    peak = {step: mib for step, (_, mib) in told["steps"].items()}
    assert max(peak.values()) < MOST_MIB, told["steps"]
