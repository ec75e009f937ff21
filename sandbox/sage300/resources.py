"""Which resources there are, what may be done to each (section 2.1), and by which rules they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.sage300 import (
    bank_entries,
    customers,
    invoice_entries,
    journal_entries,
    optional_fields,
    receipt_entries,
    recurring,
    refund_entries,
)
from sandbox.sage300 import batch_types as ar
from sandbox.sage300 import ledger_types as gl
from sandbox.sage300 import master_types as master
from sandbox.sage300 import posted_types as posted
from sandbox.sage300.schema import EntityType, Row
from sandbox.sage300.writing import Rules, Work

if TYPE_CHECKING:
    from sandbox.sage300.company import Company

_ALL = frozenset({"GET", "POST", "PUT", "DELETE", "PATCH"})
_BATCH = frozenset({"GET", "POST", "PATCH"})
_READ = frozenset({"GET"})


@dataclass(frozen=True, slots=True)
class Resource:
    """`header_check` refuses a header that cannot be inserted before its details."""

    name: str
    kind: EntityType
    verbs: frozenset[str]
    header_check: Callable[[Row], None] | None = None

    @property
    def module(self) -> str:
        return self.name[:2]


def _known(*each: Resource) -> dict[str, Resource]:
    return {resource.name: resource for resource in each}


RESOURCES: Mapping[str, Resource] = _known(
    Resource("ARCustomers", master.CUSTOMER, _ALL),
    Resource("ARCustomerGroups", master.CUSTOMER_GROUP, _ALL),
    Resource("ARAccountSets", master.ACCOUNT_SET, _ALL),
    Resource("ARTerms", master.TERMS, _ALL),
    Resource("ARPaymentCodes", master.PAYMENT_CODE, _ALL),
    Resource("ARDistributionCodes", master.DISTRIBUTION_CODE, _ALL),
    Resource("ARBillingCycles", master.BILLING_CYCLE, _ALL),
    Resource("ARRecurringCharges", posted.RECURRING_CHARGE, _ALL),
    Resource("ARInvoiceBatches", ar.INVOICE_BATCH, _BATCH),
    Resource("ARReceiptAndAdjustmentBatches", ar.RECEIPT_BATCH, _BATCH, receipt_entries.before_entries),
    Resource("ARRefundBatches", ar.REFUND_BATCH, _BATCH),
    Resource("ARPostedDocuments", posted.POSTED_DOCUMENT, _READ),
    Resource("ARPostedReceipts", posted.POSTED_RECEIPT, _READ),
    Resource("ARPayments", posted.PAYMENT, _READ),
    Resource("GLAccounts", master.GL_ACCOUNT, _ALL),
    Resource("GLSourceCodes", master.SOURCE_CODE, _ALL),
    Resource("GLJournalBatches", gl.JOURNAL_BATCH, _BATCH),
    Resource("GLPostedTransactions", gl.POSTED_TRANSACTION, _READ),
    Resource("GLAccountFiscalSets", master.FISCAL_SET, _READ),
    Resource("BKBanks", master.BANK, _ALL),
    Resource("BKBankDistributionCodes", master.BANK_DISTRIBUTION_CODE, _ALL),
    Resource("BKBankEntries", gl.BANK_ENTRY, frozenset({"GET", "POST"})),
    Resource("CSCompanyProfile", master.COMPANY_PROFILE, frozenset({"GET", "PUT", "DELETE", "PATCH"})),
    Resource("CSFiscalCalendars", master.FISCAL_CALENDAR, _READ),
    Resource("CSCurrencyCodes", master.CURRENCY, _ALL),
    Resource("CSCurrencyRates", master.CURRENCY_RATE, _ALL),
    Resource("CSCurrencyRateTypes", master.CURRENCY_RATE_TYPE, _ALL),
    Resource("CSSchedules", master.SCHEDULE, _ALL),
    Resource("CSOptionalFields", master.OPTIONAL_FIELD, _READ),
    Resource("TXTaxGroups", master.TAX_GROUP, _READ),
    Resource("TXTaxAuthorities", master.TAX_AUTHORITY, _READ),
    Resource("TXTaxRates", master.TAX_RATE, _READ),
)


def _account_finish(work: Work, row: Row) -> None:
    """An account of one segment is printed as its key."""
    row["AccountNumber"] = row["AccountNumber"] or row["UnformattedAccount"]
    row["DateLastMaintained"] = work.company.today()


RULES: Mapping[str, Rules] = {
    "Account": Rules(finish=_account_finish),
    "Customer": customers.CUSTOMER_RULES,
    "CustomerGroup": customers.GROUP_RULES,
    "CustomerOptionalFieldValue": optional_fields.rules("ARCustomers", "CustomerOptionalFieldValueType"),
    "InvoiceOptionalField": optional_fields.rules("ARInvoices", "InvoiceOptionalFieldType"),
    "ReceiptAdjustmentOptionalFiel": optional_fields.rules("ARReceipts", "ReceiptAdjustmentOptionalFielType"),
    "RefundOptionalField": optional_fields.rules("ARRefunds", "RefundOptionalFieldType"),
    "JournalDetailOptionalField": optional_fields.rules("GLDetails", "JournalDetailOptionalFieldType"),
    **invoice_entries.RULES,
    **receipt_entries.RULES,
    **refund_entries.RULES,
    **journal_entries.RULES,
    **bank_entries.RULES,
    **recurring.RULES,
}

TOTALS: dict[str, Callable[[Company, Row], None]] = {
    "ARInvoiceBatches": invoice_entries.batch_totals,
    "ARReceiptAndAdjustmentBatches": receipt_entries.batch_totals,
    "ARRefundBatches": refund_entries.batch_totals,
    "GLJournalBatches": journal_entries.batch_totals,
}


def of_module(module: str) -> Iterable[Resource]:
    return (each for each in RESOURCES.values() if each.module == module)
