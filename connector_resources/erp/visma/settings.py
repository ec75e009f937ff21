"""The ERP section of a connection file for Visma.net ERP. Credentials are not here: fields hold their vault names."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from bookkeeping.postings import AccountRole
from connector_resources.connections.section import Section, refuse

VAULT_NAME = r"^[a-z][a-z0-9_]{1,59}$"
CURRENCY = r"^[A-Z]{3}$"

VaultName = Annotated[str, Field(pattern=VAULT_NAME)]
Currency = Annotated[str, Field(pattern=CURRENCY)]
AccountNumber = Annotated[str, Field(min_length=1, max_length=10)]

#: what a converted payout books besides the FX transit account.
_BOOKED_BY_PAYOUTS = frozenset(AccountRole) - {AccountRole.FX_TRANSIT, AccountRole.PAYOUT_TRANSIT}

LEGACY_HOST = "integration.visma.net"


class CurrencyAccounts(Section):
    """Where the money of one currency is booked (visma.md section 11.1)."""

    clearing_cash_account: AccountNumber = Field(description="Cash account of GoCardless money in transit.")
    clearing_account: AccountNumber | None = Field(
        default=None, description="General ledger account behind it. Default: the same number."
    )
    bank_account: AccountNumber = Field(description="General ledger account of the bank account payouts arrive on.")
    bank_cash_account: AccountNumber | None = Field(
        default=None, description="Cash account for payments that settle directly to the bank. Default: bank_account."
    )

    @property
    def clearing_ledger_account(self) -> str:
        return self.clearing_account or self.clearing_cash_account

    @property
    def direct_cash_account(self) -> str:
        return self.bank_cash_account or self.bank_account


class VatCode(Section):
    """The Visma VAT id and category that stand for one GoCardless tax rate."""

    vat_id: AccountNumber = Field(description="VAT id of the line.")
    vat_category: AccountNumber = Field(description="VAT category of the line.")


class Segment(Section):
    """One segment of the subaccount that journal and credit-note lines carry."""

    segment_id: int = Field(ge=1, description="Number of the segment, from 1.")
    segment_value: str = Field(min_length=1, description="Its value.")


class Attributes(Section):
    """Ids of the customer attributes that hold our links (visma.md section 2.9)."""

    customer: AccountNumber = Field(default="GCCUST", description="Attribute for the GoCardless customer id.")
    mandate: AccountNumber = Field(default="GCMANDATE", description="Attribute for the active mandate id.")
    mandate_status: AccountNumber = Field(default="GCMSTATUS", description="Attribute for the mandate's status.")


class VismaSettings(Section):
    """Everything the Visma connector is told about one company. See visma.md sections 1 and 11."""

    kind: Literal["visma"] = Field(description="Which ERP this section is for.")
    tenant_id: str = Field(min_length=1, description="Company tenant id (GUID), not the customer's contract tenant id.")
    company_name: str = Field(min_length=1, description="The company's name in Visma; the ping compares it.")
    company_id: str | None = Field(default=None, description="Numeric company id, sent as ipp-company-id when set.")
    base_url: str = Field(default="https://api.finance.visma.net", description="API address without version.")
    token_url: str = Field(default="https://connect.visma.com/connect/token", description="Token endpoint.")
    client_id: VaultName = Field(default="client_id", description="Vault name of the application's client id.")
    client_secret: VaultName = Field(default="client_secret", description="Vault name of its secret.")
    scopes: tuple[str, ...] = Field(
        default=(
            "vismanet_erp_service_api:read",
            "vismanet_erp_service_api:create",
            "vismanet_erp_service_api:update",
        ),
        description="Scopes asked for; changed scopes need a new approval in Visma App Store.",
    )
    send_application_type: bool | None = Field(
        default=None, description="Send ipp-application-type. Default: only to integration.visma.net."
    )
    calls_per_hour: int = Field(default=15_000, ge=60, description="Quota assumed until Visma's headers say less.")
    page_size: int = Field(default=1000, ge=1, le=5000, description="Rows asked for per page; Visma may cap it.")
    use_background: bool = Field(default=False, description="Ask for asynchronous processing of writes.")

    currencies: dict[Currency, CurrencyAccounts] = Field(min_length=1, description="Accounts per currency.")
    accounts: dict[AccountRole, AccountNumber] = Field(
        default={}, description="General ledger account per role (fees, input_vat, fx_transit …)."
    )
    chargeback_receivable: AccountNumber | None = Field(
        default=None, description="Account of charged-back money when chargeback_mode is debit_note."
    )
    payment_method: AccountNumber = Field(description="Payment method allowed for the clearing cash accounts.")
    direct_payment_method: AccountNumber | None = Field(
        default=None, description="Method for payments that settle directly to the bank. Default: payment_method."
    )
    branch: str | None = Field(default=None, description="Branch of every document. Default: Visma's own.")
    ledger: str | None = Field(default=None, description="Ledger of journals. Default: Visma's actual ledger.")
    subaccount: tuple[Segment, ...] = Field(default=(), description="Subaccount of journal and credit-note lines.")

    unmatched_receipts: Literal["on_account", "hold"] = Field(
        default="on_account", description="A receipt whose invoice is not found: book it on account, or hold it."
    )
    fee_vat_mode: Literal["none", "gl_vat", "plain_line"] = Field(
        default="plain_line",
        description="VAT on fees: none adds it to the fees, plain_line books it on the input VAT account, gl_vat uses "
        "Visma's VAT entry from the general ledger module.",
    )
    vat_codes: dict[str, VatCode] = Field(default={}, description="For gl_vat: by GoCardless tax rate id.")
    refund_mode: Literal["credit_memo", "hold"] = Field(
        default="credit_memo", description="A refund becomes a credit note with an outgoing payment, or is held."
    )
    refund_vat_category: str | None = Field(
        default=None, description="VAT category of credit-note lines. Default: the line carries none."
    )
    refund_vat_percent: Decimal = Field(
        default=Decimal(0), ge=0, le=100, description="Rate of that category, to find the net amount of a refund."
    )
    fx_difference: Literal["hold", "leave_open"] = Field(
        default="hold",
        description="Payouts converted by GoCardless of which it is not known what their payments were booked at, as "
        "before the cut-over: hold them, or leave the difference on the clearing account for the next revaluation.",
    )
    exchange_rate: Literal["multiply", "divide"] = Field(
        default="multiply",
        description="How this company's rates lead to its base currency: amounts are multiplied with them, or divided.",
    )
    chargeback_mode: Literal["void", "debit_note"] = Field(
        default="void", description="A chargeback voids the receipt, or leaves it and books a chargeback receivable."
    )
    auto_release: bool = Field(
        default=True, description="Release receipts, refunds and journals. False: a verified draft counts as booked."
    )
    create_on_hold: bool = Field(
        default=False, description="Create documents on hold, for an accountant to release; implies no auto_release."
    )
    closed_period: Literal["hold", "next_open_period"] = Field(
        default="hold", description="A document dated in a closed period is held, or dated in the next open one."
    )
    numbering: Literal["automatic", "deterministic"] = Field(
        default="automatic",
        description="deterministic derives receipt numbers from GoCardless ids, so that Visma refuses a second one.",
    )
    attributes: Attributes = Field(default=Attributes(), description="Customer attributes that hold our links.")
    write_attributes: bool = Field(default=True, description="Write customer and mandate ids to those attributes.")
    create_customers: bool = Field(default=False, description="Create a customer in Visma when none is linked.")
    customer_class: str | None = Field(default=None, description="Customer class of created customers.")

    @property
    def releases(self) -> bool:
        """Whether this connector releases documents itself."""
        return self.auto_release and not self.create_on_hold

    @property
    def sends_application_type(self) -> bool:
        if self.send_application_type is not None:
            return self.send_application_type
        return urlsplit(self.base_url).hostname == LEGACY_HOST

    @model_validator(mode="after")
    def _complete(self) -> Self:
        refuse(self._problems())
        return self

    def _problems(self) -> Iterator[str]:
        if self.fee_vat_mode == "gl_vat" and not self.vat_codes:
            yield "fee_vat_mode gl_vat needs vat_codes: one VAT id and category per GoCardless tax rate"
        if self.chargeback_mode == "debit_note" and self.chargeback_receivable is None:
            yield "chargeback_mode debit_note needs the account chargeback_receivable"
        if self.create_customers and self.customer_class is None:
            yield "create_customers needs the customer_class of new customers"
        if self.refund_vat_percent and self.refund_vat_category is None:
            yield "refund_vat_percent needs the refund_vat_category it belongs to"
        # What a converted payout leaves on fx_transit is its exchange difference only if nothing else is booked there.
        transit = self.accounts.get(AccountRole.FX_TRANSIT)
        others = {number for role, number in self.accounts.items() if role in _BOOKED_BY_PAYOUTS}
        for accounts in self.currencies.values():
            others |= {accounts.clearing_ledger_account, accounts.bank_account}
        if transit in others:
            yield f"accounts.fx_transit {transit} must be an account that a payout books nothing else on"
