"""The ERP section of a connection file for Sage 300. Credentials are not here: fields hold their vault names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, time
from decimal import Decimal
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from bookkeeping.postings import AccountRole
from connector_resources.connections.section import Section, refuse

VaultName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,59}$")]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Account = Annotated[str, Field(min_length=1, max_length=45, pattern=r"^\S+$")]
#: lengths of code fields: sage300.md section 3.4.
BankCode = Annotated[str, Field(pattern=r"^[A-Z0-9]{1,8}$")]
Code6 = Annotated[str, Field(pattern=r"^[A-Z0-9]{1,6}$")]
Code12 = Annotated[str, Field(pattern=r"^[A-Z0-9]{1,12}$")]
Module = Literal["AR", "BK", "GL"]


class CurrencyAccounts(Section):
    """Where the money of one currency is booked (sage300.md section 11)."""

    bank_account: Account = Field(description="General ledger account of the bank account that payouts arrive on.")
    bank_code: BankCode | None = Field(
        default=None, description="Bank Services bank kept for GoCardless alone, in this currency; for ar_receipts."
    )
    clearing_account: Account | None = Field(
        default=None, description="General ledger account of that bank: GoCardless clearing; for ar_receipts."
    )
    direct_bank_code: BankCode | None = Field(
        default=None, description="Bank of payments that settle directly to the merchant, without a payout."
    )


class OptionalFields(Section):
    """Codes of the customer optional fields that hold what GoCardless says (sage300.md section 2.4); empty: not written."""

    customer: Code12 | None = Field(default="GCCUST", description="GoCardless customer id.")
    mandate: Code12 | None = Field(default="GCMANDATE", description="Mandate id.")
    mandate_status: Code12 | None = Field(default="GCMDSTATUS", description="Mandate status.")
    mandate_date: Code12 | None = Field(default="GCMDDATE", description="Day of that status, YYYYMMDD.")
    scheme: Code12 | None = Field(default="GCSCHEME", description="Scheme of the mandate, such as SEPA_CORE.")
    bank_account: Code12 | None = Field(
        default="GCBANK", description="GoCardless id of the payer's bank account; never an account number."
    )


class QuietHours(Section):
    """A daily window without writes, in the zone of the books: backups, restarts, data integrity (section 5)."""

    begins: time = Field(description="First minute of the window, such as 22:00.")
    ends: time = Field(description="First minute after it; before `begins` when the window passes midnight.")


class Schedule(Section):
    """How often a Sage schedule bills; the schedules themselves have no endpoint in the Web API (section 2.1)."""

    unit: Literal["weekly", "monthly", "yearly"] = Field(description="Unit of the interval.")
    interval: int = Field(default=1, ge=1, le=52, description="How many units lie between two invoices.")


class Sage300Settings(Section):
    """Everything the Sage 300 connector is told about one company. See sage300.md sections 1, 5, 11 and 13."""

    kind: Literal["sage300"] = Field(description="Which ERP this section is for.")
    base_url: str = Field(description="Address of the Web API, such as https://erp.example.com/Sage300WebApi.")
    company: Code6 = Field(description="Company (database) id as on the sign-on screen, upper-case.")
    tenant: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")] = Field(
        default="-", description="Tenant part of the address; a hyphen on premises."
    )
    api_version: Annotated[str, Field(pattern=r"^v\d+\.\d+$")] = Field(
        default="v1.0", description="Version part of the address."
    )
    username: VaultName = Field(default="sage300_username", description="Vault name of the Web API user's id.")
    password: VaultName = Field(default="sage300_password", description="Vault name of its password.")
    credential_case: Literal["upper", "password_as_is"] = Field(
        default="upper",
        description="upper sends user and password in upper case; password_as_is keeps the password, for 2022.2 and later "
        "with complex passwords.",
    )
    ca_bundle: str | None = Field(default=None, description="Path of a PEM file with the private CA of the server.")
    page_size: int = Field(default=100, ge=1, le=5000, description="Rows asked for per page; the server may cap it.")
    terms_per_filter: int = Field(default=20, ge=1, le=60, description="Most conditions of one filter.")
    odata_dialect: Literal["v4", "v3"] = Field(default="v4", description="How date literals of filters are written.")
    enum_literals: Literal["name", "number"] = Field(
        default="name", description="FullyPaid and DocumentType in filters by member name, or by their number."
    )
    write_timeout_s: int = Field(default=600, ge=30, le=3600, description="Seconds a write or a posting run may take.")
    quiet_hours: QuietHours | None = Field(default=None, description="Daily window without writes.")

    mode: Literal["payout_gl", "ar_receipts"] = Field(
        default="payout_gl",
        description="payout_gl books a payout's items in one journal on the A/R control account; ar_receipts books a "
        "receipt per payment and the payout against clearing. Never change it after the first posting.",
    )
    post_mode: Literal["open", "ready", "post"] = Field(
        default="open", description="Leave batches open, set them to Ready To Post, or post them as well."
    )
    gl_ready_property: Literal["ReadyToPost", "Status"] = Field(
        default="ReadyToPost", description="Which property of a journal batch makes it Ready To Post."
    )
    max_entries_per_batch: int = Field(default=50, ge=1, le=500, description="Most documents of one batch.")
    currencies: dict[Currency, CurrencyAccounts] = Field(min_length=1, description="Bank and accounts per currency.")
    accounts: dict[AccountRole, Account] = Field(
        default={}, description="General ledger account per role (receivable, fees, input_vat, revenue …)."
    )
    functional_currency: Currency | None = Field(
        default=None, description="Functional currency, where the company profile does not show it."
    )
    exchange_rates: dict[Currency, dict[Annotated[str, Field(pattern=r"^\d{4}-\d{2}$")], Decimal]] = Field(
        default={},
        description="Functional units per unit of a currency, by month, for journals GoCardless did not convert.",
    )
    payment_code: Code12 = Field(default="GCDD", description="A/R payment code of receipts.")
    source_ledger: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = Field(
        default="GL", description="Source ledger of journals."
    )
    source_type: Annotated[str, Field(pattern=r"^[A-Z0-9]{2}$")] = Field(
        default="JE", description="Source type of journals."
    )
    no_tax_group: Code12 | None = Field(
        default=None, description="Tax group without tax, for debit notes. Default: the customer's own."
    )
    refund_tax_group: Code12 | None = Field(
        default=None, description="Tax group of the credit notes of refunds. Default: the customer's own."
    )
    unmatched_receipts: Literal["on_account", "hold"] = Field(
        default="on_account", description="A receipt whose invoice is not found: unapplied on the customer, or held."
    )
    late_failure: Literal["debit_note", "task"] = Field(
        default="debit_note",
        description="A receipt taken back becomes a debit note, or a task for a person, who returns it in Bank Services.",
    )
    refund_mode: Literal["credit_note", "hold"] = Field(
        default="credit_note", description="A refund becomes a credit note with a refund batch, or is held."
    )
    refund_offset: Literal["receivable", "sales_returns"] = Field(
        default="receivable", description="For payout_gl: the account that refunds inside a payout are debited to."
    )
    locked_through: dict[Module, date] = Field(
        default={}, description="Last locked day per application: Sage does not show its period locks."
    )
    closed_period: Literal["hold", "next_open_day"] = Field(
        default="hold", description="A document dated in a locked period is held, or dated on the next open day."
    )
    mandate_store: Literal["optional_fields", "own"] = Field(
        default="optional_fields", description="Keep mandates in customer optional fields too, or here alone."
    )
    optional_fields: OptionalFields = Field(default=OptionalFields(), description="Codes of those optional fields.")
    create_customers: bool = Field(default=False, description="Create a customer in Sage when none is linked.")
    customer_group: Code6 | None = Field(default=None, description="Customer group of created customers.")
    customer_tax_group: Code12 | None = Field(default=None, description="Tax group of created customers.")
    invoice_tax_group: Code12 | None = Field(
        default=None, description="Tax group of invoices for subscription payments. Default: the customer's own."
    )
    schedules: dict[Code12, Schedule] = Field(
        default={}, description="How often the schedules of recurring charges bill, by their code."
    )

    @property
    def root(self) -> str:
        """The path of the company behind the base address."""
        return f"/{self.api_version}/{self.tenant}/{self.company}/"

    def account(self, role: AccountRole, currency: str) -> str | None:
        """The general ledger account of a role as configured; None when there is none."""
        of_currency = self.currencies.get(currency)
        if role is AccountRole.BANK:
            return of_currency.bank_account if of_currency else None
        if role is AccountRole.CLEARING:
            return of_currency.clearing_account if of_currency else None
        return self.accounts.get(role) or self.accounts.get(_SUBSTITUTES.get(role, role))

    @field_validator("base_url")
    @classmethod
    def _bare_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("https", "http") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("base_url must be an address such as https://erp.example.com/Sage300WebApi")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        refuse(self._problems())
        return self

    def _problems(self) -> Iterator[str]:
        for currency, accounts in self.currencies.items():
            if self.mode == "ar_receipts" and (accounts.bank_code is None or accounts.clearing_account is None):
                yield f"currencies.{currency}: ar_receipts needs bank_code and clearing_account"
        if self.create_customers and (self.customer_group is None or self.customer_tax_group is None):
            yield "create_customers needs the customer_group and customer_tax_group of new customers"
        if self.quiet_hours is not None and self.quiet_hours.begins == self.quiet_hours.ends:
            yield "quiet_hours: begins and ends are the same minute"


#: where a role without an account of its own is booked.
_SUBSTITUTES = {
    AccountRole.SURCHARGES: AccountRole.FEES,
    AccountRole.PARTNER_FEES: AccountRole.FEES,
    AccountRole.ROUNDING: AccountRole.FEES,
}
