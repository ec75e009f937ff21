"""A connection that keeps its customers alike on both sides, and what each side says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bookkeeping.postings import GOCARDLESS_KINDS
from connector_resources.posting.protocol import PostingReport
from sandbox.faults import Fault
from sandbox.gocardless.records import Record
from sandbox.visma.records import Customer
from tests.evenings import MORNING, evening_company, evening_world
from tests.installations import visma_installation
from tests.ledger_books import VismaBooks
from tests.merchant import Merchant
from tests.sites import Site

KEYS = ["customer_number", "erp_customer"]


@dataclass(slots=True)
class BothSides:
    """Customer `n` of the merchant and customer `10000 + n` of the company are the same."""

    site: Site

    def run(self) -> tuple[PostingReport, PostingReport]:
        """Everything read again, linked, aligned and posted: to the ERP, then to GoCardless."""
        return self.site.run(), self.to_gocardless()

    def to_gocardless(self) -> PostingReport:
        runtime, connection = self.site.at.runtime, self.site.at.connection
        with runtime.gocardless_target(connection) as target:
            return runtime.protocol(connection, target).run(GOCARDLESS_KINDS)

    def payer(self, number: int = 1) -> Record:
        """The customer in GoCardless, with a mandate and a payment that makes it known."""
        mandate = self.site.merchant.mandate(number)
        world = self.site.merchant.world
        with world.lock:
            bank_account = world.customer_bank_accounts.get(mandate.links["customer_bank_account"])
            assert bank_account is not None
            customer = world.customers.get(str(bank_account.links["customer"]))
        assert customer is not None
        return customer

    def in_gocardless(self, number: int = 1, **values: Any) -> None:
        """Somebody edits the customer in GoCardless: no event tells of it."""
        with self.site.merchant.world.lock:
            self.payer(number).change(**values)
        self.site.merchant.tick()

    def debtor(self, number: int = 1) -> Customer:
        return self.site.company.customers[str(10000 + number)]

    def in_erp(self, number: int = 1, **values: Any) -> None:
        """An accountant edits the customer in Visma."""
        company = self.site.company
        with company.lock:
            debtor = self.debtor(number)
            for name, value in values.items():
                if name == "address":
                    debtor.address.update(value)
                else:
                    setattr(debtor, name, value)
            company.touch(debtor)
        self.site.merchant.tick()

    def writes(self) -> list[tuple[str, str]]:
        """Every change asked of a customer so far, on either side."""
        requests = [*self.site.at.gocardless.faults.requests, *self.site.at.erp.faults.requests]
        return [(method, path) for method, path in requests if method == "PUT"]

    def break_next(self, kind: str, path: str = "/customers/", *, method: str = "PUT", **details: Any) -> None:
        self.site.at.gocardless.faults.add(Fault(kind, method=method, path=path, **details))

    def states(self) -> dict[str, int]:
        return {key: n for key, n in self.site.at.states().items() if key.startswith(("customer ", "gocardless_"))}

    def held(self) -> dict[str, str]:
        return self.site.held()


@pytest.fixture
def both_sides(tmp_path: Path) -> Iterator[Callable[..., BothSides]]:
    """Opens a connection with these settings under `customers`; the company knows three debtors."""
    with ExitStack() as stack:

        def opened(**customers: Any) -> BothSides:
            merchant = Merchant(evening_world(MORNING))
            company = evening_company(3, merchant.world.clock)
            section = {"metadata_keys": KEYS, **customers}
            at = stack.enter_context(visma_installation(tmp_path, merchant.world, company, customers=section))
            return BothSides(Site(at, merchant, VismaBooks(company)))

        yield opened
