"""One script per contestant of the extraction measurement: each reads every payment of an address and prints what it took."""
