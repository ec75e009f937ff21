"""A Visma company over real HTTP, a connector on it with a real store, and small builders of postings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bookkeeping.postings import AccountRole, Line, Party, Posting, PostingKind, Side
from bookkeeping.settings import BookSettings
from connector_resources.erp.building import BuildContext
from connector_resources.erp.contract import (
    Accepted,
    Complete,
    Finding,
    Hold,
    Mismatch,
    OpenSubmission,
    PlannedSubmission,
    Posted,
    PostingWork,
    Rejected,
    StepDone,
    Verified,
    VerifyRequest,
)
from connector_resources.erp.visma.connector import VismaConnector
from connector_resources.erp.visma.resource import build_connector
from connector_resources.erp.visma.settings import VismaSettings
from connector_resources.store.store import Store
from connector_resources.store.vault_key import VaultKey
from sandbox.clock import SandboxClock
from sandbox.serve import running
from sandbox.visma.app import VismaSandbox, create_app
from sandbox.visma.company import TENANT_ID, Company
from tests.given_postings import GivenPostings

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
DAY = date(2026, 3, 2)
CONNECTION = "nordlys"
CUSTOMER = "10042"
ROLE = AccountRole


def settings_for(**changes: Any) -> VismaSettings:
    content: dict[str, Any] = {
        "kind": "visma",
        "tenant_id": TENANT_ID,
        "company_name": "Nordlys Drift AS",
        "company_id": "1204377",
        "currencies": {
            "EUR": {"clearing_cash_account": "1985", "bank_account": "1920"},
            "GBP": {"clearing_cash_account": "1986", "bank_account": "1930"},
        },
        "accounts": {
            "fees": "7770",
            "input_vat": "2710",
            "fx_transit": "1990",
            "fx_difference": "8160",
            "sales_returns": "3000",
            "suspense": "2990",
            "rounding": "7798",
            "payout_transit": "2990",
        },
        "payment_method": "GC",
        **changes,
    }
    return VismaSettings.model_validate(content)


# --- postings --------------------------------------------------------------------------------------------------------


def party(customer: str | None = CUSTOMER, gocardless: str = "CU000123") -> Party:
    return Party(gocardless, customer)


GIVEN = GivenPostings(CONNECTION, NOW, DAY)


def posting(
    kind: PostingKind,
    subject: str,
    lines: Sequence[tuple[AccountRole, Side, int]] = (),
    *,
    payer: Party | None = None,
    **changes: Any,
) -> Posting:
    return GIVEN.of(kind, subject, lines, payer or party(), **changes)


def receipt(subject: str = "PM00ABC123", minor: int = 12500, **changes: Any) -> Posting:
    lines = ((ROLE.CLEARING, Side.DEBIT, minor), (ROLE.RECEIVABLE, Side.CREDIT, minor))
    return posting(PostingKind.RECEIPT, subject, lines, **changes)


def reversal(of: Posting, *, event: str = "EV00002", **changes: Any) -> Posting:
    assert of.activity_amount is not None
    minor = of.activity_amount.minor
    lines = ((ROLE.RECEIVABLE, Side.DEBIT, minor), (ROLE.CLEARING, Side.CREDIT, minor))
    fields = {"payer": of.party, "currency": of.activity_amount.currency, "reverses": of.key, **changes}
    return posting(PostingKind.RECEIPT_REVERSAL, of.subject, lines, event=event, **fields)


def refund(subject: str = "RF00ABC123", minor: int = 4000, *, event: str = "EV00003", **changes: Any) -> Posting:
    lines = (
        (ROLE.SALES_RETURNS, Side.DEBIT, minor),
        (ROLE.RECEIVABLE, Side.CREDIT, minor),
        (ROLE.RECEIVABLE, Side.DEBIT, minor),
        (ROLE.CLEARING, Side.CREDIT, minor),
    )
    return posting(PostingKind.REFUND, subject, lines, event=event, **changes)


def refund_reversal(of: Posting, *, event: str = "EV00004") -> Posting:
    assert of.activity_amount is not None
    minor = of.activity_amount.minor // 2
    lines = ((ROLE.CLEARING, Side.DEBIT, minor), (ROLE.RECEIVABLE, Side.CREDIT, minor))
    return posting(PostingKind.REFUND_REVERSAL, of.subject, lines, event=event, reverses=of.key)


def payout(subject: str = "PO00XYZ789", *, event: str = "EV00005", **changes: Any) -> Posting:
    lines = ((ROLE.BANK, Side.DEBIT, 23680), (ROLE.FEES, Side.DEBIT, 320), (ROLE.CLEARING, Side.CREDIT, 24000))
    return posting(PostingKind.PAYOUT, subject, lines, event=event, party=None, **changes)


def mandate(status: str, subject: str = "MD00A", *, event: str = "EV00006", **changes: Any) -> Posting:
    return posting(PostingKind.MANDATE_STATUS, subject, event=event, facts={"status": status}, **changes)


@pytest.fixture(scope="session")
def given() -> SimpleNamespace:
    """The builders above, for tests."""
    return SimpleNamespace(
        NOW=NOW, DAY=DAY, CONNECTION=CONNECTION, CUSTOMER=CUSTOMER, Desk=Desk,
        settings=settings_for, party=party, posting=posting, receipt=receipt, reversal=reversal, refund=refund,
        refund_reversal=refund_reversal, payout=payout, mandate=mandate, with_facts=with_facts, with_lines=with_lines,
        taxed=taxed,
    )  # fmt: skip


# --- the company and the connector -----------------------------------------------------------------------------------


@pytest.fixture
def company() -> Company:
    made = Company(clock=SandboxClock(NOW)).standard_chart()
    made.add_customer(CUSTOMER, "Fjell Kraft AS", email="post@fjell.example")
    return made


@pytest.fixture
def sandbox(company: Company) -> VismaSandbox:
    return create_app(company)


@pytest.fixture
def address(sandbox: VismaSandbox) -> Iterator[str]:
    with running(sandbox) as url:
        yield url


@pytest.fixture
def store(tmp_path: Path, company: Company) -> Iterator[Store]:
    key, _ = VaultKey.generate()
    with Store.open(f"sqlite:///{tmp_path / 'store.sqlite'}", clock=company.clock.now, vault_key=key) as opened:
        opened.migrate()
        opened.vault.write(CONNECTION, "client_id", "isv_sandbox")
        opened.vault.write(CONNECTION, "client_secret", "sandbox-secret")
        yield opened


Build = Callable[..., VismaConnector]


@pytest.fixture
def build(address: str, store: Store, company: Company) -> Iterator[Build]:
    """Connectors of one connection, as separate processes would have them."""
    made: list[VismaConnector] = []

    def make(**changes: Any) -> VismaConnector:
        settings = settings_for(base_url=address, token_url=f"{address}/connect/token", **changes)
        books = BookSettings(CONNECTION, ZoneInfo("Europe/Oslo"), date(2026, 1, 1))
        context = BuildContext(CONNECTION, books, store, company.clock.now, sleep=lambda _seconds: None)
        made.append(build_connector(settings, context))
        return made[-1]

    yield make
    for connector in made:
        connector.close()


@pytest.fixture
def connector(build: Build) -> VismaConnector:
    return build()


@dataclass
class Desk:
    """The smallest loop that drives a connector: prepare, plan, submit, verify, until nothing is left to send."""

    connector: VismaConnector
    done: dict[str, tuple[StepDone, ...]] = field(default_factory=dict)
    completed: dict[str, str] = field(default_factory=dict)
    held: dict[str, Hold | Rejected | Mismatch] = field(default_factory=dict)
    postings: dict[str, Posting] = field(default_factory=dict)

    def run(self, *postings: Posting) -> Desk:
        """Until every posting is complete or held. Raises what the connector raises."""
        self.postings |= {each.key: each for each in postings}
        while work := self.work():
            work = self._verified(work)
            self.connector.prepare([each.posting for each in work if not each.done])
            for answer in self.connector.plan(work, NOW):
                self._take(answer)
        return self

    def work(self) -> list[PostingWork]:
        """As the ledger does: a posting waits until the one it takes back is settled."""
        settled = self.completed.keys() | self.held.keys()
        waiting = {
            key for key, item in self.postings.items() if (item.reverses or "") in self.postings.keys() - settled
        }
        return [self.work_of(key) for key in self.postings if key not in settled | waiting]

    def work_of(self, key: str) -> PostingWork:
        item = self.postings[key]
        return PostingWork(item, self.done.get(key, ()), self.done.get(item.reverses or "", ()))

    def next(self, item: Posting) -> PlannedSubmission:
        """The next request of a posting, verified and planned, and not sent."""
        self.postings[item.key] = item
        work = self._verified([self.work_of(item.key)])
        self.connector.prepare([item] if not work[0].done else [])
        answer = self.connector.plan(work, NOW)[0]
        assert isinstance(answer, PlannedSubmission), answer
        return answer

    def open(self, planned: PlannedSubmission, *, job_id: str = "") -> OpenSubmission:
        works = tuple(self.work_of(key) for key in planned.posting_keys)
        return OpenSubmission(planned, NOW, job_id=job_id, postings=works)

    def find(self, planned: PlannedSubmission) -> Finding:
        return self.connector.find([self.open(planned)])[0]

    def send(self, planned: PlannedSubmission) -> Posted | Rejected:
        """Submit, and poll a job to its end."""
        outcome = self.connector.submit(planned)
        for _ in range(20):
            if not isinstance(outcome, Accepted):
                return outcome
            outcome = self.connector.poll(self.open(planned, job_id=outcome.job_id))
        raise AssertionError(f"the job of {planned.reference} never ended")

    def note(self, planned: PlannedSubmission, outcome: Posted | Rejected) -> None:
        for key in planned.posting_keys:
            if isinstance(outcome, Posted):
                self.done[key] = (*self.done.get(key, ()), StepDone(planned.step, outcome.document))
            else:
                self.held[key] = outcome

    def _take(self, answer: PlannedSubmission | Hold | Complete) -> None:
        if isinstance(answer, Hold):
            self.held[answer.posting_key] = answer
        elif isinstance(answer, Complete):
            self.completed[answer.posting_key] = answer.nothing_to_book
        else:
            self.note(answer, self.send(answer))

    def _verified(self, work: list[PostingWork]) -> list[PostingWork]:
        open_ones = [each for each in work if each.done and not each.done[-1].verified]
        requests = [VerifyRequest(each, each.done[-1].step, each.done[-1].document) for each in open_ones]
        for request, answer in zip(requests, self.connector.verify(requests), strict=True):
            key = request.work.posting.key
            if isinstance(answer, Verified):
                step = StepDone(request.step, answer.document, verified=True)
                self.done[key] = (*self.done[key][:-1], step)
            else:
                self.held[key] = answer
        return [self.work_of(each.posting.key) for each in work if each.posting.key not in self.held]


@pytest.fixture
def desk(connector: VismaConnector) -> Desk:
    return Desk(connector)


def with_facts(item: Posting, **facts: str) -> Posting:
    return replace(item, facts={**item.facts, **facts})


def with_lines(item: Posting, lines: Sequence[Line]) -> Posting:
    return replace(item, lines=tuple(lines))


def taxed(line: Line, rate: str) -> Line:
    return replace(line, tax_rate=rate)
