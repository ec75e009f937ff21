"""The front door: the definitions Dagster loads, and the `connector` command."""
