"""The merchants of the demo. Together they meet every kind of occurrence that the connectors must book.

`nordic` (for Visma.net, base currency EUR): a merchant that GoCardless serves in the United Kingdom, so its fees
carry British VAT, on sterling payouts in sterling and on euro payouts with a rate into sterling that is confirmed a
day later. It collects euro by SEPA and sterling by Bacs and has a payout account in each, so nothing is ever
converted.

`german` (for DATEV, base currency EUR): a merchant in Germany whose fees carry no VAT. It collects euro by SEPA and
sterling by Bacs but has only a euro account, so every sterling payout is converted, in two steps: paid, then the
rate confirmed.

`dutch` (for Exact Online, base currency EUR): a merchant whose ledger starts the money: it writes invoices, which are
collected from mandates in euro (see `ledger_plan`). Its fees carry no VAT.

`irish` (for Sage 300, functional currency EUR): as `dutch`; its ledger learns of payments by the journals of payouts alone.

`nordsee` (for IFS Cloud): as `dutch`, in two companies of one tenant, each with a GoCardless creditor of its own: the one
collects euro by SEPA, its branch in the United Kingdom sterling by Bacs, with VAT on its fees.

The first two have, on purpose: failures, late failures before and after the pay-out, chargebacks of which some are
withdrawn, payments confirmed twice, refunds that arrive and one that bounces, mandates cancelled, replaced,
transferred, failed and expired, a bounced payout that is paid again, and (from about 330 payments on) a payout of
more than 500 items.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from sandbox.gocardless.settlement import PriceList, TaxOnFees


@dataclass(frozen=True, slots=True)
class Branch:
    """A further company of the merchant, with a creditor, a currency and books of its own."""

    merchant: str
    creditor_country: str
    currency: str
    bank_reference_prefix: str
    prices: PriceList


@dataclass(frozen=True, slots=True)
class Profile:
    """A merchant: `invoice_format` takes the running number; `countries` are weighted by repetition.

    bills_charges  its ledger makes invoices from recurring charges, too
    branch         another company, whose customers are those of its currency
    companies      what customers' and invoices' numbers begin with, by the currency that their company collects
    """

    name: str
    merchant: str
    creditor_country: str
    payout_accounts: tuple[str, ...]
    fx_payout_currency: str | None
    bank_reference_prefix: str
    prices: PriceList
    countries: dict[str, tuple[str, ...]]
    first_customer_number: int
    invoice_format: str
    scheme_of: dict[str, str]
    bills_charges: bool = False
    branch: Branch | None = None
    companies: dict[str, str] = field(default_factory=dict)


_SCHEMES = {"EUR": "sepa_core", "GBP": "bacs"}

PROFILES = {
    "nordic": Profile(
        name="nordic",
        merchant="Nordlys Software Oy",
        creditor_country="GB",
        payout_accounts=("EUR", "GBP"),
        fx_payout_currency=None,
        bank_reference_prefix="NORDLYS",
        prices=PriceList(tax=TaxOnFees("GB_VAT_1", Decimal("0.2"), "GBP")),
        countries={"EUR": ("FI", "FI", "NL", "DE", "FR"), "GBP": ("GB",)},
        first_customer_number=10001,
        invoice_format="{:06d}",
        scheme_of=_SCHEMES,
    ),
    "german": Profile(
        name="german",
        merchant="Süddeutsche Werkzeughandel GmbH",
        creditor_country="DE",
        payout_accounts=("EUR",),
        fx_payout_currency="EUR",
        bank_reference_prefix="SWH",
        prices=PriceList(),
        countries={"EUR": ("DE", "DE", "DE", "NL", "FR"), "GBP": ("GB",)},
        first_customer_number=10001,
        invoice_format="RE26-{:05d}",
        scheme_of=_SCHEMES,
    ),
    "dutch": Profile(
        name="dutch",
        merchant="Polder Handel B.V.",
        creditor_country="NL",
        payout_accounts=("EUR",),
        fx_payout_currency=None,
        bank_reference_prefix="POLDER",
        prices=PriceList(),
        countries={"EUR": ("NL", "NL", "NL", "DE", "FR")},
        first_customer_number=20001,
        invoice_format="2670{:04d}",
        scheme_of=_SCHEMES,
    ),
    "irish": Profile(
        name="irish",
        merchant="Liffey Office Supplies Ltd",
        creditor_country="IE",
        payout_accounts=("EUR",),
        fx_payout_currency=None,
        bank_reference_prefix="LIFFEY",
        prices=PriceList(),
        countries={"EUR": ("IE", "IE", "IE", "NL", "FR")},
        first_customer_number=30001,
        invoice_format="OS26{:05d}",
        scheme_of=_SCHEMES,
        bills_charges=True,
    ),
    "nordsee": Profile(
        name="nordsee",
        merchant="Nordsee Anlagenbau GmbH",
        creditor_country="DE",
        payout_accounts=("EUR",),
        fx_payout_currency=None,
        bank_reference_prefix="NORDSEE",
        prices=PriceList(),
        countries={"EUR": ("DE", "DE", "NL", "FR"), "GBP": ("GB",)},
        first_customer_number=40001,
        invoice_format="CI-{:05d}",
        scheme_of=_SCHEMES,
        branch=Branch(
            merchant="Nordsee Plant UK Ltd",
            creditor_country="GB",
            currency="GBP",
            bank_reference_prefix="NSUK",
            prices=PriceList(tax=TaxOnFees("GB_VAT_1", Decimal("0.2"), "GBP")),
        ),
        companies={"EUR": "10:", "GBP": "20:"},
    ),
}
