"""Proofs over the store: pure checks of bookkeeping, fed with what was read and posted."""
