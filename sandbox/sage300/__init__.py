"""A stand-in for the Web API of Sage 300: its addresses, its batches, and general-ledger books of its own."""
