"""A day of a hundred thousand payments fits into little memory: nothing keeps the whole day at once."""

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
PAYMENTS = 100_000
CUSTOMERS = 5_000
PAID_OUT = 10_000
MOST_MIB = 300


@pytest.mark.slow
def test_a_day_of_a_hundred_thousand_payments_stays_under_300_mib(tmp_path: Path) -> None:
    world = evening_world()
    loaded = load_confirmed_payments(world, PAYMENTS, customers=CUSTOMERS, at=MORNING)
    load_payout(world, loaded.payments[:PAID_OUT], items=2 * PAID_OUT, at=EVENING)
    with datev_installation(tmp_path, world, datacentre(world.clock)) as site:
        command = [sys.executable, "-m", "tests.day_runner", str(tmp_path), site.connection.name]
        command += [EVENING.isoformat(), DAY.isoformat()]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)

    assert ran.returncode == 0, ran.stderr[-2000:]
    told = json.loads(ran.stdout)
    assert (told["settled"], told["stopped"]) == (PAYMENTS + CUSTOMERS + 1, "")
    peak = {step: mib for step, (_, mib) in told["steps"].items()}
    assert max(peak.values()) < MOST_MIB, told["steps"]
