"""The table of endpoints: path, entity type, where rows come from, and what may be written. Paths are those of the fact
sheet and are matched without regard to case.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sandbox.exact_online import (
    administration,
    bank_entries,
    customers,
    document_types,
    evidence,
    general_journals,
    master_types,
    periods,
    receivables,
    sales_entries,
    sales_invoices,
    sync,
    webhooks,
)
from sandbox.exact_online.calls import Call, Endpoint, Writes
from sandbox.exact_online.schema import Row

if TYPE_CHECKING:
    from sandbox.exact_online.division import Division

_VERSION = frozenset({"Timestamp"})
_ACCOUNT_FILTERS = frozenset({
    "Code", "Created", "Email", "ID", "Modified", "Name", "SearchCode", "Status", "VATNumber", "ChamberOfCommerce",
})  # fmt: skip
_INVOICE_FILTERS = frozenset({
    "InvoiceID", "InvoiceNumber", "InvoiceTo", "Modified", "OrderedBy", "Status", "YourRef", "InvoiceDate", "Journal",
})  # fmt: skip
_LINE_FILTERS = frozenset({
    "ID", "Account", "AccountCode", "Date", "Description", "Document", "EntryID", "EntryNumber", "FinancialPeriod",
    "FinancialYear", "GLAccount", "GLAccountCode", "InvoiceNumber", "JournalCode", "Modified", "OffsetID", "OrderNumber",
    "Status", "Type", "VATCode", "YourRef",
})  # fmt: skip
_LEDGER_FILTERS = frozenset({"Code", "ID", "Type", "Modified", "Description", "BalanceType", "IsBlocked"})
_BULK_RECEIVABLE_FILTERS = frozenset({
    "Account", "Document", "EndDate", "EndToEndID", "EntryDate", "EntryID", "GLAccount", "ID", "InvoiceDate",
    "InvoiceNumber", "Source", "Status", "TransactionID", "TransactionType",
})  # fmt: skip


def _is_receivable(division: Division, call: Call, row: Row) -> bool:
    return bool(row["LineType"] == receivables.RECEIPT)


def _own_subscription(division: Division, call: Call, row: Row) -> bool:
    return bool(row["ClientID"] == call.client_id.strip("{}"))


def _still_told(division: Division, call: Call, row: Row) -> bool:
    return sync.still_told(division, row)


def _twins(of: Endpoint, bulk: str, sync_path: str) -> Iterable[Endpoint]:
    """The bulk and sync endpoints of a table."""
    yield Endpoint(bulk, of.kind, of.table, style="bulk", must_filter=of.must_filter)
    yield Endpoint(sync_path, of.kind, of.table, style="sync", filterable=_VERSION)


_ACCOUNTS = Endpoint(
    "crm/Accounts",
    master_types.ACCOUNT,
    "Accounts",
    needs_select=True,
    must_filter=_ACCOUNT_FILTERS,
    writes=Writes(customers.create_account, customers.change_account, customers.delete_account),
)
_LEDGER = Endpoint(
    "financial/GLAccounts", master_types.GL_ACCOUNT, "GLAccounts", needs_select=True, must_filter=_LEDGER_FILTERS
)
_INVOICES = Endpoint(
    "salesinvoice/SalesInvoices",
    document_types.INVOICE,
    "SalesInvoices",
    needs_select=True,
    must_filter=_INVOICE_FILTERS,
    writes=Writes(sales_invoices.create, sales_invoices.change, sales_invoices.delete),
)
_LINES = Endpoint(
    "financialtransaction/TransactionLines",
    document_types.TRANSACTION_LINE,
    "TransactionLines",
    needs_select=True,
    must_filter=_LINE_FILTERS,
)
_MASTER = (
    Endpoint("system/Divisions", master_types.DIVISION, source=administration.visible, needs_select=True),
    Endpoint("system/AllDivisions", master_types.DIVISION, source=administration.all_of_licence, needs_select=True),
    Endpoint("hrm/Divisions", master_types.DIVISION, source=administration.visible, needs_select=True),
    Endpoint(
        "crm/BankAccounts",
        master_types.BANK_ACCOUNT,
        "BankAccounts",
        needs_select=True,
        writes=Writes(customers.create_bank_account, customers.change_bank_account, customers.delete_bank_account),
    ),
    Endpoint(
        "cashflow/DirectDebitMandates",
        master_types.MANDATE,
        "DirectDebitMandates",
        needs_select=True,
        writes=Writes(customers.create_mandate, customers.change_mandate, customers.delete_mandate),
    ),
    Endpoint("financial/Journals", master_types.JOURNAL, "Journals", needs_select=True),
    Endpoint("financial/FinancialPeriods", master_types.PERIOD, "FinancialPeriods", needs_select=True),
    Endpoint("read/financial/JournalStatusList", master_types.JOURNAL_STATUS, source=periods.statuses),
    Endpoint("vat/VATCodes", master_types.VAT_CODE, "VATCodes", needs_select=True),
    Endpoint("financial/ExchangeRates", master_types.EXCHANGE_RATE, "ExchangeRates", needs_select=True),
    Endpoint("cashflow/PaymentConditions", master_types.PAYMENT_CONDITION, "PaymentConditions", needs_select=True),
    Endpoint("logistics/Items", master_types.ITEM, "Items", needs_select=True),
    Endpoint(
        "documents/Documents",
        master_types.DOCUMENT,
        "Documents",
        needs_select=True,
        writes=Writes(evidence.create_document, evidence.change_document, evidence.delete_document),
    ),
    Endpoint(
        "documents/DocumentAttachments",
        master_types.ATTACHMENT,
        "DocumentAttachments",
        needs_select=True,
        writes=Writes(evidence.create_attachment, None, evidence.delete_attachment),
    ),
    Endpoint(
        "webhooks/WebhookSubscriptions",
        master_types.SUBSCRIPTION,
        "WebhookSubscriptions",
        keep=_own_subscription,
        writes=Writes(webhooks.create, webhooks.refuse_change, webhooks.delete, unlocked=True),
    ),
    Endpoint(
        "sync/Deleted",
        master_types.DELETED,
        "Deleted",
        style="sync",
        keep=_still_told,
        filterable=_VERSION | {"EntityType"},
    ),
)
_ENTRIES = (
    Endpoint(
        "financialtransaction/BankEntries",
        document_types.BANK_ENTRY,
        "BankEntries",
        needs_select=True,
        writes=Writes(bank_entries.create, None, bank_entries.delete),
    ),
    Endpoint("financialtransaction/BankEntryLines", document_types.BANK_LINE, "BankEntryLines", needs_select=True),
    Endpoint(
        "generaljournalentry/GeneralJournalEntries",
        document_types.JOURNAL_ENTRY,
        "GeneralJournalEntries",
        needs_select=True,
        writes=Writes(general_journals.create, None, general_journals.delete),
    ),
    Endpoint(
        "generaljournalentry/GeneralJournalEntryLines",
        document_types.JOURNAL_LINE,
        "GeneralJournalEntryLines",
        needs_select=True,
    ),
    Endpoint(
        "salesentry/SalesEntries",
        document_types.SALES_ENTRY,
        "SalesEntries",
        needs_select=True,
        writes=Writes(sales_entries.create, sales_entries.change, sales_entries.delete),
    ),
    Endpoint("salesentry/SalesEntryLines", document_types.SALES_LINE, "SalesEntryLines", needs_select=True),
    Endpoint("salesinvoice/SalesInvoiceLines", document_types.INVOICE_LINE, "SalesInvoiceLines", needs_select=True),
    Endpoint(
        "salesinvoice/PrintedSalesInvoices",
        document_types.PRINTED_INVOICE,
        source=lambda division: (),
        writes=Writes(sales_invoices.print_invoice),
    ),
    Endpoint(
        "cashflow/Receivables",
        document_types.RECEIVABLE,
        "Terms",
        shape=receivables.receivable,
        needs_select=True,
        keep=_is_receivable,
        writes=Writes(None, customers.change_receivable),
    ),
    Endpoint(
        "bulk/Cashflow/Receivables",
        document_types.RECEIVABLE,
        "Terms",
        shape=receivables.receivable,
        style="bulk",
        keep=_is_receivable,
        filterable=_BULK_RECEIVABLE_FILTERS,
    ),
    Endpoint(
        "sync/Cashflow/PaymentTerms",
        document_types.PAYMENT_TERM,
        "Terms",
        shape=receivables.receivable,
        style="sync",
        filterable=_VERSION,
    ),
    Endpoint("read/financial/ReceivablesList", document_types.RECEIVABLES_LIST, source=receivables.outstanding),
)
_ALL = (
    *(_ACCOUNTS, _LEDGER, _INVOICES, _LINES, *_MASTER, *_ENTRIES),
    *_twins(_ACCOUNTS, "bulk/CRM/Accounts", "sync/CRM/Accounts"),
    *_twins(_LEDGER, "bulk/Financial/GLAccounts", "sync/Financial/GLAccounts"),
    *_twins(_INVOICES, "bulk/SalesInvoice/SalesInvoices", "sync/SalesInvoice/SalesInvoices"),
    *_twins(_LINES, "bulk/Financial/TransactionLines", "sync/Financial/TransactionLines"),
)
ENDPOINTS = {endpoint.path.lower(): endpoint for endpoint in _ALL}
#: where the lines of a header are kept, and the column that names the header.
LINE_TABLES = {
    "BankEntryLines": "EntryID", "GeneralJournalEntryLines": "EntryID", "SalesEntryLines": "EntryID",
    "SalesInvoiceLines": "InvoiceID",
}  # fmt: skip
