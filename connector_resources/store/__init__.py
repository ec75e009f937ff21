"""Everything that must survive a crash.

Inbox, entities, decisions, ledger, submissions, trail, vault, leases, quotas.
"""
