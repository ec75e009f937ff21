"""HTTP for every remote system: time limits, typed errors, back-off, shared rate limits, credentials, redaction."""
