"""Dagster: the assets, checks and jobs of a connection, made by one factory from its connection file."""
