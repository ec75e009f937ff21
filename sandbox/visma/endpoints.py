"""The table of endpoints: method, path, handler. Paths are spelled as in the fact sheet and matched without regard
to case.
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.visma import (
    attachments,
    background,
    cash_transactions,
    credit_notes,
    customer_payment_methods,
    customers,
    gl_transactions,
    invoices,
    journals,
    legacy_subscriptions,
    master_data,
    numbering,
    payments,
    periods,
    rates,
)
from sandbox.visma.calls import Handler
from sandbox.visma.routing import Routes


@dataclass(frozen=True, slots=True)
class Route:
    """`action` marks release, void and reverse, which need a scope of their own; `unqueued` ones never go to the
    background.
    """

    handler: Handler
    action: bool = False
    unqueued: bool = False


_GET: dict[str, Handler] = {
    "/v1/organization": master_data.organization,
    "/v1/branch": master_data.branches,
    "/v1/firstTimeStartup/status": master_data.startup_status,
    "/v1/dimension": master_data.dimensions,
    "/v1/dimension/{id}": master_data.dimension,
    "/v1/account": master_data.accounts,
    "/v1/account/{number}": master_data.account,
    "/v1/subaccount": master_data.subaccounts,
    "/v1/ledger": master_data.ledgers,
    "/v1/financialPeriod": periods.list_periods,
    "/v1/financialPeriod/{id}": periods.get_period,
    "/v1/currency": rates.list_currencies,
    "/v1/cashaccount": master_data.cash_accounts,
    "/v1/cashaccount/{number}": master_data.cash_account,
    "/v1/paymentmethod": master_data.payment_methods,
    "/v1/vat": master_data.vat,
    "/v1/vatCategory": master_data.vat_categories,
    "/v1/vatZone": master_data.vat_zones,
    "/v1/numberSequence": numbering.list_series,
    "/v1/attribute": master_data.attributes,
    "/v1/customer/customerClass": customers.get_classes,
    "/v1/customer": customers.list_customers,
    "/v1/customer/internal/{id}": customers.get_by_internal_id,
    "/v1/customer/{number}": customers.get_customer,
    "/v1/customer/{number}/contact": customers.get_contacts,
    "/v1/customer/{number}/directdebit": customers.get_direct_debit,
    "/v1/customer/{number}/balance": customers.get_balance,
    "/v1/customer/{number}/invoice": invoices.list_invoices,
    "/v1/customer/{number}/document": invoices.list_documents,
    "/v1/customerinvoice": invoices.list_invoices,
    "/v1/customerinvoice/{number}": invoices.get_invoice,
    "/v1/customerdocument": invoices.list_documents,
    "/v1/customerPayment": payments.list_payments,
    "/v1/customerPayment/{number}": payments.get_payment,
    "/v2/journaltransaction": journals.list_batches,
    "/v2/journaltransaction/{number}": journals.get_batch,
    "/v1/GeneralLedgerTransactions": gl_transactions.list_lines,
    "/v1/cashTransaction": cash_transactions.list_transactions,
    "/v1/cashTransaction/{number}": cash_transactions.get_transaction,
    "/v1/customerCreditNote": credit_notes.list_credit_notes,
    "/v1/customerCreditNote/{number}": credit_notes.get_credit_note,
    "/v1/customerpaymentmethod": customer_payment_methods.list_all,
    "/v1/attachment/{id}": attachments.download,
}
_JOBS: dict[str, Handler] = {
    "/v1/background/{id}": background.get_job,
    "/v1/background/{id}/content": background.get_content,
}
_POST: dict[str, Handler] = {
    "/v1/attribute": master_data.create_attribute,
    "/v1/customer": customers.create_customer,
    "/v1/customerPayment": payments.create_payment,
    "/v2/journaltransaction": journals.create_batch,
    "/v1/cashTransaction": cash_transactions.create_transaction,
    "/v2/customerCreditNote": credit_notes.create_credit_note,
    "/v1/customerpaymentmethod": customer_payment_methods.create,
    "/v1/subscription": legacy_subscriptions.create,
    "/v1/customerinvoice/{number}/attachment": attachments.to_document("Invoice"),
    "/v1/customerCreditNote/{number}/attachment": attachments.to_document("CreditNote"),
    "/v1/cashTransaction/{number}/attachment": attachments.to_cash_transaction,
    "/v2/journaltransaction/module/{module}/{number}/attachment": attachments.to_journal,
}
_PUT: dict[str, Handler] = {
    "/v1/customer/{number}": customers.change_customer,
    "/v1/customerPayment/{number}": payments.change_payment,
    "/v2/journaltransaction/{number}": journals.change_batch,
    "/v1/cashTransaction/{number}": cash_transactions.change_transaction,
    "/v1/customerCreditNote/{number}": credit_notes.change_credit_note,
    "/v1/customerpaymentmethod/{customer}/{method}": customer_payment_methods.change,
}
_ACTIONS: dict[str, Handler] = {
    "/v1/customerPayment/{number}/action/release": payments.release_payment,
    "/v1/customerPayment/{number}/action/void": payments.void_payment,
    "/v2/journaltransaction/{number}/action/release": journals.release_batch,
    "/v1/cashTransaction/{number}/action/release": cash_transactions.release_transaction,
    "/v1/cashTransaction/{number}/action/reverse": cash_transactions.reverse_transaction,
    "/v1/customerCreditNote/{number}/action/release": credit_notes.release_credit_note,
}


def _table() -> Routes[Route]:
    routes: Routes[Route] = Routes()
    for method, table in (("GET", _GET), ("POST", _POST), ("PUT", _PUT)):
        for path, handler in table.items():
            routes.add(method, path, Route(handler))
    for path, handler in _JOBS.items():
        routes.add("GET", path, Route(handler, unqueued=True))
    for path, handler in _ACTIONS.items():
        routes.add("POST", path, Route(handler, action=True))
    routes.add("DELETE", "/v1/customerCreditNote/{number}", Route(credit_notes.delete_credit_note))
    return routes


ROUTES = _table()
