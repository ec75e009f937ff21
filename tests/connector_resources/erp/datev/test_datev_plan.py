"""From postings to upload requests: grouping, names, limits, determinism, holds, master data, vouchers, proposals."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta

import pytest
from pydantic import ValidationError

from bookkeeping.money import Money
from bookkeeping.postings import AccountRole, Line, Party, Posting, PostingKind, Side
from connector_resources.erp.contract import Complete, Document, Hold, PlannedSubmission, PostingWork, StepDone
from connector_resources.erp.datev import files as datev_files
from connector_resources.erp.datev.bookings import rows_of
from connector_resources.erp.datev.documents import plan_work
from connector_resources.erp.datev.dxso import document_file, ledger_faults, ledger_file, package, unpacked
from connector_resources.erp.datev.files import label_file
from connector_resources.erp.datev.settings import DatevSettings
from connector_resources.erp.datev.voucher import voucher_guid, voucher_pdf
from sandbox.datev import dxso_xml, extf_reader

VOUCHERS_ON = {"documents": {"types": {"payout": "Sonstige"}}}
PROPOSALS_ON: dict[str, object] = {"dxso": {}}
DELIVERED = StepDone("batch", Document("extf_batch", "job-1"))


def customer(facts: dict[str, str], number: str | None = "10042", subject: str = "CU0001X") -> Posting:
    day = date(2026, 6, 3)
    return Posting(
        f"customer:{subject}:1", "acme", PostingKind.CUSTOMER, f"customer:{subject}:1", subject,
        datetime(2026, 6, 3, 9, tzinfo=UTC), day, f"GC{subject}", "GoCardless customer",
        party=Party(subject, number, facts.get("company_name")), facts=facts,
    )  # fmt: skip


def rows_in(submission: PlannedSubmission) -> tuple[extf_reader.Row, ...]:
    read = extf_reader.read(submission.body)
    assert read.findings == ()
    return read.rows


def test_a_day_of_receipts_is_one_file_with_a_deterministic_name(build):
    receipts = [build.receipt(f"PM{n:04d}", 100 + n) for n in range(20)]
    (batch,) = build.files(*receipts)
    name = dict(batch.headers)["Filename"]
    assert re.fullmatch(r"EXTF_GC_455148-1_202606_[0-9a-f]{12}\.csv", name)
    assert dict(batch.headers)["Reference-Id"] == batch.reference == f"GC-455148-1-202606-{name[-16:-4]}"
    assert batch.posting_keys == tuple(posting.key for posting in receipts)
    assert (batch.step, batch.method, batch.content_type) == ("batch", "POST", "application/octet-stream")
    assert batch.path == "/clients/455148-1/extf-files/import"
    assert len(rows_in(batch)) == 20


def test_the_same_postings_and_cut_off_give_the_same_bytes_and_a_later_cut_off_the_same_name(build):
    receipts = [build.receipt(f"PM{n}", 100) for n in range(3)]
    first, again = build.files(*receipts), build.files(*receipts)
    assert first == again
    later = plan_work(build.work(*receipts), build.CUT_OFF + timedelta(hours=1), build.settings())[0]
    assert later.headers == first[0].headers
    assert later.body != first[0].body


def test_equal_rows_of_different_events_get_different_files(build):
    """A payment confirmed, charged back and taken again on one day is booked twice, never adopted from the first job."""
    (first,) = build.files(build.receipt(event="EV1"))
    (second,) = build.files(build.receipt(event="EV2"))
    assert first.body.splitlines()[2:] == second.body.splitlines()[2:]
    assert first.reference != second.reference


def test_months_and_calendar_years_are_separate_files_in_order(build):
    days = [date(2027, 1, 1), date(2026, 12, 31), date(2026, 11, 30), date(2026, 12, 1)]
    batches = build.files(*(build.receipt(f"PM{n}", 100, day=day) for n, day in enumerate(days)))
    headers = [extf_reader.read(batch.body).header for batch in batches]
    assert [(h[13], h[15], h[16]) for h in headers] == [
        ("20260101", "20261101", "20261130"),
        ("20260101", "20261201", "20261231"),
        ("20270101", "20270101", "20270131"),
    ]


def test_a_fiscal_year_that_starts_in_a_month_splits_that_month(build):
    postings = [build.receipt(f"PM{n}", 100, day=date(2026, 6, day)) for n, day in enumerate((14, 15))]
    batches = build.files(*postings, fiscal_year_start="06-15")
    headers = [extf_reader.read(batch.body).header for batch in batches]
    assert [(h[13], h[15], h[16]) for h in headers] == [
        ("20250615", "20260601", "20260614"), ("20260615", "20260615", "20260630"),
    ]  # fmt: skip


def test_files_are_split_at_datevs_limits_and_postings_stay_whole(build, monkeypatch):
    monkeypatch.setattr(datev_files, "MOST_ROWS", 3)
    batches = build.files(*(build.simple_payout(subject=f"PO{n}") for n in range(4)))
    assert [len(rows_in(batch)) for batch in batches] == [2, 2, 2, 2]
    monkeypatch.setattr(datev_files, "MOST_ROWS", 99_999)
    monkeypatch.setattr(datev_files, "MOST_BYTES", 12_000)
    batches = build.files(*(build.receipt(f"PM{n}", 100) for n in range(10)))
    assert all(len(batch.body) <= 12_000 for batch in batches)
    assert sum(len(rows_in(batch)) for batch in batches) == 10


def test_customers_are_sent_before_the_bookings_that_use_them(build):
    facts = {"company_name": "Müller GmbH", "address_line1": "Weg 1", "postal_code": "90482", "city": "Nürnberg",
             "country_code": "DE", "email": "a@example.org"}  # fmt: skip
    debtors, batch = build.files(build.receipt(), customer(facts))
    assert (debtors.step, batch.step) == ("debtors", "batch")
    (row,) = rows_in(debtors)
    filled = {n: row[n] for n in range(1, 255) if row[n]}
    assert filled == {
        1: "10042", 2: "Müller GmbH", 7: "2", 8: "Müller GmbH", 16: "Weg 1", 18: "90482", 19: "Nürnberg", 20: "DE",
        33: "a@example.org", 133: "9", 244: "CU0001X",
    }  # fmt: skip
    assert extf_reader.read(debtors.body).period is None


def test_a_person_stands_in_the_columns_of_a_person_and_a_lettered_code_before_the_town(build):
    person = customer({"given_name": "Zoë", "family_name": "Łuk", "postal_code": "SW1A 1AA", "city": "London"})
    (row,) = rows_in(build.files(person)[0])
    assert (row[4], row[5], row[7], row[18], row[19]) == ("Luk", "Zoë", "1", "", "SW1A 1AA London")


def test_postings_that_need_nothing_are_complete_and_say_why(build):
    mandate = build.posting(PostingKind.MANDATE_STATUS, "MD1", [])
    empty = build.payout([])
    bounced = build.payout(
        [build.line(AccountRole.PAYOUT_TRANSIT, 5), build.line(AccountRole.BANK, -5)], kind=PostingKind.PAYOUT_REVERSAL
    )
    answers = build.plan(mandate, empty, bounced, bank_leg="statement")
    assert all(isinstance(answer, Complete) and answer.nothing_to_book for answer in answers)
    assert answers[0].nothing_to_book.startswith("DATEV keeps no mandates")
    delivered = plan_work([PostingWork(build.receipt(), (DELIVERED,))], build.CUT_OFF, build.settings())
    assert delivered == [Complete(build.receipt().key)]


def test_a_posting_that_cannot_be_booked_is_held_and_the_rest_goes_on(build):
    unmapped = build.receipt("PM9", party=Party("CU9", None))
    dinar = build.receipt("PM8", 1251, currency="KWD", facts={"fx_currency": "EUR", "fx_rate": "2.9"})
    answers = build.plan(unmapped, dinar, build.receipt())
    assert [(a.posting_key, a.code) for a in answers if isinstance(a, Hold)] == [
        (unmapped.key, "customer_unmapped"),
        (dinar.key, "amount_not_representable"),
    ]
    assert all(a.next_step for a in answers if isinstance(a, Hold))
    assert [a.posting_keys for a in answers if isinstance(a, PlannedSubmission)] == [(build.receipt().key,)]


def test_a_row_our_check_refuses_is_held_with_the_place_and_the_file_goes_without_it(build):
    tax_on_automatic = build.simple_payout()
    settings = {"fee_vat_mode": "reverse_charge_eu", "reverse_charge_key": "94", "automatic_accounts": [4970]}
    answers = build.plan(tax_on_automatic, build.receipt(), **settings)
    hold = next(a for a in answers if isinstance(a, Hold))
    assert (hold.posting_key, hold.code) == (tax_on_automatic.key, "tax_key_on_automatic_account")
    assert "Spalte 9" in hold.reason
    (batch,) = [a for a in answers if isinstance(a, PlannedSubmission)]
    assert len(rows_in(batch)) == 1


def test_too_large_an_amount_is_held(build):
    (hold,) = build.plan(build.receipt(minor=10**12))
    assert isinstance(hold, Hold)
    assert hold.code == "amount_invalid"


def test_two_references_that_would_become_one_number_are_held(build):
    dotted, blank = build.receipt("PM1", invoice="RE.1"), build.receipt("PM2", invoice="RE 1")
    plain = build.receipt("PM3", invoice="RE-1")
    other = build.receipt("PM4", invoice="RE.1", party=Party("CU2", "10043"))
    answers = build.plan(dotted, blank, plain, other)
    assert {a.posting_key for a in answers if isinstance(a, Hold)} == {dotted.key, blank.key}
    assert {a.code for a in answers if isinstance(a, Hold)} == {"document_number_collision"}
    (batch,) = [a for a in answers if isinstance(a, PlannedSubmission)]
    assert batch.posting_keys == (plain.key, other.key)


def test_several_payments_of_one_invoice_do_not_collide(build):
    assert len(build.files(build.receipt("PM1", invoice="RE.1"), build.receipt("PM2", invoice="RE.1"))) == 1


def test_every_posting_is_named_by_exactly_one_answer(build):
    postings = [
        build.receipt("PM1"), build.receipt("PM2", party=Party("CU9", None)), build.simple_payout(),
        build.posting(PostingKind.MANDATE_STATUS, "MD1", []), customer({"company_name": "A"}),
        customer({"company_name": "B"}, None, "CU7"), build.receipt("PM3", day=date(2026, 7, 1)),
    ]  # fmt: skip
    named: list[str] = []
    for answer in build.plan(*postings):
        named += answer.posting_keys if isinstance(answer, PlannedSubmission) else [answer.posting_key]
    assert sorted(named) == sorted(posting.key for posting in postings)


def test_a_locked_batch_is_locked_in_header_and_rows(build):
    (batch,) = build.files(build.receipt(), lock=True)
    read = extf_reader.read(batch.body)
    assert (read.header[21], read.rows[0][114]) == ("1", "1")


def test_the_clearing_account_gets_its_label(build):
    submission = label_file(build.settings(label_clearing="GoCardless Transit"), date(2026, 6, 3), build.CUT_OFF)
    read = extf_reader.read(submission.body)
    assert read.findings == ()
    assert (read.category, read.rows[0].values) == (20, ("1360", "GoCardless Transit", "de-DE", ""))
    assert submission.posting_keys == ()


class TestVouchers:
    """PDF vouchers, where `documents` is switched on (datev.md 2.3)."""

    def test_the_voucher_is_uploaded_first_and_then_linked_from_every_row(self, build):
        payout = build.simple_payout(facts={"payout_reference": "ACME-1"})
        (upload,) = build.files(payout, **VOUCHERS_ON)
        guid = voucher_guid(payout)
        assert (upload.step, upload.method, upload.path) == ("document", "PUT", f"/clients/455148-1/documents/{guid}")
        assert b"%PDF-1.4" in upload.body
        assert b'"document_type": "Sonstige"' in upload.body
        done = StepDone("document", Document("voucher", guid))
        (batch,) = plan_work(build.work(payout, done=(done,)), build.CUT_OFF, build.settings(**VOUCHERS_ON))
        assert {row[20] for row in rows_in(batch)} == {f'BEDI "{guid}"'}

    def test_a_document_type_the_client_lacks_is_held_before_any_upload(self, build):
        answers = plan_work(
            build.work(build.simple_payout()),
            build.CUT_OFF,
            build.settings(**VOUCHERS_ON),
            frozenset({"Rechnungseingang"}),
        )
        assert [answer.code for answer in answers] == ["document_type_unknown"]

    def test_kinds_without_a_type_get_no_voucher(self, build):
        (batch,) = build.files(build.receipt(), **VOUCHERS_ON)
        assert (batch.step, rows_in(batch)[0][20]) == ("batch", "")

    def test_the_pdf_is_well_formed_and_shows_every_row(self, build):
        rows = rows_of(build.simple_payout(), build.settings()) * 40
        pdf = voucher_pdf(build.simple_payout(), rows)
        table = int(pdf.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
        assert pdf[table:].startswith(b"xref")
        offsets = [int(line[:10]) for line in pdf[table:].split(b"\n")[3:] if line.endswith(b"00000 n ")]
        assert all(pdf[at:].startswith(b"%d 0 obj" % number) for number, at in enumerate(offsets, start=1))
        assert pdf.count(b"353,43 EUR") == 40
        assert b"/Count 2" in pdf
        assert voucher_pdf(build.simple_payout(), rows) == pdf


class TestPostingProposals:
    """DXSO files, where `dxso` is switched on (datev.md 2.4, 3.9)."""

    def posting(self, build, **more):
        return build.receipt(invoices=("RE-2026-0042",), party=Party("CU0001", "10042", "Müller GmbH"), **more)

    def test_a_delivered_receipt_is_proposed_through_one_transfer_a_month(self, build):
        posting, settings = self.posting(build), build.settings(**PROPOSALS_ON)
        (job,) = plan_work(build.work(posting, done=(DELIVERED,)), build.CUT_OFF, settings)
        assert (job.step, job.path) == ("dxso_job", "/clients/455148-1/dxso-jobs")
        assert json.loads(job.body) == {"import_type": "accountsReceivableLedgerImport", "accounting_month": "2026-06"}
        opened = StepDone("dxso_job", Document("dxso_job", "CDD8"))
        (sent,) = plan_work(build.work(posting, done=(DELIVERED, opened)), build.CUT_OFF, settings)
        assert (sent.step, sent.path) == ("dxso_package", "/clients/455148-1/dxso-jobs/CDD8")
        files = dict(unpacked(sent.body))
        ((name, data), _) = files.items()
        assert re.fullmatch(r"Rechnungsdaten_PM00K7Q2M4ZV9A_[0-9a-f]{8}\.xml", name)
        assert dxso_xml.ledger_faults(data) == []
        assert dxso_xml.archive_faults(files["document.xml"], files.keys()) == []
        assert dxso_xml.data_files(files["document.xml"]) == [name]
        finished = (DELIVERED, opened, StepDone("dxso_package", Document("dxso_transfer", "CDD8")))
        assert plan_work(build.work(posting, done=finished), build.CUT_OFF, settings) == [Complete(posting.key)]

    def test_a_receipt_without_an_invoice_is_not_proposed(self, build):
        work = build.work(build.receipt(), done=(DELIVERED,))
        assert isinstance(plan_work(work, build.CUT_OFF, build.settings(**PROPOSALS_ON))[0], Complete)

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (b"<amount>119.00", b"<amount>119,00"),
            (b"<amount>119.00", b"<amount>0.00"),
            (b"<bpAccountNo>10042", b"<bpAccountNo>1042"),
            (b"<invoiceId>RE-2026-0042", b"<invoiceId>RE 2026"),
            (b"<invoiceId>RE-2026-0042", b"<invoiceId>RE.2026"),
        ],
    )
    def test_what_datevs_schema_refuses_our_check_refuses(self, build, old, new):
        _, good = ledger_file(self.posting(build), build.settings(**PROPOSALS_ON))
        assert ledger_faults(good) == []
        assert old in good
        assert ledger_faults(good.replace(old, new))

    def test_elements_out_of_sequence_are_refused(self, build):
        _, good = ledger_file(self.posting(build), build.settings(**PROPOSALS_ON))
        amount, date_ = b"<amount>119.00</amount>", b"<date>2026-06-03</date>"
        assert date_ + amount in good
        assert any("sequence" in fault for fault in ledger_faults(good.replace(date_ + amount, amount + date_)))

    def test_a_package_is_the_same_bytes_every_time(self, build):
        settings = build.settings(**PROPOSALS_ON)
        name, content = ledger_file(self.posting(build), settings)
        listing = document_file([(self.posting(build), name)], settings, "2026-06", build.CUT_OFF)
        files = [(name, content), ("document.xml", listing)]
        assert package(files) == package(files)
        assert unpacked(package(files)) == files


class TestSettings:
    """What a connection file may say."""

    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            ({"accounts": {"clearing": 1460}}, "not Geldtransit in SKR03"),
            ({"account_length": 5}, "name the accounts of bank, clearing, fees, suspense"),
            ({"accounts": {"bank": 12000}}, "longer than account_length"),
            ({"accounts": {"receivable": 1400}}, "collective account"),
            ({"debtor_first": 1000}, "debtor numbers"),
            ({"debtor_last": 70000}, "debtor numbers"),
            ({"refresh_client_auth": "basic", "public_app": True}, "needs a secret"),
            ({"consultant_number": 1000}, "consultant_number"),
            ({"fiscal_year_start": "02-30"}, "fiscal_year_start"),
            ({"misspelt": 1}, "misspelt"),
        ],
    )
    def test_a_contradiction_is_refused_with_its_reason(self, build, changes, problem):
        with pytest.raises(ValidationError, match=problem):
            build.settings(**changes)

    def test_skr04_has_its_geldtransit_at_1460(self, build):
        assert build.settings(chart="skr04").clearing_account() == 1460
        assert build.settings().clearing_account() == 1360

    def test_longer_accounts_have_longer_debtors(self, build):
        accounts = {"bank": 12000, "clearing": 13600, "fees": 49700, "suspense": 17000}
        longer = build.settings(account_length=5, accounts=accounts)
        assert longer.customer_number_range == (100000, 699999)

    def test_only_scopes_of_services_that_are_on_are_asked_for(self, build):
        assert build.settings().scopes == (
            "openid", "profile", "datev:accounting:clients", "datev:accounting:extf-files-import",
        )  # fmt: skip
        every = build.settings(documents={}, dxso={}, offline_access=True).scopes
        assert {"accounting:documents", "accounting:dxso-jobs", "accounting:clients:read", "offline_access"} <= set(
            every
        )

    def test_every_field_is_described(self):
        models = [DatevSettings]
        while models:
            model = models.pop()
            for name, field in model.model_fields.items():
                assert field.description, f"{model.__name__}.{name}"


def test_a_receipt_on_an_unknown_customer_line_uses_the_lines_own_party(build):
    amount = Money(100, "EUR")
    lines = [Line(AccountRole.CLEARING, Side.DEBIT, amount),
             Line(AccountRole.RECEIVABLE, Side.CREDIT, amount, party=Party("CU5", "10055"))]  # fmt: skip
    posting = build.posting(PostingKind.RECEIPT, "PM5", lines, party=Party("CU1", "10042"))
    assert build.book(posting).startswith("S 1360/10055")
