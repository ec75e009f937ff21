"""The things a Visma.net company holds, as plain records. Amounts are integers of the currency's minor unit.

Records hold state and questions about it; who may change what is decided in the modules named after the documents.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

#: kinds of documents that a payment line may name (section 2.5); anything else cannot be found in the system.
DOCUMENT_TYPES = ("Invoice", "DebitNote", "CreditNote", "Payment", "Prepayment", "FinCharge", "SmallCreditWo", "Refund")
PAYMENT_TYPES = (
    "Payment",
    "CreditNote",
    "Prepayment",
    "Refund",
    "VoidPayment",
    "SmallBalanceWo",
    "VoidRefund",
    "Undefined",
)
STATUSES = (
    "Hold", "Balanced", "Voided", "Scheduled", "Open", "Closed", "PendingPrint", "PendingEmail", "CreditHold", "CcHold",
    "Reserved",
)  # fmt: skip
MODULES = ("GL", "AP", "AR", "CM", "CA", "IN", "DR", "FA", "PM")


@dataclass(slots=True, kw_only=True)
class Stamped:
    """What every stored resource has: its version (the ETag) and when it was made and last touched."""

    version: int = 0
    created_at: datetime
    modified_at: datetime


@dataclass(slots=True)
class Account:
    """A general ledger account. `control_module` (AR, AP …) and `manual_entry=False` refuse manual journal lines."""

    number: str
    description: str
    kind: str
    active: bool = True
    currency: str = ""
    control_module: str = ""
    manual_entry: bool = True
    needs_subaccount: bool = False


@dataclass(frozen=True, slots=True)
class EntryType:
    """What a cash transaction of this type does: "Receipt" or "Disbursement", against `offset_account` by default."""

    id: str
    description: str
    direction: str
    offset_account: str


@dataclass(slots=True)
class CashAccount:
    """A cash account of one currency, linked to a general ledger account."""

    number: str
    description: str
    currency: str
    account: str
    entry_types: dict[str, EntryType] = field(default_factory=dict)
    active: bool = True


@dataclass(slots=True)
class PaymentMethod:
    """A way to be paid; `cash_accounts` are those it may be used with, the first being its default."""

    id: str
    description: str
    means: str
    cash_accounts: list[str]
    active: bool = True
    detail_ids: tuple[str, ...] = ("1",)


@dataclass(frozen=True, slots=True)
class VatCode:
    """One VAT id with the VAT category that leads to it, its rate in hundredths of a percent and its output account."""

    id: str
    category: str
    description: str
    rate_basis_points: int
    account: str


@dataclass(slots=True)
class Attribute:
    id: str
    description: str
    control_type: str = "Text"


@dataclass(slots=True)
class CustomerClass:
    id: str
    description: str
    attributes: list[str]
    payment_method: str = ""


@dataclass(slots=True)
class DirectDebitLine:
    id: str
    mandate_id: str = ""
    mandate_description: str = ""
    signed_on: date | None = None
    expires_on: date | None = None
    is_default: bool = False
    one_time: bool = False
    iban: str = ""
    bic: str = ""


@dataclass(slots=True, kw_only=True)
class Customer(Stamped):
    internal_id: int
    number: str
    name: str
    status: str = "Active"
    customer_class: str = "1"
    currency: str = ""
    corporate_id: str = ""
    vat_registration_id: str = ""
    email: str = ""
    phone: str = ""
    contact_name: str = ""
    address: dict[str, str] = field(default_factory=dict)
    credit_terms: str = "14"
    note: str = ""
    account_reference: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    direct_debit: dict[str, DirectDebitLine] = field(default_factory=dict)
    payment_methods: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass(slots=True)
class CreditLine:
    """One line of a credit note, net of VAT."""

    account: str
    net_minor: int
    vat_minor: int
    vat_account: str
    description: str = ""
    vat_category: str = ""


@dataclass(slots=True)
class Application:
    """So much of one document put against another. Unreleased ones only reserve; negative ones take one back."""

    document_type: str
    number: str
    amount_minor: int
    write_off_minor: int = 0
    reason_code: str = ""
    released: bool = False
    applied_on: date | None = None

    @property
    def settled_minor(self) -> int:
        return self.amount_minor + self.write_off_minor


@dataclass(slots=True, kw_only=True)
class ArDocument(Stamped):
    """An invoice, debit note or credit note of the customer ledger; amounts are positive and include VAT."""

    kind: str
    number: str
    customer: str
    currency: str
    dated: date
    due: date
    period: str
    total_minor: int
    balance_minor: int
    vat_minor: int = 0
    status: str = "Open"
    released: bool = True
    external_reference: str = ""
    customer_ref_number: str = ""
    payment_reference: str = ""
    text: str = ""
    note: str = ""
    cash_account: str = ""
    payment_method: str = ""
    lines: list[CreditLine] = field(default_factory=list)
    applications: list[Application] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FinanceCharge:
    """A bank charge deducted from the payment before it reaches the cash account (section 11.3)."""

    entry_type: str
    account: str
    amount_minor: int


@dataclass(slots=True, kw_only=True)
class Payment(Stamped):
    """A customer payment document. `dated` is the document's own date, `applied_on` the date the screen shows.

    `rate` is what one unit of its currency was in the base currency on `dated`; a void has that of what it takes back.
    """

    type: str
    number: str
    customer: str
    method: str
    cash_account: str
    currency: str
    rate: Decimal
    amount_minor: int
    dated: date
    applied_on: date
    period: str
    reference: str
    text: str = ""
    status: str = "Balanced"
    branch: str = "1"
    lines: list[Application] = field(default_factory=list)
    charges: list[FinanceCharge] = field(default_factory=list)
    drawn_minor: int = 0

    @property
    def hold(self) -> bool:
        return self.status == "Hold"

    @property
    def released(self) -> bool:
        return self.status in ("Open", "Closed", "Voided")

    @property
    def applied_minor(self) -> int:
        return sum(line.amount_minor for line in self.lines)

    @property
    def charges_minor(self) -> int:
        return sum(charge.amount_minor for charge in self.charges)

    @property
    def available_minor(self) -> int:
        """What is not applied; a refund of this payment draws on it too. Nothing is left of a voided one."""
        if self.status == "Voided" or self.type in ("VoidPayment", "VoidRefund"):
            return 0
        return self.amount_minor - self.applied_minor - self.drawn_minor


@dataclass(slots=True)
class JournalLine:
    account: str
    debit_minor: int
    credit_minor: int
    reference: str = ""
    description: str = ""
    subaccount: str = ""
    vat_id: str = ""
    vat_category: str = ""
    customer: str = ""


@dataclass(slots=True, kw_only=True)
class Batch(Stamped):
    """A batch of the general ledger: entered by hand (module GL) or made by a released document (AR, CA).

    `rate` is what one unit of its currency is in the base currency.
    """

    module: str
    number: str
    status: str
    dated: date
    period: str
    currency: str
    rate: Decimal
    ledger: str
    lines: list[JournalLine]
    description: str = ""
    control_minor: int = 0
    vat_transaction: bool = False
    branch: str = "1"

    @property
    def debit_minor(self) -> int:
        return sum(line.debit_minor for line in self.lines)

    @property
    def credit_minor(self) -> int:
        return sum(line.credit_minor for line in self.lines)


@dataclass(slots=True)
class CashLine:
    account: str
    amount_minor: int
    description: str = ""


@dataclass(slots=True, kw_only=True)
class CashTransaction(Stamped):
    number: str
    cash_account: str
    entry_type: str
    direction: str
    currency: str
    dated: date
    period: str
    reference: str
    lines: list[CashLine]
    description: str = ""
    status: str = "Balanced"
    control_minor: int = 0
    reverses: str = ""

    @property
    def amount_minor(self) -> int:
        return sum(line.amount_minor for line in self.lines)


@dataclass(slots=True)
class Attachment:
    id: str
    name: str
    content: bytes
    content_type: str
    revision: int = 1


@dataclass(slots=True)
class Period:
    """One financial period, `id` as YYYYPP. A module named in `closed` (GL, AR, CA …) accepts nothing any more."""

    id: str
    starts: date
    ends: date
    active: bool = True
    closed: set[str] = field(default_factory=set)
