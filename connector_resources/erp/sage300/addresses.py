"""What the resources of the Web API are called that are written to, and their content type (sage300.md section 2.1)."""

from __future__ import annotations

JSON = "application/json"

RECEIPT_BATCHES = "AR/ARReceiptAndAdjustmentBatches"
INVOICE_BATCHES = "AR/ARInvoiceBatches"
REFUND_BATCHES = "AR/ARRefundBatches"
JOURNAL_BATCHES = "GL/GLJournalBatches"
CUSTOMERS = "AR/ARCustomers"
