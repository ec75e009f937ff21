"""Connections kept as Dagster components: `dg scaffold defs connector_assets.component.ConnectionComponent NAME`."""
