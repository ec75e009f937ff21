"""Converted payouts: every account ends at zero in both currencies, and the difference stands on an account of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from bookkeeping.money import Money
from bookkeeping.postings import AccountRole, Line, Posting, PostingKind, Side
from connector_resources.erp.contract import Mismatch, PostingWork, VerifyRequest
from connector_resources.erp.visma.exchange import clearing_rate
from connector_resources.erp.visma.journals import Batch, batches
from connector_resources.posting.protocol import PostingProtocol, PostingReport, Surroundings
from connector_resources.store.ledger_reading import LedgerRow
from connector_resources.store.store import Store
from sandbox.faults import Fault
from sandbox.visma.app import VismaSandbox
from sandbox.visma.company import Company

ROLE = AccountRole
CLEARING, TRANSIT, DIFFERENCE, BANK, FEES = "1986", "1990", "8160", "1920", "7770"
JOURNALS = "/v2/journaltransaction$"
MARCH = date(2026, 3, 1)


def converted_payout(given: SimpleNamespace, subject: str = "PO000GBP") -> Posting:
    """100.00 GBP collected, 1.00 GBP fees, 99.00 GBP paid out as 115.83 EUR at 1.17."""
    made: Posting = given.posting(PostingKind.PAYOUT, subject, event="EV00006")
    lines = (
        Line(ROLE.BANK, Side.DEBIT, Money(11_583, "EUR"), subject),
        Line(ROLE.FX_TRANSIT, Side.CREDIT, Money(11_583, "EUR"), f"{subject} in EUR"),
        Line(ROLE.FX_TRANSIT, Side.DEBIT, Money(9_900, "GBP"), f"{subject} in GBP"),
        Line(ROLE.FEES, Side.DEBIT, Money(100, "GBP"), f"{subject} fees"),
        Line(ROLE.CLEARING, Side.CREDIT, Money(10_000, "GBP"), f"{subject}: payments"),
    )
    return replace(made, lines=lines, party=None, facts={"fx_currency": "EUR", "fx_rate": "1.17"})


@dataclass
class Site:
    """The connection with its ledger; every `post` is a process of its own."""

    company: Company
    sandbox: VismaSandbox
    store: Store
    build: Callable[..., Any]
    given: SimpleNamespace
    receipts: tuple[Posting, ...]
    payout: Posting

    def post(self, *postings: Posting, **changes: Any) -> PostingReport:
        if postings:
            self.store.ledger.plan(self.given.CONNECTION, postings)
        around = Surroundings(lambda _seconds: None, lambda: 0.5)
        protocol = PostingProtocol(self.store, self.build(**changes), self.given.CONNECTION, around)
        return protocol.run(frozenset(PostingKind))

    def paid_out(self, *moved: Posting) -> None:
        """What GoCardless said of the payout: which payments and refunds it moves."""
        body = {"id": self.payout.subject, "created_at": "2026-03-02T10:00:00.000Z", "currency": "GBP"}
        items = [_item(each) for each in moved]
        self.store.entities.put(self.given.CONNECTION, "payouts", [body], day_of=lambda moment: moment.date())
        self.store.entities.put_payout_items(self.given.CONNECTION, self.payout.subject, items)

    def row(self, item: Posting) -> LedgerRow:
        found = self.store.ledger.get(self.given.CONNECTION, item.key)
        assert found is not None
        return found

    def state(self) -> tuple[dict[str, str], str]:
        """GoCardless id -> hold code of what is held, and the state of the payout."""
        held = self.store.ledger.held(self.given.CONNECTION)
        return {row.posting.subject: row.held_code for row in held}, str(self.row(self.payout).state)

    def release(self, *items: Posting) -> None:
        """These, or everything that is held."""
        keys = [each.key for each in items]
        keys = keys or [row.posting.key for row in self.store.ledger.held(self.given.CONNECTION)]
        self.store.ledger.release(self.given.CONNECTION, keys, by="Ada", note="looked at it")

    def base(self, *accounts: str) -> list[int]:
        """What the books say of these accounts in euro cents, over all currencies."""
        return [self.company.books.base_balance(each) for each in accounts]

    def journals(self) -> list[str]:
        """The ends of the journals' descriptions, in the order in which they were made."""
        return [
            batch.description.split("/")[-1] for (module, _), batch in self.company.batches.items() if module == "GL"
        ]


def _item(of: Posting) -> dict[str, Any]:
    assert of.activity_amount is not None
    types = {PostingKind.RECEIPT: "payment_paid_out", PostingKind.RECEIPT_REVERSAL: "payment_failed"}
    link = "refund" if of.kind is PostingKind.REFUND else "payment"
    amount = str(of.activity_amount.minor)
    return {"type": types.get(of.kind, "refund"), "amount": amount, "links": {link: of.subject}}


@pytest.fixture
def site(company: Company, sandbox: VismaSandbox, store: Store, build: Any, given: SimpleNamespace) -> Site:
    """100.00 GBP of two payments, booked at 1.15; GoCardless converts at 1.17."""
    company.add_rate("GBP", Decimal("1.15"), starts=MARCH)
    first = given.receipt("PM000001", 6_000, event="EV00001", currency="GBP")
    second = given.receipt("PM000002", 4_000, event="EV00002", currency="GBP")
    made = Site(company, sandbox, store, build, given, (first, second), converted_payout(given))
    made.paid_out(first, second)
    return made


def assert_exact(site: Site) -> None:
    """115.00 EUR stood at clearing, 115.83 came, 1.15 were the fees: the rest is the gain."""
    assert site.state() == ({}, "posted")
    assert site.company.books.balance(CLEARING, "GBP") == 0
    assert site.base(CLEARING, TRANSIT) == [0, 0]
    assert site.base(BANK, FEES, DIFFERENCE) == [11_583, 115, -198]
    assert site.journals() == ["B", "A", "FX"]


def test_the_difference_leaves_clearing_and_transit_at_zero(site: Site) -> None:
    site.post(*site.receipts)
    site.post(site.payout)
    assert_exact(site)
    steps = [step.step for step in site.row(site.payout).documents if not step.step.startswith("release")]
    assert steps == ["journal_b", "journal_a", "journal_fx"]
    assert site.company.ignored_fields == set()


def test_receipts_and_payout_of_one_run_come_to_the_same(site: Site) -> None:
    site.post(*site.receipts, site.payout)
    assert_exact(site)


def test_visma_that_divides_by_its_rates_comes_to_the_same(site: Site) -> None:
    site.company.switches.change({"rates_divide": True})
    site.post(*site.receipts, site.payout, exchange_rate="divide")
    assert_exact(site)


def test_a_rate_that_visma_takes_the_other_way_round_is_noticed_before_the_release(site: Site) -> None:
    site.company.switches.change({"rates_divide": True})
    site.post(*site.receipts, site.payout)
    held, _ = site.state()
    assert held == {"PO000GBP": "read_back_differs"}
    assert "leaves 28.04 EUR on clearing" in site.row(site.payout).held_reason
    (draft,) = [x for x in site.company.batches.values() if x.description.endswith("PO000GBP/A")]
    assert draft.status == "Balanced"


def test_payments_of_several_days_are_cleared_at_what_each_was_booked_at(site: Site) -> None:
    site.company.add_rate("GBP", Decimal("1.1834"), starts=date(2026, 3, 2))
    first, second = site.receipts
    second = replace(second, booking_date=MARCH)
    site.post(first, second, site.payout)
    assert site.state() == ({}, "posted")
    assert (site.company.books.balance(CLEARING, "GBP"), *site.base(CLEARING, TRANSIT)) == (0, 0, 0)
    # 60.00 at 1.1834 and 40.00 at 1.15 are 117.00: one pound of fees at 1.17, and nothing gained.
    assert site.base(FEES, DIFFERENCE) == [117, 0]
    assert site.journals() == ["B", "A"]


def test_what_was_taken_back_is_cleared_at_what_it_was_booked_at(site: Site) -> None:
    first, second = site.receipts
    third = site.given.receipt("PM000003", 6_000, event="EV00003", currency="GBP", booking_date=MARCH)
    site.post(first, second, third)
    site.company.add_rate("GBP", Decimal("1.19"), starts=date(2026, 3, 2))
    back = site.given.reversal(first, event="EV00004")
    refund = site.given.refund("RF000001", 2_500, event="EV00005", currency="GBP")
    fourth = site.given.receipt("PM000004", 2_500, event="EV00007", currency="GBP")
    site.post(back, refund, fourth)
    site.paid_out(*site.receipts, third, back, refund, fourth)
    site.post(site.payout)
    assert site.state() == ({}, "posted")
    assert site.company.books.balance(CLEARING, "GBP") == 0
    assert site.base(CLEARING, TRANSIT) == [0, 0]


def test_a_chargeback_that_was_a_journal_is_cleared_at_what_that_was_booked_at(site: Site) -> None:
    modes = {"chargeback_mode": "debit_note", "chargeback_receivable": "2990"}
    third = site.given.receipt("PM000003", 3_000, event="EV00003", currency="GBP")
    site.post(*site.receipts, third, **modes)
    site.company.add_rate("GBP", Decimal("1.21"), starts=date(2026, 3, 2))
    back = site.given.with_facts(site.given.reversal(third, event="EV00004"), event="payments.charged_back")
    site.post(back, **modes)
    assert site.base(CLEARING) == [14_950 - 3_630]
    site.paid_out(*site.receipts, third, back)
    site.post(site.payout, **modes)
    assert site.state() == ({}, "posted")
    assert (site.company.books.balance(CLEARING, "GBP"), *site.base(CLEARING, TRANSIT)) == (0, 0, 0)


def test_a_payout_at_the_rate_of_the_receipts_needs_no_third_journal(site: Site) -> None:
    site.company.add_rate("GBP", Decimal("1.17"), starts=date(2026, 3, 2))
    site.post(*site.receipts, site.payout)
    assert site.state() == ({}, "posted")
    assert site.base(CLEARING, TRANSIT, DIFFERENCE) == [0, 0, 0]
    assert site.journals() == ["B", "A"]


def test_payments_of_before_the_cut_over_hold_the_payout_before_anything_is_booked(site: Site) -> None:
    site.post(site.receipts[0], site.payout)
    assert site.state() == ({"PO000GBP": "fx_difference_unknown"}, "held")
    assert site.journals() == []

    site.release()
    site.post(fx_difference="leave_open")

    assert site.state() == ({}, "posted")
    assert site.base(TRANSIT) == [0]
    assert site.journals() == ["B", "A", "FX"]


def test_an_item_that_is_not_booked_yet_holds_the_clearing_journal(site: Site) -> None:
    """The receipt is planned, and refused by Visma until its customer is active again."""
    site.company.customers[site.given.CUSTOMER].status = "Inactive"
    site.post(*site.receipts, site.payout)
    assert site.state()[0] == {
        "PM000001": "customer_inactive", "PM000002": "customer_inactive", "PO000GBP": "fx_difference_unknown",
    }  # fmt: skip
    assert site.journals() == ["B"]

    site.company.customers[site.given.CUSTOMER].status = "Active"
    site.release(*site.receipts)
    site.post()
    site.release()
    site.post()
    assert_exact(site)


def test_items_that_do_not_add_up_to_what_is_cleared_hold_it(site: Site) -> None:
    site.paid_out(site.receipts[0])
    site.post(*site.receipts, site.payout)
    assert site.state()[0] == {"PO000GBP": "fx_difference_unknown"}
    assert "come to 60.00 GBP, and it clears 100.00 GBP" in site.row(site.payout).held_reason


def test_without_an_account_for_differences_the_payout_waits_after_its_journals(site: Site) -> None:
    accounts = site.given.settings().model_dump(mode="json")["accounts"]
    del accounts["fx_difference"]
    site.post(*site.receipts, site.payout, accounts=accounts)
    assert site.state()[0] == {"PO000GBP": "account_unmapped"}
    site.release()
    site.post()
    assert_exact(site)


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "error_after"])
@pytest.mark.parametrize("text", ["PO000GBP/B", "PO000GBP/A", "PO000GBP/FX"])
def test_an_unanswered_journal_is_made_once(site: Site, kind: str, text: str) -> None:
    site.sandbox.faults.add(fault(kind, path=JOURNALS, containing=text))
    site.post(*site.receipts, site.payout)
    site.post()
    assert site.sandbox.faults.queued == []
    assert_exact(site)


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
def test_an_unanswered_release_of_the_difference_is_done_once(site: Site, kind: str) -> None:
    site.sandbox.faults.add(fault(kind, path="journaltransaction/.*/action/release", skip=2))
    site.post(*site.receipts, site.payout)
    site.post()
    assert site.sandbox.faults.queued == []
    assert_exact(site)


def test_the_other_journals_follow_in_another_process(site: Site) -> None:
    site.sandbox.faults.add(fault("drop_before", path=JOURNALS, containing="PO000GBP/A"))
    site.sandbox.faults.add(fault("drop_before", method="GET", path="journaltransaction", skip=2, times=99))
    assert site.post(*site.receipts, site.payout).stopped
    site.sandbox.faults.clear()
    site.post()
    assert_exact(site)


def test_drafts_left_to_an_accountant_leave_nothing_either_once_they_are_released(site: Site) -> None:
    site.post(*site.receipts, site.payout, auto_release=False)
    assert site.state() == ({}, "posted")
    drafts = [x for x in site.company.batches.values() if x.module == "GL"]
    assert [(x.status, x.description.split("/")[-1]) for x in drafts] == [
        ("Balanced", "B"), ("Balanced", "A"), ("Balanced", "FX"),
    ]  # fmt: skip


def test_a_difference_that_was_changed_by_hand_is_noticed(site: Site) -> None:
    site.post(*site.receipts, site.payout)
    (batch,) = [x for x in site.company.batches.values() if x.description.endswith("PO000GBP/FX")]
    batch.lines = [replace(x, debit_minor=x.debit_minor * 2, credit_minor=x.credit_minor * 2) for x in batch.lines]
    done = site.row(site.payout).documents[-1]
    connector = site.build()
    (answer,) = connector.verify([VerifyRequest(PostingWork(site.payout, (done,)), done.step, done.document)])
    assert isinstance(answer, Mismatch)
    assert "it leaves 1.98 EUR on the FX transit account" in answer.reason


def test_money_converted_out_of_the_base_currency(site: Site) -> None:
    """Collected in euros, paid out in pounds at 0.86: the bank in pounds is valued at Visma's rate of 1.15."""
    receipt = site.given.receipt("PM000009", 10_000, event="EV00009")
    lines = (
        Line(ROLE.BANK, Side.DEBIT, Money(8_600, "GBP"), "PO000GBP"),
        Line(ROLE.FX_TRANSIT, Side.CREDIT, Money(8_600, "GBP"), "PO000GBP"),
        Line(ROLE.FX_TRANSIT, Side.DEBIT, Money(10_000, "EUR"), "PO000GBP"),
        Line(ROLE.CLEARING, Side.CREDIT, Money(10_000, "EUR"), "PO000GBP"),
    )
    site.payout = replace(site.payout, lines=lines)
    site.post(receipt, site.payout)
    assert site.state() == ({}, "posted")
    assert site.base("1985", TRANSIT, "1930", DIFFERENCE) == [0, 0, 9_890, 110]


def test_the_transit_account_of_conversions_is_an_account_of_its_own(given: SimpleNamespace) -> None:
    with pytest.raises(ValueError, match="fx_transit 7770 must be an account"):
        given.settings(accounts={"fees": "7770", "fx_transit": "7770", "sales_returns": "3000"})


@pytest.mark.parametrize("exchange_rate", ["multiply", "divide"])
@pytest.mark.parametrize(
    ("credits", "debits", "raised"),
    [
        ([10_000], [], 11_500),
        ([33_333], [11_111], 25_703),
        ([99_999, 1], [33_333], 78_123),
        ([34_567_890], [], 39_753_074),
        ([7], [], 8),
    ],
)
def test_there_is_a_rate_that_takes_off_exactly_what_came_on(
    given: SimpleNamespace, exchange_rate: str, credits: list[int], debits: list[int], raised: int
) -> None:
    batch = clearing(given, credits, debits)
    rate = clearing_rate(batch, Money(raised, "EUR"), given.settings(exchange_rate=exchange_rate))
    assert rate is not None
    assert rate == rate.quantize(Decimal("1e-8"))
    at = 1 / rate if exchange_rate == "divide" else rate
    taken = [Decimal(minor) * at for minor in credits] + [-Decimal(minor) * at for minor in debits]
    assert sum(round(each) for each in taken) == raised


def test_there_is_no_rate_for_what_cancels_itself(given: SimpleNamespace) -> None:
    settings = given.settings()
    assert clearing_rate(clearing(given, [100], [100]), Money(1, "EUR"), settings) is None
    assert clearing_rate(clearing(given, [100], []), Money(-1, "EUR"), settings) is None


def clearing(given: SimpleNamespace, credits: list[int], debits: list[int]) -> Batch:
    lines = [(ROLE.CLEARING, Side.CREDIT, each) for each in credits]
    lines += [(ROLE.CLEARING, Side.DEBIT, each) for each in debits]
    (batch,) = batches(given.posting(PostingKind.PAYOUT, "PO1", lines, currency="GBP"))
    return batch


def fault(kind: str, *, method: str = "POST", **details: Any) -> Fault:
    return Fault(kind, method=method, **details)
