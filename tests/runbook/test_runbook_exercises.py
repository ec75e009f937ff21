"""Every state of the runbook is brought about at the stand-in, and what the page says to do ends it: booked once, or never."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack

import pytest

from tests.runbook.exercise import GOCARDLESS, Exercise, perform
from tests.runbook.registry import EXERCISES
from tests.sites import Site, datev_site, exact_online_site, ifs_cloud_site, sage300_site, visma_site

OPEN: dict[str, Callable[..., AbstractContextManager[Site]]] = {
    "visma": visma_site,
    "datev": datev_site,
    "exact_online": exact_online_site,
    "sage300": sage300_site,
    "ifs_cloud": ifs_cloud_site,
    GOCARDLESS: visma_site,
}


@pytest.fixture(scope="module")
def site_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Exercise], Site]]:
    """One site per ledger and its settings for all exercises; opened when the first one needs it."""
    with ExitStack() as stack:
        sites: dict[tuple[str, str], Site] = {}

        def opened(exercise: Exercise) -> Site:
            key = (exercise.ledger, json.dumps(exercise.settings))
            if key not in sites:
                home = tmp_path_factory.mktemp(exercise.ledger)
                settings = dict(exercise.settings)
                sites[key] = stack.enter_context(OPEN[exercise.ledger](home, erp_settings=settings))
                sites[key].merchant.collected(100, customer=1)
                sites[key].run()
            return sites[key]

        yield opened


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda each: each.id)
def test_what_the_runbook_says_ends_it(exercise: Exercise, site_of: Callable[[Exercise], Site]) -> None:
    perform(site_of(exercise), exercise)
