"""Exactly-once posting: planning (occurrences to postings) and the protocol, the only way to write to a remote system."""
