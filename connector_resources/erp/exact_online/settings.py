"""The ERP section of a connection file for Exact Online. Credentials are not here: fields hold their vault names."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from bookkeeping.postings import AccountRole
from connector_resources.connections.section import Section, refuse
from connector_resources.transport.addresses import LOOPBACK

VaultName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,59}$")]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Code = Annotated[str, Field(min_length=1, max_length=20, pattern=r"^\S+$")]

Region = Literal["NL", "BE", "UK", "DE", "FR", "ES", "US"]

#: one host per country; app, users and divisions live in exactly one of them (exact_online.md section 1.1).
BASE_URLS: dict[str, str] = {
    "NL": "https://start.exactonline.nl",
    "BE": "https://start.exactonline.be",
    "UK": "https://start.exactonline.co.uk",
    "DE": "https://start.exactonline.de",
    "FR": "https://start.exactonline.fr",
    "ES": "https://start.exactonline.es",
    "US": "https://start.exactonline.com",
}


class CurrencyAccounts(Section):
    """Where the money of one currency is booked (exact_online.md section 11)."""

    bank_journal: Code | None = Field(
        default=None, description="Code of the bank journal kept for GoCardless alone, in this currency."
    )
    clearing_account: Code | None = Field(
        default=None, description="General ledger account behind that journal; needed for general journals."
    )
    transit_account: Code = Field(
        description="General ledger account for payouts on their way, cleared by the feed of the real bank."
    )


class ExactOnlineSettings(Section):
    """Everything the Exact Online connector is told about one division. See exact_online.md sections 1, 5 and 11."""

    kind: Literal["exact_online"] = Field(description="Which ERP this section is for.")
    region: Region = Field(default="NL", description="Country of the Exact Online site; gives the address.")
    base_url: str | None = Field(default=None, description="Address of the site. Default: by region.")
    token_url: str | None = Field(default=None, description="Token endpoint. Default: the site's.")
    division: int | None = Field(
        default=None, ge=1, description="Division (administration) code. Default: the user's current one at first use."
    )
    client_id: VaultName = Field(default="exact_client_id", description="Vault name of the app's client id.")
    client_secret: VaultName = Field(default="exact_client_secret", description="Vault name of its secret.")
    redirect_uri: str = Field(default="", description="Redirect address as registered. Default: the command's own.")

    currencies: dict[Currency, CurrencyAccounts] = Field(min_length=1, description="Journal and accounts per currency.")
    accounts: dict[AccountRole, Code] = Field(
        default={}, description="General ledger account per role (receivable, fees, input_vat, suspense …)."
    )
    booking_document: Literal["bank_entry", "general_journal"] = Field(
        default="bank_entry", description="What a posting becomes: an entry of the bank journal, or of the general one."
    )
    general_journal: Code | None = Field(
        default=None, description="General journal, for booking_document and for currencies without a bank journal."
    )
    sales_journal: Code | None = Field(default=None, description="Sales journal of the credit notes of refunds.")
    posting_granularity: Literal["batch", "single"] = Field(
        default="batch", description="batch puts many postings into one entry, single gives each its own."
    )
    lines_per_entry: int = Field(default=200, ge=1, le=500, description="Most lines of one entry.")
    bank_balances: Literal["compute", "omit"] = Field(
        default="compute", description="Send opening and closing balance of bank entries, or leave them to Exact."
    )
    bank_amount_sign: Literal[1, -1] = Field(default=1, description="Sign of a receipt on a bank entry's line.")
    matching_mode: Literal["verify_only", "xml_matchsets", "gj_offset", "off"] = Field(
        default="verify_only",
        description="Exact matches receipts with invoices by itself. verify_only looks afterwards what stayed unmatched, "
        "xml_matchsets also settles it by the XML topic MatchSets, which Exact is about to discontinue; gj_offset names the "
        "invoice's line on the lines of general journals, whose effect is not documented.",
    )
    unmatched_receipts: Literal["on_account", "suspense", "hold"] = Field(
        default="on_account", description="A receipt whose invoice is not found: on the customer, on suspense, or held."
    )
    refund_mode: Literal["credit_note", "payment_only", "hold"] = Field(
        default="credit_note",
        description="A refund becomes a credit note and its payment, the payment only, or is held.",
    )
    refund_vat_code: Code | None = Field(default=None, description="VAT code of credit-note lines.")
    refund_vat_percent: Decimal = Field(default=Decimal(0), ge=0, le=100, description="Rate of refund_vat_code.")
    fee_vat_mode: Literal["none", "plain_line", "vat_code"] = Field(
        default="plain_line",
        description="VAT on fees: none adds it to the fees, plain_line books it on the input VAT account, vat_code books "
        "gross fees with a VAT code.",
    )
    fx_difference: Literal["hold", "leave_open"] = Field(
        default="hold",
        description="Payouts converted by GoCardless of which it is not known what their payments were booked at, as before "
        "the cut-over: hold them after their entries, or leave the difference on the clearing account to a revaluation.",
    )
    vat_codes: dict[str, Code] = Field(default={}, description="For vat_code: by GoCardless tax rate id.")
    no_vat_code: Code | None = Field(
        default=None, description="VAT code without VAT, sent where the account would bring a code of its own."
    )
    closed_period: Literal["hold", "next_open_period"] = Field(
        default="hold", description="A document dated in a closed period is held, or dated in the next open one."
    )
    receivables_raw_sign: Literal["auto", "negative", "positive"] = Field(
        default="auto", description="Sign in which Exact shows what a customer owes. auto learns it from the invoices."
    )
    collected_by_exact: Literal["hold", "ignore"] = Field(
        default="hold",
        description="Invoices with payment method collection, or selected for it: hold them back, or collect them too.",
    )
    write_payment_reference: bool = Field(
        default=False,
        description="Write the id of the payment that collects an invoice to its receivable; one call each.",
    )
    mandate_sync: Literal["off", "reference"] = Field(
        default="reference",
        description="Keep GoCardless mandates as direct debit mandates that are never the main one.",
    )
    write_customer_link: bool = Field(
        default=True, description="Write the GoCardless customer id to an empty search code."
    )
    create_customers: bool = Field(default=False, description="Create a customer in Exact when none is linked.")

    calls_per_minute: int = Field(default=60, ge=4, description="Minute limit per app and division.")
    calls_per_day: int = Field(default=5000, ge=60, description="Day limit per app and division.")
    errors_per_hour: int = Field(
        default=6, ge=2, le=9, description="Refusals of one endpoint in an hour after which it is left alone; Exact's "
        "own limit is 10, and blocks the app."
    )  # fmt: skip
    maintenance_wait_s: int = Field(
        default=0,
        ge=0,
        le=1800,
        description="How long to wait for the end of the nightly maintenance before giving up.",
    )
    terms_per_filter: int = Field(default=20, ge=1, le=40, description="How many ids one $filter asks for.")

    @property
    def site(self) -> str:
        """The address in front of `/api` and `/docs`."""
        return (self.base_url or BASE_URLS[self.region]).rstrip("/")

    @property
    def token_address(self) -> str:
        return self.token_url or f"{self.site}/api/oauth2/token"

    def account(self, role: AccountRole, currency: str) -> str | None:
        """The general ledger account of a role; None when the settings name none."""
        accounts = self.currencies.get(currency)
        if role is AccountRole.CLEARING:
            return accounts.clearing_account if accounts else None
        if role is AccountRole.BANK:
            return accounts.transit_account if accounts else None
        if role is AccountRole.INPUT_VAT and self.fee_vat_mode == "none":
            role = AccountRole.FEES
        return self.accounts.get(role) or self.accounts.get(_SUBSTITUTES.get(role, role))

    @model_validator(mode="after")
    def _complete(self) -> Self:
        refuse([*self._problems(), *self._currency_problems(), *self._exchange_problems()])
        return self

    def _problems(self) -> Iterator[str]:
        host = urlsplit(self.site).hostname
        if host not in LOOPBACK and host not in {urlsplit(each).hostname for each in BASE_URLS.values()}:
            yield f"base_url: {host} is no site of Exact Online; set region instead"
        if self.booking_document == "general_journal" and self.general_journal is None:
            yield "booking_document general_journal needs the general_journal to write to"
        if self.matching_mode == "gj_offset" and self.booking_document != "general_journal":
            yield "matching_mode gj_offset needs booking_document general_journal: bank entries take no offset"
        if self.fee_vat_mode == "vat_code" and not self.vat_codes:
            yield "fee_vat_mode vat_code needs vat_codes: one VAT code per GoCardless tax rate"
        if self.refund_mode == "credit_note" and self.sales_journal is None:
            yield "refund_mode credit_note needs the sales_journal of the credit notes"
        if self.refund_vat_percent and self.refund_vat_code is None:
            yield "refund_vat_percent needs the refund_vat_code it belongs to"

    def _currency_problems(self) -> Iterator[str]:
        for currency, accounts in self.currencies.items():
            if accounts.bank_journal is None and self.general_journal is None:
                yield f"currencies.{currency} needs a bank_journal, or the section a general_journal"
            if accounts.clearing_account is None and not self.books_in_bank_journal(currency):
                yield f"currencies.{currency} needs the clearing_account, because it has no bank journal"

    def _exchange_problems(self) -> Iterator[str]:
        """What a converted payout leaves on fx_transit is its exchange difference only if nothing else is booked there."""
        transit = self.accounts.get(AccountRole.FX_TRANSIT)
        others = {code for role, code in self.accounts.items() if role not in _BESIDE_FX_TRANSIT}
        for accounts in self.currencies.values():
            others |= {accounts.transit_account, accounts.clearing_account or ""}
        if transit in others:
            yield f"accounts.fx_transit {transit} must be an account that a payout books nothing else on"

    def books_in_bank_journal(self, currency: str) -> bool:
        """Whether postings of this currency become bank entries; else they are general journal entries."""
        accounts = self.currencies.get(currency)
        return bool(accounts and accounts.bank_journal) and self.booking_document == "bank_entry"

    @property
    def own_journals(self) -> dict[str, str]:
        """Currency of each bank journal that is ours alone."""
        return {each.bank_journal: currency for currency, each in self.currencies.items() if each.bank_journal}


#: no payout has lines on one of these besides those on FX transit.
_BESIDE_FX_TRANSIT = frozenset({AccountRole.FX_TRANSIT, AccountRole.PAYOUT_TRANSIT})

#: where a role without an account of its own is booked.
_SUBSTITUTES = {
    AccountRole.SURCHARGES: AccountRole.FEES,
    AccountRole.PARTNER_FEES: AccountRole.FEES,
    AccountRole.ROUNDING: AccountRole.FEES,
}
