"""Through the posting protocol to the adviser's books: budgets, lost answers, foreign money, vouchers, proposals."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from bookkeeping.money import Money
from bookkeeping.postings import AccountRole, Line, Party, Posting, PostingKind, Side
from connector_resources.erp.contract import (
    Document,
    PostingWork,
    Rejected,
    StepDone,
)
from connector_resources.erp.datev.dxso import package, unpacked
from sandbox.datev.datacentre import Company

R = AccountRole
ALL = frozenset(PostingKind)
CUT_OFF = datetime(2026, 6, 30, 15, 0, tzinfo=UTC)


def as_work(posting: Posting, done: tuple[StepDone, ...] = ()) -> PostingWork:
    return PostingWork(posting, done)


def debtor(number: int) -> Posting:
    subject = f"CU{number}"
    day = date(2026, 6, 2)
    return Posting(
        f"customer:{subject}:1", "kanzlei", PostingKind.CUSTOMER, f"customer:{subject}:1", subject,
        datetime(2026, 6, 2, 9, tzinfo=UTC), day, f"GC{subject}", "GoCardless customer",
        party=Party(subject, str(number), f"Kunde {number}"), facts={"company_name": f"Kunde {number}"},
    )  # fmt: skip


class TestTheWholeWay:
    """Through the posting protocol, to the adviser's books."""

    def plan(self, made, *postings):
        made.store.ledger.plan("kanzlei", postings)

    def test_a_thousand_receipts_and_a_payout_take_at_most_eight_calls(self, office, build):
        with office() as made:
            made.centre.seed_personal_accounts("455148-1", {"10042": "Müller GmbH"})
            receipts = [build.receipt(f"PM{n:05d}", 100, invoice=f"RE-{n}") for n in range(1000)]
            payout = build.simple_payout(net=99_000, fee=1_000)
            self.plan(made, *receipts, payout)
            report = made.protocol().run(ALL)
            assert (report.settled, report.stopped, report.held) == (1001, "", [])
            assert len(made.calls) <= 8
            assert made.books.rejected == []
            assert made.books.balance("1360") == 0

    @pytest.mark.parametrize(
        ("client", "clearing", "bank", "fees"), [(1, "1360", "1200", "4970"), (2, "1460", "1800", "6855")]
    )
    def test_the_advisers_trial_balance_shows_clearing_at_zero(self, office, build, client, clearing, bank, fees):
        with office(client) as made:
            self.plan(
                made, debtor(10042), debtor(10043),
                build.receipt("PM1", 11900), build.receipt("PM2", 23800, party=Party("CU2", "10043")),
                build.receipt("PM3", 5000), build.reversal("PM3", 5000, day=date(2026, 6, 9)),
                build.simple_payout(net=35343, fee=357),
            )  # fmt: skip
            report = made.protocol().run(ALL)
            assert (report.stopped, report.held) == ("", [])
            books = made.books
            assert books.rejected == []
            assert books.double_rows == []
            assert books.balanced
            balances = {account: books.balance(account) for account in (clearing, bank, fees, "10042", "10043")}
            assert balances == {clearing: 0, bank: 35343, fees: 357, "10042": -11900, "10043": -23800}

    @pytest.mark.parametrize("duplicates", ["accept_twice", "same_name_is_ignored"])
    @pytest.mark.parametrize("fault", ["drop_after", "drop_before", "error_after", "error_before"])
    def test_every_row_is_booked_once_whatever_happens_to_the_upload(self, office, build, fault, duplicates):
        with office() as made:
            made.centre.seed_personal_accounts("455148-1", {"10042": "Müller GmbH"})
            made.centre.behaviour.duplicate_mode = duplicates
            made.centre.behaviour.listed_after_s = 9
            made.fault(fault, status=503)
            self.plan(made, build.receipt())
            made.protocol().run(ALL)
            assert [row.document for row in made.books.rows] == ["RE-2026-0042"]
            assert {count.state for count in made.store.ledger.counts("kanzlei")} == {"delivered"}

    def test_the_ledger_says_delivered_never_posted(self, office, build):
        with office() as made:
            self.plan(made, build.receipt())
            made.protocol().run(ALL)
            (row,) = made.store.ledger.of_subjects("kanzlei", ["PM00K7Q2M4ZV9A"])["PM00K7Q2M4ZV9A"]
            assert row.state == "delivered"
            assert row.documents[0].document.kind == "extf_batch"

    def test_foreign_money_clears_in_its_currency_and_in_euros(self, office, build):
        with office() as made:
            made.centre.seed_personal_accounts("455148-1", {"10042": "Svensson AB"})
            rate = {"fx_currency": "EUR", "fx_rate": "0.0888888889"}
            lines = [
                build.line(R.BANK, 8700), build.line(R.FX_TRANSIT, -8700), build.line(R.FX_TRANSIT, 100000, "SEK"),
                build.line(R.CLEARING, -100000, "SEK"),
            ]  # fmt: skip
            facts = {"fx_currency": "EUR", "fx_rate": "0.087", "fx_amount": "87.00", "clearing_base": "88.89"}
            self.plan(made, build.receipt("PM1", 100000, currency="SEK", facts=rate), build.payout(lines, facts=facts))
            made.protocol().run(ALL)
            assert made.books.rejected == []
            assert made.books.balance("1360") == 0
            assert made.books.balance("2150") == 189


class TestForeignPayouts:
    """The exchange difference, from what the payout's items were booked at in our own ledger."""

    PAYOUT = "PO0009TR5X8WCB"

    def story(self, made, build, *, known=True):
        """Two receipts in SEK at 11.25, one taken back, and a payout of what is left at 11.50."""
        made.centre.seed_personal_accounts("455148-1", {"10042": "Svensson AB"})
        rate = {"fx_currency": "EUR", "fx_rate": "0.0888888889"}
        receipts = [build.receipt(f"PM{n}", 100_000, currency="SEK", facts=rate) for n in (1, 2)]
        amount = Money(100_000, "SEK")
        back = [
            Line(R.RECEIVABLE, Side.DEBIT, amount, party=Party("CU1", "10042")), Line(R.CLEARING, Side.CREDIT, amount)
        ]  # fmt: skip
        failed = build.posting(PostingKind.RECEIPT_REVERSAL, "PM2", back, facts=rate, day=date(2026, 6, 5))
        lines = [
            build.line(R.BANK, 8500), build.line(R.FX_TRANSIT, -8500), build.line(R.FX_TRANSIT, 97_750, "SEK"),
            build.line(R.FEES, 2_250, "SEK"), build.line(R.CLEARING, -200_000, "SEK"),
            build.line(R.CLEARING, 100_000, "SEK"),
        ]  # fmt: skip
        payout = build.payout(lines, facts={"fx_currency": "EUR", "fx_rate": "0.0869565217", "fx_amount": "85.00"})
        items = [
            {"type": "payment_paid_out", "amount": "100000.0", "links": {"payment": "PM1"}},
            {"type": "payment_paid_out", "amount": "100000.0", "links": {"payment": "PM2"}},
            {"type": "payment_failed", "amount": "-100000.0", "links": {"payment": "PM2"}},
            {"type": "gocardless_fee", "amount": "-2250.0", "links": {"payment": "PM1"}},
        ]
        body = {"id": self.PAYOUT, "currency": "SEK", "created_at": "2026-06-08T04:00:00.000Z"}
        made.store.entities.put("kanzlei", "payouts", [body], day_of=lambda moment: moment.date())
        made.store.entities.put_payout_items("kanzlei", self.PAYOUT, items)
        booked = [*receipts, failed] if known else [receipts[0]]
        made.store.ledger.plan("kanzlei", [*booked, payout])

    def test_the_difference_brings_clearing_to_zero(self, office, build):
        with office() as made:
            self.story(made, build)
            report = made.protocol().run(ALL)
            assert (report.stopped, report.held) == ("", [])
            assert made.books.rejected == []
            assert (made.books.balance("1360"), made.books.balance("2150")) == (0, 193)

    def test_a_payout_with_an_item_that_was_never_booked_is_held(self, office, build):
        with office() as made:
            self.story(made, build, known=False)
            assert [hold.code for hold in made.protocol().run(ALL).held] == ["fx_difference_unknown"]


class TestVouchersAndProposals:
    """The optional services through the same protocol."""

    def test_a_voucher_is_stored_once_and_linked(self, office, build):
        with office(documents={"types": {"payout": "Sonstige"}}) as made:
            made.store.ledger.plan("kanzlei", [build.simple_payout()])
            made.fault("drop_after", path="/documents/")
            report = made.protocol().run(ALL)
            assert (report.stopped, report.held) == ("", [])
            ((_, guid),) = made.centre.documents
            assert f'BEDI ""{guid}""'.encode() in next(iter(made.centre.jobs.values())).content
            document = next(iter(made.centre.documents.values()))
            assert (document.document_type, document.place) == ("Sonstige", ("GoCardless", "Auszahlungen", "2026-06"))
            assert made.books.rejected == []

    def test_a_type_the_client_lacks_is_held_without_any_upload(self, office, build):
        with office(documents={"types": {"payout": "Quittung"}}) as made:
            made.store.ledger.plan("kanzlei", [build.simple_payout()])
            report = made.protocol().run(ALL)
            assert [hold.code for hold in report.held] == ["document_type_unknown"]
            assert (made.uploads, made.centre.documents) == (0, {})

    def test_receipts_become_posting_proposals_through_one_transfer(self, office, build):
        with office(dxso={}) as made:
            receipts = [build.receipt(f"PM{n}", 100 + n, invoices=(f"RE-{n}",), invoice=f"RE-{n}") for n in range(3)]
            made.store.ledger.plan("kanzlei", receipts)
            report = made.protocol().run(ALL)
            assert (report.settled, report.stopped, report.held) == (3, "", [])
            (job,) = made.centre.dxso_jobs.values()
            assert job.status == 2
            assert len(job.files) == 4

    @pytest.mark.parametrize("where", ["/files", "/dxso-jobs/[^/]+$"])
    def test_a_transfer_interrupted_half_way_is_finished_once(self, office, build, where):
        with office(dxso={}) as made:
            made.store.ledger.plan("kanzlei", [build.receipt(invoices=("RE-1",))])
            made.fault("drop_after", path=where, method="POST|PUT")
            report = made.protocol().run(ALL)
            assert (report.settled, report.held) == (1, [])
            assert sorted(job.status for job in made.centre.dxso_jobs.values()) == [2]

    @pytest.mark.parametrize(("files", "state"), [(0, "not_sent"), (1, "unknown"), (2, "unknown")])
    def test_a_transfer_that_was_held_up_is_looked_up_once_it_holds_a_file(self, office, build, files, state):
        """Planned anew it might list other receipts than those whose files lie in it."""
        with office(dxso={}) as made:
            receipts = [build.receipt(f"PM{n}", 100 + n, invoices=(f"RE-{n}",), invoice=f"RE-{n}") for n in range(2)]
            made.store.ledger.plan("kanzlei", receipts)
            made.fault("rate_limit", path="/files", method="POST", skip=files, headers={"Retry-After": "3600"})
            report = made.protocol().run(ALL)
            assert report.stopped
            assert made.store.submissions.of_posting("kanzlei", receipts[0].key)[-1].state == state
            made.clock.advance(timedelta(hours=1))
            report = made.protocol().run(ALL)
            assert (report.settled, report.stopped, report.held) == (2, "", [])
            assert [(job.status, len(job.files)) for job in made.centre.dxso_jobs.values()] == [(2, 3)]

    def test_a_refused_transfer_holds_its_receipts_with_the_protocol(self, office, build):
        with office(4, dxso={}) as made:
            made.store.ledger.plan("kanzlei", [build.receipt(invoices=("RE-1",))])
            report = made.protocol().run(ALL)
            assert [hold.code for hold in report.held] == ["DCO01301"]
            assert "erp.dxso" in report.held[0].next_step

    def test_a_proposal_that_datev_would_refuse_is_held_until_the_setting_is_right(self, office, build):
        """`dxso_invalid`: the schema has two digits for a rate. The booking itself was delivered, and once only."""
        with office(dxso={"tax_percent": "100"}) as made:
            receipt = build.receipt(invoices=("RE-1",))
            made.store.ledger.plan("kanzlei", [receipt])
            report = made.protocol().run(ALL)
            assert [hold.code for hold in report.held] == ["dxso_invalid"]
            assert "tax '100.00' is not allowed" in report.held[0].reason
        with office(dxso={}) as made:
            made.store.ledger.release("kanzlei", [receipt.key], by="Ada", note="corrected the rate")
            report = made.protocol().run(ALL)
            assert (report.settled, report.held) == (1, [])
            assert sorted(job.status for job in made.centre.dxso_jobs.values()) == [2]

    def test_the_protocol_of_a_failed_transfer_is_shown(self, office, build):
        with office(dxso={}) as made:
            made.store.ledger.plan("kanzlei", [build.receipt(invoices=("RE-1",))])
            receipt = build.receipt(invoices=("RE-1",))
            done = (StepDone("batch", Document("extf_batch", "j")),)
            (job,) = made.connector.plan([as_work(receipt, done)], CUT_OFF)
            opened = made.connector.submit(job).document
            (sent,) = made.connector.plan([as_work(receipt, (*done, StepDone("dxso_job", opened)))], CUT_OFF)
            spoilt = [(n, c.replace(b">119.00<", b">0.00<")) for n, c in unpacked(sent.body)]
            sent = replace(sent, body=package(spoilt))
            accepted = made.connector.submit(sent)
            outcome = made.polled(sent, accepted.job_id)
            assert isinstance(outcome, Rejected)
            assert "Rechnungsdaten_PM00K7Q2M4ZV9A_" in outcome.reason


def test_a_company_with_longer_accounts_is_booked_with_mapped_ones(office, build):
    accounts = {"bank": 12000, "clearing": 13600, "fees": 49700, "suspense": 17000}
    with office(9, account_length=5, accounts=accounts) as made:
        made.centre.add_company(
            Company(455148, 9, "Lange Konten GmbH", account_length=5, personal_accounts={"100042": "A"})
        )
        receipt = build.receipt(party=Party("CU1", "100042"), minor=35700)
        made.store.ledger.plan("kanzlei", [receipt, build.simple_payout()])
        made.protocol().run(ALL)
        assert made.books.rejected == []
        assert made.books.balance("13600") == 0
        assert Money(made.books.balance("12000"), "EUR") == Money(35343, "EUR")
