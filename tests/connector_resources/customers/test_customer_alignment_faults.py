"""Whatever breaks while a customer is written, on either side, both end alike and nothing else of the customer is lost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from connector_resources.transport import http_transport
from connector_resources.transport.exchange import Limits
from sandbox.faults import Fault

READ_LIMIT_S = 0.3
FAULTS: dict[str, dict[str, Any]] = {
    "drop_before": {},
    "drop_after": {},
    "error_before": {"status": 503},
    "error_after": {"status": 500},
    "html_after": {"status": 502},
    "truncate": {},
    "delay_after": {"delay_s": 2 * READ_LIMIT_S},
    "rate_limit": {"headers": {"Retry-After": "900"}},
}


@pytest.fixture
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_transport, "Limits", lambda: Limits(read_s=READ_LIMIT_S))


@pytest.mark.usefixtures("short_patience")
@pytest.mark.parametrize("kind", sorted(FAULTS))
def test_both_sides_end_alike_under_every_fault(both_sides, kind):
    sides = both_sides(to_gocardless="details", to_erp="details")
    sides.site.merchant.mandate(1, shop="north")
    sides.payer(2)
    sides.run()
    sides.in_erp(1, email="debtor@example.com")
    sides.in_gocardless(2, email="payer@example.com")
    sides.break_next(kind, **FAULTS[kind])
    sides.site.at.erp.faults.add(Fault(kind, method="PUT", path="/v1/customer/10002$", **FAULTS[kind]))
    for _ in range(3):
        sides.run()
        sides.site.merchant.tick(timedelta(hours=1))
    assert (sides.site.at.gocardless.faults.queued, sides.site.at.erp.faults.queued) == ([], [])
    assert sides.payer(1).body["email"] == "debtor@example.com"
    assert sides.payer(1).body["metadata"] == {"shop": "north", "customer_number": "10001"}
    assert sides.debtor(2).email == "payer@example.com"
    assert sides.debtor(2).attributes["GCCUST"] == sides.payer(2).id
    assert sides.site.unfinished() == {}
    assert sides.site.trail_is_whole()


class EditedBetween:
    """A target during whose plan somebody edits the customer in GoCardless."""

    def __init__(self, target: Any, edit: Any) -> None:
        self._target = target
        self._edit = edit

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    def plan(self, *arguments: Any) -> Any:
        planned = self._target.plan(*arguments)
        if self._edit is not None:
            self._edit()
            self._edit = None
        return planned


def test_metadata_that_somebody_adds_after_it_was_read_is_not_lost(both_sides):
    sides = both_sides(to_gocardless="number")
    sides.site.merchant.mandate(1, shop="north")
    sides.site.run()

    def edit() -> None:
        sides.in_gocardless(metadata={"shop": "north", "tier": "gold"})

    runtime, connection = sides.site.at.runtime, sides.site.at.connection
    with runtime.gocardless_target(connection) as target:
        edited: Any = EditedBetween(target, edit)
        report = runtime.protocol(connection, edited).run(target.traits.kinds)
    assert (report.settled, report.held, report.stopped) == (1, [], "")
    assert sides.payer().body["metadata"] == {"shop": "north", "tier": "gold", "customer_number": "10001"}


def test_an_accountant_who_edits_the_same_customer_meanwhile_keeps_the_edit(both_sides):
    sides = both_sides(to_erp="details")
    sides.payer(1)
    sides.run()
    sides.in_gocardless(email="payer@example.com")
    runtime, connection = sides.site.at.runtime, sides.site.at.connection
    from connector_resources.posting.planning import Scope
    from tests.evenings import DAY
    from tests.sites import LAST

    sides.site.at.read(Scope(DAY, LAST, only_new=False))
    sides.site.at.link()
    with runtime.erp(connection) as connector:
        edited: Any = EditedBetween(connector, lambda: sides.in_erp(1, phone="+47 22 33 44 55", name="Renamed AS"))
        report = runtime.protocol(connection, edited).run(connector.traits.kinds)
    assert (report.held, report.stopped) == ([], "")
    debtor = sides.debtor()
    assert (debtor.email, debtor.phone, debtor.name) == ("payer@example.com", "+47 22 33 44 55", "Renamed AS")
