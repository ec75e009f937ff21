"""Collections: open invoices of the ERP become GoCardless payments, once, and their results go back to the ERP."""
