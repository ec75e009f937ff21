"""Visma.net ERP: cash receipts, voids, credit notes with refunds, payout journals, customers and mandate attributes."""
