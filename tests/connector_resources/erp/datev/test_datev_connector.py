"""The connector against DATEV's stand-in over real HTTP: jobs, lost answers, duplicates, consent, budgets, the books."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from bookkeeping.money import Money
from bookkeeping.postings import AccountRole, Line, Party, Posting, PostingKind, Side
from connector_resources.erp.contract import (
    Absent,
    Accepted,
    Document,
    FoundJob,
    PlannedSubmission,
    Posted,
    PostingWork,
    Rejected,
    StepDone,
    Verified,
    VerifyRequest,
)
from connector_resources.erp.datev.connector import poll_delays
from connector_resources.erp.datev.traits import TRAITS
from connector_resources.errors import ConsentExpired, NotSent, Uncertain
from sandbox.datev.datacentre import Company

R = AccountRole
ALL = frozenset(PostingKind)
CUT_OFF = datetime(2026, 6, 30, 15, 0, tzinfo=UTC)


def batch(made, *postings: Posting) -> PlannedSubmission:
    (planned,) = made.connector.plan([_work(posting) for posting in postings], CUT_OFF)
    assert isinstance(planned, PlannedSubmission), planned
    return planned


def _work(posting: Posting, done: tuple[StepDone, ...] = ()) -> PostingWork:
    return PostingWork(posting, done)


def debtor(number: int) -> Posting:
    subject = f"CU{number}"
    day = date(2026, 6, 2)
    return Posting(
        f"customer:{subject}:1", "kanzlei", PostingKind.CUSTOMER, f"customer:{subject}:1", subject,
        datetime(2026, 6, 2, 9, tzinfo=UTC), day, f"GC{subject}", "GoCardless customer",
        party=Party(subject, str(number), f"Kunde {number}"), facts={"company_name": f"Kunde {number}"},
    )  # fmt: skip


def ours(posting: Posting) -> Posting:
    return replace(posting, connection="kanzlei")


def polled(made, planned, job_id, looks=5):
    """Poll as the protocol does: wait, look, until it is no longer running."""
    for _ in range(looks):
        made.context.sleep(5)
        outcome = made.connector.poll(made.open(planned, job_id))
        if not isinstance(outcome, Accepted):
            return outcome
    return outcome


class TestUploads:
    """Submit, poll, find."""

    @pytest.mark.parametrize("form", ["slash", "relative", "absolute"])
    def test_an_upload_is_accepted_as_a_job_and_polled_to_delivery(self, office, build, form):
        with office() as made:
            made.centre.behaviour.location_form = form
            planned = batch(made, build.receipt())
            accepted = made.connector.submit(planned)
            assert isinstance(accepted, Accepted)
            assert accepted.poll_after_s == 5
            outcome = polled(made, planned, accepted.job_id)
            assert isinstance(outcome, Posted)
            assert (outcome.document.kind, outcome.document.number) == ("extf_batch", accepted.job_id)
            assert outcome.document.details["filename"] == dict(planned.headers)["Filename"]

    def test_what_is_sent_is_what_was_planned(self, office, build):
        with office() as made:
            planned = batch(made, build.receipt())
            job_id = made.connector.submit(planned).job_id
            assert made.centre.jobs[job_id].content == planned.body
            assert made.centre.jobs[job_id].reference_id == planned.reference

    @pytest.mark.parametrize(
        ("fault", "details"),
        [("drop_after", {}), ("error_after", {"status": 500}), ("error_after", {"status": 503}),
         ("html_after", {"status": 502})],
    )  # fmt: skip
    @pytest.mark.parametrize("duplicates", ["accept_twice", "same_name_is_ignored"])
    def test_a_lost_answer_is_uncertain_and_the_job_is_found_by_its_name(
        self, office, build, fault, details, duplicates
    ):
        with office() as made:
            made.centre.behaviour.duplicate_mode = duplicates
            made.fault(fault, **details)
            planned = batch(made, build.receipt())
            with pytest.raises(Uncertain):
                made.connector.submit(planned)
            (finding,) = made.connector.find([made.open(planned)])
            assert isinstance(finding, FoundJob)
            assert isinstance(polled(made, planned, finding.job_id), Posted)
            assert made.uploads == 1

    def test_a_request_that_never_arrived_is_absent(self, office, build):
        with office() as made:
            made.fault("drop_before")
            planned = batch(made, build.receipt())
            with pytest.raises(Uncertain):
                made.connector.submit(planned)
            assert made.connector.find([made.open(planned)]) == [Absent()]

    def test_a_job_the_list_shows_late_is_found_after_the_read_lag(self, office, build):
        with office() as made:
            made.centre.behaviour.listed_after_s = 10
            made.fault("drop_after")
            planned = batch(made, build.receipt())
            with pytest.raises(Uncertain):
                made.connector.submit(planned)
            assert made.connector.find([made.open(planned)]) == [Absent()]
            made.context.sleep(TRAITS.read_lag_s)
            assert isinstance(made.connector.find([made.open(planned)])[0], FoundJob)

    def test_the_whole_job_list_is_read_once_for_many_look_ups(self, office, build):
        with office() as made:
            planned = [batch(made, build.receipt(f"PM{n}", 100 + n)) for n in range(3)]
            made.connector.submit(planned[0])
            for _ in range(230):
                add_foreign_job(made.centre, made.centre.companies["455148-1"])
            made.centre.behaviour.arriving_jobs = 2
            before = len(made.calls)
            findings = made.connector.find([made.open(p) for p in planned])
            assert [type(finding) for finding in findings] == [FoundJob, Absent, Absent]
            assert len(made.calls) - before <= 4

    def test_an_accepted_answer_without_a_job_is_looked_up(self, office, build):
        with office() as made:
            made.fault("error_after", status=202, body="{}")
            planned = batch(made, build.receipt())
            with pytest.raises(Uncertain, match="job list"):
                made.connector.submit(planned)
            assert isinstance(made.connector.find([made.open(planned)])[0], FoundJob)

    def test_a_failed_job_is_rejected_with_what_datev_names_and_leaves_the_way_free(self, office, build):
        with office() as made:
            planned = batch(made, build.receipt())
            broken = replace(planned, body=planned.body.replace(b";455148;1;", b";455149;1;", 1))
            job_id = made.connector.submit(broken).job_id
            outcome = polled(made, broken, job_id)
            assert isinstance(outcome, Rejected)
            assert outcome.code == "1008834"
            assert "Consultant" in outcome.reason
            assert "datev.de/hilfe/1008834" in outcome.reason
            assert "consultant" in outcome.next_step
            assert made.connector.find([made.open(planned)]) == [Absent()]

    @pytest.mark.parametrize("code", ["1008836", "1008837", "1008838"])
    def test_every_failure_code_has_its_next_step(self, office, build, code):
        with office() as made:
            made.centre.behaviour.forced_failures = [code]
            planned = batch(made, build.receipt())
            outcome = polled(made, planned, made.connector.submit(planned).job_id)
            assert (outcome.code, bool(outcome.next_step)) == (code, True)

    def test_a_result_word_we_do_not_know_means_still_running(self, office, build):
        with office() as made:
            made.centre.behaviour.pending_word = "being examined"
            planned = batch(made, build.receipt())
            job_id = made.connector.submit(planned).job_id
            assert isinstance(made.connector.poll(made.open(planned, job_id)), Accepted)

    def test_trouble_to_ask_never_fails_a_job(self, office, build):
        with office() as made:
            planned = batch(made, build.receipt())
            job_id = made.connector.submit(planned).job_id
            made.fault("error_before", path="/jobs/", status=404)
            assert isinstance(made.connector.poll(made.open(planned, job_id)), Accepted)

    def test_a_refused_header_is_rejected_with_the_help_link(self, office, build):
        with office() as made:
            planned = batch(made, build.receipt())
            outcome = made.connector.submit(replace(planned, headers=(("Filename", "wrong.csv"),)))
            assert isinstance(outcome, Rejected)
            assert outcome.code == "1008832"
            assert "http://www.datev.de/hilfe/1008832" in outcome.reason

    def test_a_client_datev_does_not_know_is_rejected_with_the_setting_to_correct(self, office, build):
        with office(99) as made:
            outcome = made.connector.submit(batch(made, build.receipt()))
            assert isinstance(outcome, Rejected)
            assert "consultant and client number" in outcome.next_step

    def test_a_missing_scope_is_rejected_as_such(self, office, build):
        with office() as made:
            for session in made.centre.sessions:
                session.scopes = frozenset({"openid"})
            outcome = made.connector.submit(batch(made, build.receipt()))
            assert outcome.code == "1008829"
            assert "authorize" in outcome.next_step

    def test_a_delivered_batch_counts_as_verified(self, office, build):
        with office() as made:
            document = Document("extf_batch", "job-1")
            request = VerifyRequest(_work(build.receipt()), "batch", document)
            assert made.connector.verify([request]) == [Verified(document)]


class TestConsent:
    """Tokens and the person behind them."""

    def test_an_expired_access_token_is_refreshed_and_the_call_repeated(self, office, build):
        with office() as made:
            made.connector.submit(batch(made, build.receipt("PM1")))
            for token in made.centre.issued.access.values():
                token.dead = True
            assert isinstance(made.connector.submit(batch(made, build.receipt("PM2"))), Accepted)
            assert sum(path == "/token" for _, path in made.calls) == 1

    @pytest.mark.parametrize("auth", ["client_id", "basic"])
    def test_both_ways_to_refresh_work_with_the_matching_registration(self, office, build, auth):
        with office(public_app=auth == "client_id", refresh_client_auth=auth) as made:
            made.clock.advance(timedelta(minutes=20))
            assert isinstance(made.connector.submit(batch(made, build.receipt())), Accepted)

    def test_the_wrong_way_to_refresh_names_the_setting_and_is_not_switched_silently(self, office, build):
        with office(public_app=False, refresh_client_auth="client_id") as made:
            made.clock.advance(timedelta(minutes=20))
            with pytest.raises(NotSent, match="refresh_client_auth"):
                made.connector.submit(batch(made, build.receipt()))
            assert sum(path == "/token" for _, path in made.calls) == 1

    def test_a_consent_that_ended_stops_every_call_until_a_person_authorises_again(self, office, build):
        with office() as made:
            made.clock.advance(timedelta(hours=12))
            for _ in range(2):
                with pytest.raises(ConsentExpired, match="connector authorize kanzlei"):
                    made.connector.submit(batch(made, build.receipt()))
            assert [path for _, path in made.calls] == ["/token"]
            made.authorise()
            assert isinstance(made.connector.submit(batch(made, build.receipt())), Accepted)


class TestPing:
    """The checklist."""

    def lines(self, made):
        return {line.what: line for line in made.connector.ping().lines}

    def test_a_good_connection_shows_person_expiry_client_and_services(self, office):
        with office() as made:
            report = made.connector.ping()
            assert report.ok, report
            lines = self.lines(made)
            assert lines["Consent"].detail.startswith("Erika Muster")
            assert "https://apps.datev.de/tokrevui" in lines["Consent"].detail
            assert lines["Consent valid until"].detail.startswith("01.07.2026 05:00")
            assert lines["Client 455148/1"].detail == "Muster GmbH"
            assert "clearing 1360" in lines["Accounts"].detail

    def test_a_client_without_the_data_service_says_where_to_order_it(self, office):
        with office(3) as made:
            line = self.lines(made)["Buchungsdatenservice"]
            assert not line.ok
            assert "go.datev.de" in line.next_step

    def test_an_unknown_client_is_a_line_not_an_error(self, office):
        with office(99) as made:
            line = self.lines(made)["Client 455148/99"]
            assert (line.ok, bool(line.next_step)) == (False, True)

    def test_an_ended_consent_is_a_line_with_the_command_to_renew_it(self, office):
        with office() as made:
            made.clock.advance(timedelta(hours=12))
            report = made.connector.ping()
            bad = {line.what for line in report.lines if not line.ok}
            assert bad == {"Consent", "Consent valid until"}
            assert all(line.next_step == "connector authorize kanzlei" for line in report.lines if not line.ok)

    @pytest.mark.parametrize("as_texts", [False, True])
    def test_account_length_and_fiscal_year_are_compared_where_documents_are_on(self, office, as_texts):
        with office(documents={"types": {"payout": "Sonstige"}}) as made:
            made.centre.behaviour.texts_for_values = as_texts
            lines = self.lines(made)
            assert lines["Account length"].ok
            assert lines["Fiscal year"].ok
            assert lines["Document types"].ok
        with office(documents={"types": {"payout": "Quittung"}}, fiscal_year_start="07-01") as made:
            lines = self.lines(made)
            assert not lines["Fiscal year"].ok
            assert "Rechnungsausgang" in lines["Document types"].next_step

    def test_all_clients_of_the_person_are_listed_over_several_pages(self, office):
        with office() as made:
            made.centre.add_many_companies(150)
            assert len(list(made.connector.accounting_clients())) == 154


class TestTheWholeWay:
    """Through the posting protocol, to the adviser's books."""

    def plan(self, made, *postings):
        made.store.ledger.plan("kanzlei", [ours(posting) for posting in postings])

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
        made.store.ledger.plan("kanzlei", [ours(posting) for posting in (*booked, payout)])

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
            made.store.ledger.plan("kanzlei", [ours(build.simple_payout())])
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
            made.store.ledger.plan("kanzlei", [ours(build.simple_payout())])
            report = made.protocol().run(ALL)
            assert [hold.code for hold in report.held] == ["document_type_unknown"]
            assert (made.uploads, made.centre.documents) == (0, {})

    def test_receipts_become_posting_proposals_through_one_transfer(self, office, build):
        with office(dxso={}) as made:
            receipts = [
                ours(build.receipt(f"PM{n}", 100 + n, invoices=(f"RE-{n}",), invoice=f"RE-{n}")) for n in range(3)
            ]
            made.store.ledger.plan("kanzlei", receipts)
            report = made.protocol().run(ALL)
            assert (report.settled, report.stopped, report.held) == (3, "", [])
            (job,) = made.centre.dxso_jobs.values()
            assert job.status == 2
            assert len(job.files) == 4

    @pytest.mark.parametrize("where", ["/files", "/dxso-jobs/[^/]+$"])
    def test_a_transfer_interrupted_half_way_is_finished_once(self, office, build, where):
        with office(dxso={}) as made:
            made.store.ledger.plan("kanzlei", [ours(build.receipt(invoices=("RE-1",)))])
            made.fault("drop_after", path=where, method="POST|PUT")
            report = made.protocol().run(ALL)
            assert (report.settled, report.held) == (1, [])
            assert sorted(job.status for job in made.centre.dxso_jobs.values()) == [2]

    def test_a_refused_transfer_holds_its_receipts_with_the_protocol(self, office, build):
        with office(4, dxso={}) as made:
            made.store.ledger.plan("kanzlei", [ours(build.receipt(invoices=("RE-1",)))])
            report = made.protocol().run(ALL)
            assert [hold.code for hold in report.held] == ["DCO01301"]
            assert "erp.dxso" in report.held[0].next_step

    def test_the_protocol_of_a_failed_transfer_is_shown(self, office, build):
        with office(dxso={}) as made:
            made.store.ledger.plan("kanzlei", [ours(build.receipt(invoices=("RE-1",)))])
            receipt = ours(build.receipt(invoices=("RE-1",)))
            done = (StepDone("batch", Document("extf_batch", "j")),)
            (job,) = made.connector.plan([_work(receipt, done)], CUT_OFF)
            opened = made.connector.submit(job).document
            (sent,) = made.connector.plan([_work(receipt, (*done, StepDone("dxso_job", opened)))], CUT_OFF)
            spoilt = [(n, c.replace(b">119.00<", b">0.00<")) for n, c in unpacked(sent.body)]
            sent = replace(sent, body=package(spoilt))
            accepted = made.connector.submit(sent)
            outcome = polled(made, sent, accepted.job_id)
            assert isinstance(outcome, Rejected)
            assert "Rechnungsdaten_PM00K7Q2M4ZV9A.xml" in outcome.reason


class TestPolling:
    """How often DATEV is asked (datev.md 2.2)."""

    def test_the_waits_double_to_a_minute_and_end_after_fifteen(self):
        waits = list(poll_delays(2))
        assert waits[:5] == [5, 10, 20, 40, 60]
        assert max(waits) == 60
        assert sum(waits) <= 900
        assert len(waits) < 20

    @pytest.mark.parametrize("spread", [0.0, 1.0])
    def test_jitter_never_breaks_the_rules(self, spread):
        waits = list(poll_delays(30, lambda: spread))
        assert waits[0] == 30
        assert len(waits) < 20
        assert sum(waits) <= 900


def test_traits_say_what_datev_cannot_do():
    assert TRAITS.settled_state == "delivered"
    assert TRAITS.read_lag_s >= 10
    assert TRAITS.allocates_customer_numbers
    assert any("read back" in limit for limit in TRAITS.limits)


def test_the_label_of_the_clearing_account_reaches_the_adviser(office):
    with office(label_clearing="GoCardless Transit") as made:
        planned = made.connector.plan_label(CUT_OFF)
        outcome = polled(made, planned, made.connector.submit(planned).job_id)
        assert isinstance(outcome, Posted)
        assert made.books.labels == {"1360": "GoCardless Transit"}


def test_secrets_and_tokens_are_in_no_planned_request(office, build):
    with office() as made:
        planned = batch(made, build.receipt())
        shown = repr(planned) + json.dumps(dict(planned.headers))
        assert not any(token in shown for token in made.centre.issued.access)


def test_the_client_reads_nothing_before_a_plain_batch(office, build):
    with office() as made:
        made.connector.prepare([build.receipt(), build.simple_payout()])
        assert made.calls == []
        assert list(made.connector.customers()) == []
        assert list(made.connector.open_invoices()) == []


def test_a_company_with_longer_accounts_is_booked_with_mapped_ones(office, build):
    accounts = {"bank": 12000, "clearing": 13600, "fees": 49700, "suspense": 17000}
    with office(9, account_length=5, accounts=accounts) as made:
        made.centre.add_company(
            Company(455148, 9, "Lange Konten GmbH", account_length=5, personal_accounts={"100042": "A"})
        )
        receipt = build.receipt(party=Party("CU1", "100042"), minor=35700)
        made.store.ledger.plan("kanzlei", [ours(receipt), ours(build.simple_payout())])
        made.protocol().run(ALL)
        assert made.books.rejected == []
        assert made.books.balance("13600") == 0
        assert Money(made.books.balance("12000"), "EUR") == Money(35343, "EUR")
