"""Airbyte's CDK with a declarative source."""

from __future__ import annotations

import logging
from typing import Any

from airbyte_cdk.models import ConfiguredAirbyteCatalogSerializer, Type
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource
from reporting import report


def read(address: str) -> int:
    source = ConcurrentDeclarativeSource(catalog=None, config={}, state=None, source_config=_manifest(address))
    catalog = ConfiguredAirbyteCatalogSerializer.load(
        {
            "streams": [
                {
                    "stream": {"name": "payments", "json_schema": {}, "supported_sync_modes": ["full_refresh"]},
                    "sync_mode": "full_refresh",
                    "destination_sync_mode": "append",
                }
            ]
        }
    )
    return sum(
        1 for message in source.read(logging.getLogger("airbyte"), {}, catalog, None) if message.type == Type.RECORD
    )


def _manifest(address: str) -> dict[str, Any]:
    return {
        "version": "6.0.0",
        "type": "DeclarativeSource",
        "check": {"type": "CheckStream", "stream_names": ["payments"]},
        "streams": [
            {
                "type": "DeclarativeStream",
                "name": "payments",
                "primary_key": ["id"],
                "schema_loader": {"type": "InlineSchemaLoader", "schema": {"type": "object", "properties": {}}},
                "retriever": {
                    "type": "SimpleRetriever",
                    "requester": {
                        "type": "HttpRequester",
                        "url_base": address,
                        "path": "/payments",
                        "http_method": "GET",
                        "request_parameters": {"limit": "500"},
                    },
                    "record_selector": {
                        "type": "RecordSelector",
                        "extractor": {"type": "DpathExtractor", "field_path": ["payments"]},
                    },
                    "paginator": {
                        "type": "DefaultPaginator",
                        "page_token_option": {
                            "type": "RequestOption",
                            "inject_into": "request_parameter",
                            "field_name": "after",
                        },
                        "pagination_strategy": {
                            "type": "CursorPagination",
                            "cursor_value": "{{ response.meta.cursors.after }}",
                            "stop_condition": "{{ response.meta.cursors.after is none }}",
                        },
                    },
                },
            }
        ],
        "spec": {"type": "Spec", "connection_specification": {"type": "object", "properties": {}}},
    }


report(read)
