"""The connector against DATEV's stand-in over real HTTP: jobs, lost answers, duplicates, consent, budgets, the books."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bookkeeping.postings import AccountRole, Posting, PostingKind
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
from sandbox.datev.jobs import add_foreign_job

R = AccountRole
ALL = frozenset(PostingKind)
CUT_OFF = datetime(2026, 6, 30, 15, 0, tzinfo=UTC)


def batch(made, *postings: Posting) -> PlannedSubmission:
    (planned,) = made.connector.plan([as_work(posting) for posting in postings], CUT_OFF)
    assert isinstance(planned, PlannedSubmission), planned
    return planned


def as_work(posting: Posting, done: tuple[StepDone, ...] = ()) -> PostingWork:
    return PostingWork(posting, done)


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
            outcome = made.polled(planned, accepted.job_id)
            assert isinstance(outcome, Posted)
            assert (outcome.document.kind, outcome.document.number) == ("extf_batch", accepted.job_id)
            assert outcome.document.details["filename"] == dict(planned.headers)["Filename"]

    @pytest.mark.parametrize(("wish", "wait"), [(0, 5), (30, 30)])
    def test_the_first_look_waits_as_long_as_datev_wishes_and_five_seconds_at_least(self, office, build, wish, wait):
        with office() as made:
            made.centre.behaviour.retry_after_s = wish
            assert made.connector.submit(batch(made, build.receipt())).poll_after_s == wait

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
            assert isinstance(made.polled(planned, finding.job_id), Posted)
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
            outcome = made.polled(broken, job_id)
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
            outcome = made.polled(planned, made.connector.submit(planned).job_id)
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
            request = VerifyRequest(as_work(build.receipt()), "batch", document)
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
        outcome = made.polled(planned, made.connector.submit(planned).job_id)
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
