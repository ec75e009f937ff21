"""The same business without kills and without Dagster: the books that every campaign must come to."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

from connector_resources.collections.reading import read_open_invoices
from connector_resources.collections.run import collect
from connector_resources.erp.exact_online.gate import maintenance_left_s
from tests.evenings import DAY, MORNING
from tests.kills.books import Books, books_of
from tests.kills.business import COLLECTING, Business
from tests.kills.sites import open_site
from tests.sites import Site

#: played time between the beginnings of two acts, where the first is booked by then.
ACT_LASTS = timedelta(hours=6)
#: later than anything a campaign plays.
LAST = date(2026, 12, 31)


def begins(number: int) -> datetime:
    """When an act begins, by the played clock; later when the one before it is not booked yet."""
    return MORNING + (number + 1) * ACT_LASTS


def play_undisturbed(erp: str, seed: int, moments: Sequence[datetime]) -> Books:
    """The books after as many acts as there are `moments`, each played at its own."""
    with tempfile.TemporaryDirectory(prefix="kills-truth-") as home, open_site(erp, Path(home)) as site:
        business = Business(site, erp, seed)
        business.opens()
        _rest(site, erp)
        for number, moment in enumerate(moments):
            clock = site.merchant.world.clock
            if clock.now() < moment:
                clock.set(moment)
            business.act(number)
            # A campaign's runs come again when Exact Online is open; here nobody would.
            if erp == "exact_online" and (left_s := maintenance_left_s(clock.now())):
                clock.advance(timedelta(seconds=left_s))
            _rest(site, erp)
        assert site.unfinished() == {}, site.unfinished()
        return books_of(site)


def _rest(site: Site, erp: str) -> None:
    """Run until a run changes nothing: what is collected leads to events of its own."""
    before = None
    while before != (before := _writes(site)):
        site.poll()
        report = site.at.run(DAY, LAST, only_new=True)
        assert (report.stopped, report.held) == ("", []), report
        if erp in COLLECTING:
            runtime, connection = site.at.runtime, site.at.connection
            with runtime.erp(connection) as connector:
                read_open_invoices(runtime.store, connection.name, connector)
            assert not collect(runtime, connection).stopped_because


def _writes(site: Site) -> Counter[str]:
    """Requests so far that were no reads, token calls left out."""
    layers = {"erp": site.at.erp.faults, "gocardless": site.at.gocardless.faults}
    return Counter(
        system
        for system, layer in layers.items()
        for method, path in layer.requests
        if method != "GET" and "token" not in path.lower()
    )
