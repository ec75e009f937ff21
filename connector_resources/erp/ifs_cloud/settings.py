"""The ERP section of a connection file for IFS Cloud. Credentials are not here: fields hold their vault names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from bookkeeping.postings import AccountRole
from connector_resources.connections.section import Section, refuse
from connector_resources.erp.ifs_cloud.projections import Projection, projection_map
from connector_resources.erp.ifs_cloud.recipes import BUILT_IN, Recipe

VaultName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,59}$")]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Code = Annotated[str, Field(min_length=1, max_length=20, pattern=r"^\S+$")]
#: upper case as IFS keeps it, and without what separates a company from a number in ours (`10:CUST1`).
CompanyCode = Annotated[str, Field(pattern=r"^[A-Z0-9_.-]{1,20}$")]
CodePart = Annotated[str, Field(pattern=r"^[B-J]$")]

#: stands between company and number in customer and invoice numbers: `10:CUST1`, `10:CD-1001`.
SEPARATOR = ":"


class CurrencyAccounts(Section):
    """Where the money of one currency is booked (ifs_cloud.md section 11.1)."""

    cash_account: Code | None = Field(
        default=None, description="Cash account kept for GoCardless alone, in this currency; receipts are paid into it."
    )
    iban: str = Field(default="", description="Number of that cash account as bank files name it. Default: its code.")
    clearing_account: Code = Field(description="General ledger account behind the cash account.")
    bank_account: Code = Field(description="General ledger account on which payouts arrive.")


class Company(Section):
    """One company (legal entity) of the tenant."""

    creditor: str = Field(pattern=r"^CR\w+$", description="GoCardless creditor whose money is this company's.")
    user_group: Annotated[str, Field(min_length=1, max_length=30)] = Field(
        description="User group of the service user in this company; vouchers are entered in it."
    )
    voucher_type: Annotated[str, Field(pattern=r"^[A-Z0-9]{1,3}$")] = Field(
        default="M", description="Voucher type of function group M that vouchers get."
    )
    currencies: dict[Currency, CurrencyAccounts] = Field(
        min_length=1, description="Cash account and ledger accounts per currency."
    )
    accounts: dict[AccountRole, Code] = Field(
        default={},
        description="General ledger account per role (fees, input_vat, suspense, fx_difference …).",
    )
    code_string: dict[CodePart, Code] = Field(
        default={}, description="Code parts B to J that every voucher row carries, such as {B: '100'}."
    )


class Marker(Section):
    """Which open invoices are ready to be collected (ifs_cloud.md section 3.5). The others are shown as held back."""

    strategy: Literal["pay_term", "payment_way", "field", "proposal", "all"] = Field(
        description="By the invoice's payment term, the customer's payment method, a field of the open item or invoice, "
        "a payment proposal, or everything that is open.",
    )
    values: tuple[str, ...] = Field(default=(), description="Payment terms or payment methods that mark an invoice.")
    member: str = Field(default="", description="For field: the member, such as Cf_Gc_Collect; its value must be true.")
    on: Literal["open_items", "invoices"] = Field(default="open_items", description="For field: which set has it.")
    states: tuple[str, ...] = Field(
        default=("Acknowledged",), description="For proposal: states of a proposal whose items count; empty counts all."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.strategy in ("pay_term", "payment_way") and not self.values:
            raise ValueError(f"marker strategy {self.strategy} needs values: which ones mark an invoice")
        if self.strategy == "field" and not re.fullmatch(r"\w+", self.member):
            raise ValueError("marker strategy field needs the member that marks an invoice")
        return self


class InvoiceStatus(Section):
    """Where IFS is told how a collection stands. The members are custom fields of your tenant; empty ones are left out."""

    target: Literal["off", "open_items", "invoices", "proposal_items"] = Field(
        default="off", description="Set whose members are written: open items (AR), invoices, or items of proposals."
    )
    state: str = Field(default="", description="Member for the state: in_flight, collected, failed, charged_back …")
    reason: str = Field(default="", description="Member for GoCardless's cause of a failure, such as refer_to_payer.")
    payment: str = Field(default="", description="Member for the id of the payment.")
    values: dict[str, str] = Field(
        default={}, description="Our state -> the value that IFS has for it; empty for a state that is not told."
    )

    @property
    def members(self) -> dict[str, str]:
        """Our word -> member, those that are named."""
        given = {"state": self.state, "cause": self.reason, "payment": self.payment}
        return {word: member for word, member in given.items() if member}

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.target != "off" and not self.members:
            raise ValueError("invoice_status needs at least one of the members state, reason and payment")
        return self


class IfsCloudSettings(Section):
    """Everything the IFS Cloud connector is told about one tenant. See ifs_cloud.md sections 1, 2, 3 and 11."""

    kind: Literal["ifs_cloud"] = Field(description="Which ERP this section is for.")
    base_url: str = Field(description="Address of the tenant without path, such as https://acme.ifs.cloud.")
    realm: str = Field(pattern=r"^[\w.-]+$", description="Realm (the vendor's NAMESPACE) of the tenant.")
    token_url: str | None = Field(default=None, description="Token endpoint. Default: the realm's.")
    client_id: VaultName = Field(default="ifs_client_id", description="Vault name of the IAM client's id.")
    client_secret: VaultName = Field(default="ifs_client_secret", description="Vault name of its secret.")
    client_auth: Literal["body", "basic"] = Field(
        default="body", description="How the client names itself at the token endpoint: in the form, or by HTTP Basic."
    )
    scope: str = Field(default="openid microprofile-jwt", description="Scope of the token; may be empty.")

    companies: dict[CompanyCode, Company] = Field(min_length=1, description="The companies, by code.")
    map: dict[str, dict[str, Any]] = Field(
        default={},
        description="Projections, sets and members that differ from the defaults, by our name. See the page on IFS Cloud.",
    )
    recipes: dict[str, Recipe] = Field(
        default={}, description="Recipes (steps) that replace the built-in ones of the same name."
    )
    settlement: Literal["mixed_payment", "camt_file", "suspense"] = Field(
        default="mixed_payment",
        description="What a receipt becomes: a mixed payment, a line of a camt.054 file (both settle the invoice), or a "
        "voucher that credits suspense and leaves AR to a person.",
    )
    camt_version: Literal["camt.054.001.02", "camt.054.001.04", "camt.054.001.08"] = Field(
        default="camt.054.001.02", description="Version of the camt.054 file; the template MXP_CAMT decides which."
    )
    approval_hours: int = Field(
        default=72,
        ge=1,
        description="After so many hours a payment file whose payment nobody has approved is held for a person.",
    )
    camt_template: str = Field(default="MXP_CAMT", description="File template that reads the file.")
    payments_per_batch: int = Field(default=500, ge=1, le=5000, description="Most receipts of one payment or file.")
    unmatched_receipts: Literal["on_account", "hold"] = Field(
        default="on_account", description="A receipt whose invoice is not found: on the customer's account, or held."
    )
    refund_mode: Literal["repayment", "hold"] = Field(
        default="repayment", description="A refund becomes a repayment to the customer, or is held."
    )
    voucher_status: Literal["Approved", "AwaitingApproval", "NotApproved"] = Field(
        default="Approved", description="Status in which vouchers are entered."
    )
    rows_per_voucher: int = Field(default=500, ge=4, le=500, description="Most rows of one voucher.")
    closed_period: Literal["hold", "next_open_period"] = Field(
        default="hold", description="A document dated in a closed period is held, or dated in the next open one."
    )
    fee_vat_mode: Literal["none", "plain_line", "tax_code"] = Field(
        default="plain_line",
        description="VAT on fees: none adds it to the fees, plain_line books it on the input VAT account, tax_code puts "
        "it on the fee row with a tax code.",
    )
    tax_codes: dict[str, Code] = Field(default={}, description="For tax_code: by GoCardless tax rate id.")
    currency_type: str | None = Field(
        default=None, description="Currency rate type of vouchers in foreign currency. Default: the company's own."
    )

    marker: Marker | None = Field(
        default=None, description="Which open invoices are collected. Without it all are held back."
    )
    item_types: dict[str, str] = Field(
        default={"CUPOA": "payment_on_account", "CUPAY": "payment_on_account"},
        description="Series of open items that are no invoices -> what they are called.",
    )
    open_states: tuple[str, ...] = Field(
        default=("Unpaid", "PartlyPaid"), description="States of open items that are open."
    )
    open_filter: Literal["auto", "state", "amount", "none"] = Field(
        default="auto",
        description="How open items are asked for: by state, by what is not cleared, or all. auto tries in this order.",
    )
    invoice_status: InvoiceStatus = Field(
        default=InvoiceStatus(), description="Where IFS is told how a collection stands."
    )
    customer_changes: Literal["all", "modified_field", "history_log"] = Field(
        default="all", description="How changed customers are found: read all, by a member, or by the history log."
    )
    customer_details: Literal["sets", "arrays", "off"] = Field(
        default="sets",
        description="Where e-mails and addresses of customers are read and written: in Entity Services of their own, in the "
        "arrays below each customer (two calls per customer that changed), or nowhere.",
    )
    write_customer_link: bool = Field(
        default=False, description="Write GoCardless customer and mandate ids to the members that map.customers names."
    )

    timestamp_zone: str = Field(
        default="UTC", description="IANA zone of the tenant's timestamps, if not time-zone aware."
    )
    tz_aware: bool = Field(default=True, description="Ask for time-zone-aware timestamps, which are real UTC.")
    overlap_minutes: int = Field(default=15, ge=1, description="How far a read of changes reaches back over the last.")
    page_size: int = Field(default=500, ge=1, le=1000, description="Rows asked for at once.")
    use_select: bool = Field(default=True, description="Name the members that are read; some projections refuse it.")
    decimals_as_strings: bool = Field(default=True, description="Ask for decimals as strings.")
    calls_per_minute: int = Field(
        default=1000, ge=20, description="Most calls a minute to the tenant, by all processes."
    )

    @property
    def site(self) -> str:
        return self.base_url.rstrip("/")

    @property
    def token_address(self) -> str:
        return self.token_url or f"{self.site}/auth/realms/{self.realm}/protocol/openid-connect/token"

    @cached_property
    def projections(self) -> dict[str, Projection]:
        """The projection map with the connection's own entries laid over the defaults."""
        return projection_map(self.map)

    @property
    def zone(self) -> ZoneInfo | None:
        """The zone in which timestamps are local; None when they are UTC."""
        return None if self.tz_aware else ZoneInfo(self.timestamp_zone)

    def recipe(self, name: str) -> Recipe:
        """The connection's own recipe, else the built-in one."""
        return self.recipes.get(name) or BUILT_IN[name]

    @property
    def settles(self) -> bool:
        """Whether receipts settle invoices in AR (strategy S1 of section 11.1)."""
        return self.settlement != "suspense"

    def company_of(self, creditor: str) -> str | None:
        """The company whose creditor this is."""
        return next((code for code, each in self.companies.items() if each.creditor == creditor), None)

    def company_of_customer(self, customer: str) -> str:
        """The company in a customer number (`10:CUST1`), where there are several to tell apart."""
        return customer.partition(SEPARATOR)[0] if len(self.companies) > 1 else ""

    def creditor_of(self, customer: str) -> str:
        """The GoCardless creditor that collects from a customer number (`10:CUST1`); "" for a number of no company."""
        company = self.companies.get(customer.partition(SEPARATOR)[0])
        return company.creditor if company else ""

    def account(self, company: str, role: AccountRole, currency: str) -> str | None:
        """The general ledger account of a role; None when the settings name none."""
        section = self.companies[company]
        accounts = section.currencies.get(currency)
        if role is AccountRole.CLEARING:
            return accounts.clearing_account if accounts else None
        if role is AccountRole.BANK:
            return accounts.bank_account if accounts else None
        if role is AccountRole.RECEIVABLE:
            # Ledger accounts take no manual vouchers: in a voucher suspense stands for AR (section 11.1, S2).
            role = AccountRole.SUSPENSE
        if role is AccountRole.INPUT_VAT and self.fee_vat_mode == "none":
            role = AccountRole.FEES
        return section.accounts.get(role) or section.accounts.get(_SUBSTITUTES.get(role, role))

    @field_validator("base_url")
    @classmethod
    def _host_alone(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.path.strip("/") or parts.query:
            raise ValueError("base_url is the host alone: without /main, /int or anything behind it")
        return value

    @field_validator("timestamp_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError) as error:
            raise ValueError(f"{value!r} is not an IANA time zone such as Europe/Stockholm") from error
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        refuse(self._problems())
        return self

    def _problems(self) -> Iterator[str]:
        if self.fee_vat_mode == "tax_code" and not self.tax_codes:
            yield "fee_vat_mode tax_code needs tax_codes: one tax code per GoCardless tax rate"
        creditors = [each.creditor for each in self.companies.values()]
        if len(set(creditors)) < len(creditors):
            yield "companies: two companies have the same creditor; its money could be either's"
        try:
            follows_changes = bool(self.projections["customers"].modified_field)
        except ValueError as error:
            yield str(error)
        else:
            if self.customer_changes == "modified_field" and not follows_changes:
                yield "customer_changes modified_field needs map.customers.modified_field"
        unknown = sorted(set(self.recipes) - set(BUILT_IN))
        if unknown:
            yield f"recipes: {', '.join(unknown)} is unknown; known: {', '.join(sorted(BUILT_IN))}"
        without = [
            f"companies.{code}.currencies.{currency}"
            for code, company in self.companies.items()
            for currency, accounts in company.currencies.items()
            if not accounts.cash_account
        ]
        if self.settles and without:
            yield f"{', '.join(without)} needs the cash_account that receipts are paid into"


#: where a role without an account of its own is booked.
_SUBSTITUTES = {
    AccountRole.SURCHARGES: AccountRole.FEES,
    AccountRole.PARTNER_FEES: AccountRole.FEES,
    AccountRole.ROUNDING: AccountRole.FEES,
    AccountRole.FX_TRANSIT: AccountRole.FX_DIFFERENCE,
    AccountRole.SALES_RETURNS: AccountRole.SUSPENSE,
}
