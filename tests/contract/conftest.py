"""One site for each ERP, and the paper ledger, registered by its line in the table like the others."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connector_resources.connections.model import Connection
from connector_resources.erp.registry import ERPS
from sandbox.gocardless.app import create_app as create_gocardless
from sandbox.serve import running
from tests.contract.paper_ledger import PAPER_LEDGER
from tests.contract.paper_ledger_stand_in import KEY, PaperLedgerSandbox
from tests.evenings import MORNING, evening_world
from tests.installations import BOOKS, Installation, open_installation
from tests.ledger_books import Documents
from tests.merchant import Merchant
from tests.sites import Site, datev_site, exact_online_site, ifs_cloud_site, sage300_site, visma_site


@pytest.fixture(scope="module")
def paper_ledger() -> Iterator[None]:
    """The sixth line of the table. Outside of a test it is written there; the file's schema follows the table."""
    ERPS["paper_ledger"] = PAPER_LEDGER  # type: ignore[index]
    Connection.model_rebuild(force=True)
    yield
    del ERPS["paper_ledger"]  # type: ignore[attr-defined]
    Connection.model_rebuild(force=True)


@dataclass(frozen=True, slots=True)
class PaperBooks:
    """The pages, as the judge reads them."""

    pages: list[dict[str, Any]]

    def documents(self) -> Documents:
        return Counter((page["reference"], page["dated"], str(page["lines"])) for page in self.pages)

    def clearing(self, currency: str = "EUR") -> int:
        lines = [line for page in self.pages for line in page["lines"] if line[0] == "clearing" and line[3] == currency]
        return sum((1 if side == "debit" else -1) * int(amount.replace(".", "")) for _, side, amount, _ in lines)

    def balances(self) -> dict[str, int]:
        return {"clearing": self.clearing()}


@contextlib.contextmanager
def paper_ledger_site(home: Path) -> Iterator[Site]:
    merchant, erp = Merchant(evening_world(MORNING)), PaperLedgerSandbox()
    gocardless = create_gocardless(merchant.world)
    with running(gocardless) as gocardless_address, running(erp) as address:
        document = {
            "gocardless": {"environment": "sandbox", "base_url": gocardless_address},
            "books": BOOKS,
            "erp": {"kind": "paper_ledger", "base_url": address},
        }
        clock = merchant.world.clock
        with open_installation(home, "paper", document, {"paper_ledger_key": KEY}, None, clock) as opened:
            runtime, connection, naps = opened
            at = Installation(home, runtime, connection, merchant.world, gocardless, erp, naps)  # type: ignore[arg-type]
            yield Site(at, merchant, PaperBooks(erp.documents))


SITES = {
    "visma": visma_site,
    "datev": datev_site,
    "exact_online": exact_online_site,
    "sage300": sage300_site,
    "ifs_cloud": ifs_cloud_site,
    "paper_ledger": paper_ledger_site,
}


@pytest.fixture(scope="module", params=sorted(SITES))
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, paper_ledger: None
) -> Iterator[Site]:
    """A connection to each ERP in turn; its tests share it, one after the other."""
    with SITES[request.param](tmp_path_factory.mktemp(request.param)) as opened:
        yield opened
