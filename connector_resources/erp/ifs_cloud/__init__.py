"""IFS Cloud: receipts settled in accounts receivable, vouchers of payouts, open invoices of several companies."""
