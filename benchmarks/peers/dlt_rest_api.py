"""dlt's `rest_api` source, iterated: extraction only, nothing is normalised or loaded."""

from __future__ import annotations

from dlt.sources.rest_api import rest_api_source
from reporting import report


def read(address: str) -> int:
    source = rest_api_source(
        {
            "client": {
                "base_url": f"{address}/",
                "paginator": {"type": "cursor", "cursor_path": "meta.cursors.after", "cursor_param": "after"},
            },
            "resources": [
                {
                    "name": "payments",
                    "endpoint": {"path": "payments", "params": {"limit": 500}, "data_selector": "payments"},
                }
            ],
        }
    )
    return sum(1 for _ in source.resources["payments"])


report(read)
