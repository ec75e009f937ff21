"""Sage 300: receipt, invoice and refund batches of one company, its payout journals, open invoices, customers, mandates."""
