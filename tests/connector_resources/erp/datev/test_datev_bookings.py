"""Each occurrence of datev.md 11.3 as rows, in both charts, compared as text."""

from __future__ import annotations

from datetime import date

import pytest

from bookkeeping.money import Money
from bookkeeping.postings import AccountRole, Allocation, Line, Party, PostingKind, Side
from connector_resources.erp.datev.bookings import rows_of
from connector_resources.erp.refusal import CannotBook

R = AccountRole
KIND = PostingKind
#: GoCardless's rate: euros for one krona.
SEK_RATE = {"fx_currency": "EUR", "fx_rate": "0.0888888889"}


def refusal(build, posting, **settings) -> CannotBook:
    with pytest.raises(CannotBook) as caught:
        rows_of(posting, build.settings(**settings))
    return caught.value


@pytest.mark.parametrize(("chart", "clearing"), [("skr03", 1360), ("skr04", 1460)])
def test_payments_and_what_takes_them_back(build, ledger, chart, clearing):
    refunded = Party("CU0001", "10042", "Müller GmbH")
    story = [
        build.receipt(party=refunded),
        build.reversal(day=date(2026, 6, 15)),
        build.receipt(day=date(2026, 6, 16)),
        build.refund(party=refunded, invoice="RE-2026-0042", day=date(2026, 6, 18)),
    ]
    back = [build.line(R.CLEARING, 5000), Line(R.RECEIVABLE, Side.CREDIT, Money(5000, "EUR"), party=refunded)]
    story.append(build.posting(KIND.REFUND_REVERSAL, "RF0001H3N6YP2D", back, day=date(2026, 6, 19), party=refunded))
    assert "\n".join(build.book(posting, chart=chart) for posting in story) == ledger(f"""
        S {clearing}/10042 119,00 EUR 03.06.2026 RE-2026-0042 "GC Zahlung PM00K7Q2M4ZV9A Müller GmbH"
        S 10042/{clearing} 119,00 EUR 15.06.2026 RE-2026-0042 "GC Rücklastschrift PM00K7Q2M4ZV9A"
        S {clearing}/10042 119,00 EUR 16.06.2026 RE-2026-0042 "GC Zahlung PM00K7Q2M4ZV9A"
        S 10042/{clearing} 50,00 EUR 18.06.2026 RE-2026-0042 "GC Erstattung RF0001H3N6YP2D Müller GmbH"
        S {clearing}/10042 50,00 EUR 19.06.2026 RF0001H3N6YP2D "GC Erstattung zurück RF0001H3N6YP2D Müller GmbH"
    """)


@pytest.mark.parametrize(
    ("chart", "bank", "clearing", "fees", "suspense"),
    [("skr03", 1200, 1360, 4970, 1700), ("skr04", 1800, 1460, 6855, 3500)],
)
def test_a_payout_with_everything_in_it(build, ledger, chart, bank, clearing, fees, suspense):
    posting = build.payout(
        [
            build.line(R.BANK, 12292), build.line(R.FEES, 208), build.line(R.SURCHARGES, 500),
            build.line(R.PARTNER_FEES, 100), build.line(R.FEES, -24), build.line(R.CLEARING, -15000),
            build.line(R.CLEARING, 2000), build.line(R.SUSPENSE, -77), build.line(R.ROUNDING, 1),
        ],
        facts={"payout_reference": "ACME-XY12"},
    )  # fmt: skip
    assert build.book(posting, chart=chart) == ledger(f"""
        S {bank}/{clearing} 122,92 EUR 08.06.2026 PO0009TR5X8WCB "GC Auszahlung PO0009TR5X8WCB"
        S {fees}/{clearing} 2,08 EUR 08.06.2026 PO0009TR5X8WCB "GC Gebühren PO0009TR5X8WCB"
        S {fees}/{clearing} 5,00 EUR 08.06.2026 PO0009TR5X8WCB "GC Zuschläge PO0009TR5X8WCB"
        S {fees}/{clearing} 1,00 EUR 08.06.2026 PO0009TR5X8WCB "GC Partnergebühren PO0009TR5X8WCB"
        S {clearing}/{fees} 0,24 EUR 08.06.2026 PO0009TR5X8WCB "GC Gebührenerstattung PO0009TR5X8WCB"
        S {clearing}/{suspense} 0,77 EUR 08.06.2026 PO0009TR5X8WCB "GC Klärung PO0009TR5X8WCB"
        S {fees}/{clearing} 0,01 EUR 08.06.2026 PO0009TR5X8WCB "GC Rundung PO0009TR5X8WCB"
    """)
    row = rows_of(posting, build.settings(chart=chart))[0]
    assert row.settlement == "PO0009TR5X8WCB"
    assert row.infos == (("GoCardless-ID", "PO0009TR5X8WCB"), ("Bank-Referenz", "ACME-XY12"))


def test_a_negative_payout_takes_from_the_bank(build, ledger):
    posting = build.payout([build.line(R.BANK, -500), build.line(R.FEES, 100), build.line(R.CLEARING, 400)])
    assert build.book(posting) == ledger("""
        S 1360/1200 5,00 EUR 08.06.2026 PO0009TR5X8WCB "GC Auszahlung PO0009TR5X8WCB"
        S 4970/1360 1,00 EUR 08.06.2026 PO0009TR5X8WCB "GC Gebühren PO0009TR5X8WCB"
    """)


def test_a_bounced_payout_waits_on_clearing_until_it_is_paid_again(build, ledger):
    bounce = build.payout(
        [build.line(R.PAYOUT_TRANSIT, 35343), build.line(R.BANK, -35343)],
        kind=KIND.PAYOUT_REVERSAL,
        day=date(2026, 6, 9),
    )
    again = build.payout(
        [build.line(R.BANK, 35343), build.line(R.PAYOUT_TRANSIT, -35343)],
        kind=KIND.PAYOUT_REPEAT,
        day=date(2026, 6, 12),
    )
    assert build.book(bounce) + "\n" + build.book(again) == ledger("""
        S 1360/1200 353,43 EUR 09.06.2026 PO0009TR5X8WCB "GC Auszahlung zurück PO0009TR5X8WCB"
        S 1200/1360 353,43 EUR 12.06.2026 PO0009TR5X8WCB "GC Auszahlung erneut PO0009TR5X8WCB"
    """)


def test_money_settled_directly_never_touches_clearing(build, ledger):
    amount = Money(11900, "EUR")
    lines = [Line(R.BANK, Side.DEBIT, amount), Line(R.RECEIVABLE, Side.CREDIT, amount, party=Party("CU1", "10042"))]
    posting = build.posting(KIND.RECEIPT, "PM1", lines, facts={"payment_reference": "RE-1"})
    assert build.book(posting, chart="skr04") == 'S 1800/10042 119,00 EUR 03.06.2026 RE-1 "GC Zahlung PM1"'


def test_partner_income_goes_to_its_account_or_to_clarification(build):
    posting = build.payout([build.line(R.BANK, 1000), build.line(R.OTHER_INCOME, -1000)])
    lines = build.book(posting).splitlines()
    assert [line.split()[1] for line in lines] == ["1200/1360", "1360/1700"]
    mapped = build.book(posting, accounts={"other_income": 2700}).splitlines()
    assert mapped[1].startswith("S 1360/2700 10,00 EUR")


@pytest.mark.parametrize(
    ("bank_leg", "payout", "bounce", "direct"),
    [
        ("post", ["1200/1360", "4970/1360"], ["1360/1200"], ["1200/10042"]),
        ("statement", ["4970/1360"], [], ["1360/10042"]),
        ("processor_account", ["1360/1201", "4970/1201"], ["1201/1360"], ["1360/10042"]),
    ],
)
def test_the_bank_line_follows_who_books_the_bank_statement(build, bank_leg, payout, bounce, direct):
    amount = Money(100, "EUR")
    settled = [Line(R.BANK, Side.DEBIT, amount), Line(R.RECEIVABLE, Side.CREDIT, amount, party=Party("CU1", "10042"))]
    returned = [build.line(R.PAYOUT_TRANSIT, 35343), build.line(R.BANK, -35343)]
    cases = (
        (build.simple_payout(), payout),
        (build.payout(returned, kind=KIND.PAYOUT_REVERSAL), bounce),
        (build.posting(KIND.RECEIPT, "PM1", settled), direct),
    )
    for posting, accounts in cases:
        assert [line.split()[1] for line in build.book(posting, bank_leg=bank_leg).splitlines()] == accounts


class TestFeesAndVat:
    """GoCardless's fees under the three treatments of datev.md 11.2."""

    def taxed(self, build, fee=90, surcharge=500, vat=112):
        lines = [
            build.line(R.BANK, 15000 - fee - surcharge - vat),
            build.line(R.FEES, fee, tax_rate="DE_VAT_1"), build.line(R.SURCHARGES, surcharge, tax_rate="DE_VAT_1"),
            build.line(R.INPUT_VAT, vat, tax_rate="DE_VAT_1"), build.line(R.CLEARING, -15000),
        ]  # fmt: skip
        return build.payout(lines)

    def rows(self, build, posting, **settings):
        return [line.split(" EUR ")[0] + line.split("WCB")[1].split('"')[0].rstrip() for line in
                build.book(posting, **settings).splitlines()[1:]]  # fmt: skip

    def test_without_deduction_vat_is_part_of_the_cost(self, build):
        assert self.rows(build, self.taxed(build)) == ["S 4970/1360 1,07", "S 4970/1360 5,95"]

    def test_domestic_vat_is_split_by_datev_where_its_split_is_exact(self, build):
        rows = self.rows(build, self.taxed(build), fee_vat_mode="domestic_vat")
        assert rows == ["S 4970/1360 1,07 BU 9", "S 4970/1360 5,95 BU 9"]

    def test_domestic_vat_that_datev_would_split_otherwise_is_booked_apart(self, build):
        rows = self.rows(build, self.taxed(build, vat=120), fee_vat_mode="domestic_vat", chart="skr04")
        assert rows == ["S 6855/1460 0,90", "S 6855/1460 5,00", "S 1406/1460 1,20"]

    def test_reverse_charge_uses_the_automatic_account_without_a_key(self, build):
        posting = build.simple_payout()
        assert self.rows(build, posting, fee_vat_mode="reverse_charge_eu") == ["S 3123/1360 3,57"]
        assert self.rows(build, posting, fee_vat_mode="reverse_charge_eu", chart="skr04") == ["S 5923/1460 3,57"]

    def test_reverse_charge_by_key_keeps_the_fee_account_and_fills_its_companions(self, build):
        settings = {"fee_vat_mode": "reverse_charge_eu", "reverse_charge_key": "506", "fee_service_fact": "7"}
        assert self.rows(build, build.simple_payout(), **settings) == ["S 4970/1360 3,57 BU 506"]
        row = rows_of(build.simple_payout(), build.settings(**settings, fee_service_rate="190"))[1]
        assert (row.service_fact, row.service_rate) == ("7", "190")

    def test_charged_vat_contradicts_reverse_charge_and_is_held(self, build):
        assert refusal(build, self.taxed(build), fee_vat_mode="reverse_charge_eu").code == "fee_vat_charged"

    @pytest.mark.parametrize("mode", ["none", "domestic_vat"])
    def test_whatever_the_treatment_clearing_is_relieved_by_the_gross_of_the_items(self, build, mode):
        for vat in range(90, 130, 7):
            rows = rows_of(self.taxed(build, vat=vat), build.settings(fee_vat_mode=mode))
            assert sum(row.amount.minor if row.contra == 1360 else -row.amount.minor for row in rows) == 15000


class TestForeignCurrency:
    """Kurs, Basis-Umsatz and the balancing row (datev.md 3.4, 11.3)."""

    def test_a_receipt_shows_foreign_units_per_euro(self, build):
        posting = build.receipt("PM2", 100000, currency="SEK", facts=SEK_RATE, invoice="RE-60")
        assert build.book(posting) == (
            'S 1360/10042 1000,00 SEK @ 11.250000 = 88,89 EUR 03.06.2026 RE-60 "GC Zahlung PM2"'
        )

    def test_a_configured_monthly_rate_is_used_when_gocardless_gives_none(self, build):
        posting = build.receipt("PM2", 100000, currency="SEK", invoice="RE-60")
        problem = refusal(build, posting)
        assert problem.code == "exchange_rate_missing"
        assert "exchange_rates.SEK.2026-06" in problem.next_step
        rates = {"SEK": {"2026-06": "11.5"}}
        assert "@ 11.500000 = 86,96 EUR" in build.book(posting, exchange_rates=rates)

    def converted(self, build, facts=None):
        lines = [
            build.line(R.BANK, 17000), build.line(R.FX_TRANSIT, -17000), build.line(R.FX_TRANSIT, 195500, "SEK"),
            build.line(R.FEES, 4500, "SEK"), build.line(R.CLEARING, -200000, "SEK"),
        ]  # fmt: skip
        return build.payout(lines, facts={"fx_currency": "EUR", "fx_rate": "0.0869565217"} | (facts or {}))

    def test_a_converted_payout_books_euros_its_fees_and_the_loss(self, build, ledger):
        assert build.book(self.converted(build, {"clearing_base": "177.78"})) == ledger("""
            S 1200/1360 170,00 EUR 08.06.2026 PO0009TR5X8WCB "GC Auszahlung PO0009TR5X8WCB"
            S 4970/1360 45,00 SEK @ 11.500000 = 3,91 EUR 08.06.2026 PO0009TR5X8WCB "GC Gebühren PO0009TR5X8WCB"
            S 2150/1360 3,87 EUR 08.06.2026 PO0009TR5X8WCB "GC Kursverlust PO0009TR5X8WCB"
        """)

    def test_a_gain_stands_on_the_gain_account(self, build):
        last = build.book(self.converted(build, {"clearing_base": "172.00"}), chart="skr04").splitlines()[-1]
        assert last.startswith("S 1460/4840 1,91 EUR")

    def test_an_unknown_difference_is_held_unless_it_may_stay_open(self, build):
        assert refusal(build, self.converted(build)).code == "fx_difference_unknown"
        assert len(build.book(self.converted(build), fx_difference="leave_open").splitlines()) == 2

    def test_a_payout_to_a_foreign_account_is_booked_in_its_currency(self, build):
        lines = [
            build.line(R.BANK, 195500, "SEK"),
            build.line(R.FEES, 4500, "SEK"),
            build.line(R.CLEARING, -200000, "SEK"),
        ]
        posting = build.payout(lines, facts={"clearing_base": "180.00"})
        text = build.book(posting, exchange_rates={"SEK": {"2026-06": "11.25"}})
        assert [line.split(" 08.06")[0] for line in text.splitlines()] == [
            "S 1200/1360 1955,00 SEK @ 11.250000 = 173,78 EUR",
            "S 4970/1360 45,00 SEK @ 11.250000 = 4,00 EUR",
            "S 2150/1360 2,22 EUR",
        ]

    def test_a_rate_datev_cannot_show_is_held(self, build):
        posting = build.receipt("PM3", 100000, currency="VND", facts={"fx_currency": "EUR", "fx_rate": "0.000035"})
        assert refusal(build, posting).code == "exchange_rate_out_of_range"


class TestDatesAndNumbers:
    """Belegdatum, Belegfeld 1 and Beleginfo."""

    def test_a_row_in_a_closed_month_moves_to_the_first_open_day_with_its_true_date(self, build):
        (row,) = rows_of(build.receipt(), build.settings(closed_through="2026-06-10"))
        assert row.day == date(2026, 6, 11)
        assert row.infos == (("GoCardless-ID", "PM00K7Q2M4ZV9A"), ("Belegdatum", "03.06.2026"))

    def test_a_date_moved_by_the_books_is_told_too(self, build):
        posting = build.receipt(day=date(2026, 7, 1), facts={"original_date": "2026-06-28"})
        assert rows_of(posting, build.settings())[0].infos[1] == ("Belegdatum", "28.06.2026")

    def test_a_period_the_books_closed_is_held_unless_datev_has_its_own_first_open_day(self, build):
        posting = build.receipt(facts={"period_closed": "2026-06-05"})
        assert refusal(build, posting).code == "period_closed"
        assert rows_of(posting, build.settings(closed_through="2026-06-05"))[0].day == date(2026, 6, 6)

    @pytest.mark.parametrize(
        ("source", "number"),
        [("payment_reference", "RE-2026-0042"), ("payment_id", "PM00K7Q2M4ZV9A"), ("invoice", "INV-7"),
         ("metadata:invoice", "INV-7")],
    )  # fmt: skip
    def test_belegfeld_1_comes_from_the_configured_source(self, build, source, number):
        (row,) = rows_of(build.receipt(invoices=("INV-7",)), build.settings(belegfeld1_source=source))
        assert row.document_number == number

    def test_without_any_reference_the_gocardless_id_stands_in_belegfeld_1(self, build):
        (row,) = rows_of(build.receipt(invoice=""), build.settings())
        assert row.document_number == "PM00K7Q2M4ZV9A"
        (row,) = rows_of(build.receipt(invoice="…"), build.settings())
        assert row.document_number == "PM00K7Q2M4ZV9A"

    def test_a_receipt_for_several_invoices_clears_each_by_its_own_row(self, build):
        allocations = (Allocation("RE-1", Money(5000, "EUR")), Allocation("RE-2", Money(6000, "EUR")))
        rows = rows_of(build.receipt(allocations=allocations), build.settings())
        assert [(row.document_number, row.amount.minor) for row in rows] == [
            ("RE-1", 5000), ("RE-2", 6000), ("RE-2026-0042", 900),
        ]  # fmt: skip

    def test_texts_never_exceed_sixty_characters(self, build):
        party = Party("CU1", "10042", "Donaudampfschifffahrtsgesellschaftskapitänswitwenverein e.V.")
        assert len(rows_of(build.receipt(party=party), build.settings())[0].text) == 60


def test_a_correction_is_a_general_reversal_of_the_original_row(build):
    original = rows_of(build.receipt(), build.settings())[0]
    posting = build.reversal(kind=KIND.CORRECTION)
    (row,) = rows_of(posting, build.settings())
    assert build.book(posting) == ('H 1360/10042 119,00 EUR 03.06.2026 RE-2026-0042 GU "GC Storno PM00K7Q2M4ZV9A"')
    assert (row.account, row.contra, row.amount) == (original.account, original.contra, original.amount)


def test_a_credit_memo_is_booked_only_when_its_account_is_named(build):
    posting = build.refund(party=Party("CU1", "10042"), invoice="RE-1")
    accounts = [line.split()[1] for line in build.book(posting, accounts={"sales_returns": 8700}).splitlines()]
    assert accounts == ["8700/10042", "10042/1360"]


@pytest.mark.parametrize(
    ("number", "code"),
    [(None, "customer_unmapped"), ("", "customer_unmapped"), ("1004", "customer_number_invalid"),
     ("70001", "customer_number_invalid"), ("C1004", "customer_number_invalid")],
)  # fmt: skip
def test_a_customer_without_a_proper_debtor_number_is_held(build, number, code):
    assert refusal(build, build.receipt(party=Party("CU1", number))).code == code


def test_an_account_that_is_not_mapped_is_named(build):
    accounts = {"bank": 12000, "clearing": 13600, "fees": 49700, "suspense": 17000}
    posting = build.payout([build.line(R.BANK, 99), build.line(R.ROUNDING, 1), build.line(R.CLEARING, -100)])
    problem = refusal(build, posting, account_length=5, accounts=accounts)
    assert (problem.code, "rounding" in problem.next_step) == ("account_unmapped", True)


def test_amounts_are_never_floats(build):
    for row in rows_of(build.simple_payout(), build.settings()):
        assert type(row.amount.minor) is int
