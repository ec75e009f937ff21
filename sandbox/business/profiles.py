"""The two merchants of the demo. Together they meet every kind of occurrence that the connectors must book.

`nordic` (for Visma.net, base currency EUR): a merchant that GoCardless serves in the United Kingdom, so its fees
carry British VAT, on sterling payouts in sterling and on euro payouts with a rate into sterling that is confirmed a
day later. It collects euro by SEPA and sterling by Bacs and has a payout account in each, so nothing is ever
converted.

`german` (for DATEV, base currency EUR): a merchant in Germany whose fees carry no VAT. It collects euro by SEPA and
sterling by Bacs but has only a euro account, so every sterling payout is converted, in two steps: paid, then the
rate confirmed.

Both have, on purpose: failures, late failures before and after the pay-out, chargebacks of which some are
withdrawn, payments confirmed twice, refunds that arrive and one that bounces, mandates cancelled, replaced,
transferred, failed and expired, a bounced payout that is paid again, and (from about 330 payments on) a payout of
more than 500 items.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sandbox.gocardless.settlement import PriceList, TaxOnFees


@dataclass(frozen=True, slots=True)
class Profile:
    """A merchant: `invoice_format` takes the running number; `countries` are weighted by repetition."""

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
}
