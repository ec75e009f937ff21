"""Exact Online: bank entries, credit notes and journals of a division, its open invoices, customers and mandates."""
