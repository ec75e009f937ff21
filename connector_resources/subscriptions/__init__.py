"""Subscriptions: the ERP's recurring charges become GoCardless subscriptions, one at a time each, and follow them."""
