"""Does a connection reach nothing but stand-ins on this machine? Asked before anything is allowed that only a sandbox may do.

It looks at what the connection file says, without knowing any ERP: every address must be given, and lead to this machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from connector_resources.connections.model import Connection
from connector_resources.transport.addresses import LOOPBACK

#: how fields with addresses of remote systems are named; redirect addresses (`_uri`) lead a browser back to us.
ADDRESS_SUFFIX = "_url"
#: a section in which every field is an address.
ADDRESS_SECTION = "addresses"


def addresses_elsewhere(connection: Connection) -> list[str]:
    """What of the connection is not surely a stand-in on this machine, as words for a message; empty when all is."""
    found = [] if connection.gocardless.environment == "sandbox" else ["gocardless.environment"]
    for section in ("gocardless", "erp"):
        addresses = dict(_addresses(getattr(connection, section).model_dump(mode="json"), section))
        found += [name for name, address in addresses.items() if not _is_here(address)]
        if not addresses:
            found.append(f"{section} without an address")
    return found


def _addresses(values: Mapping[str, Any], path: str, *, all_of_them: bool = False) -> Iterator[tuple[str, str | None]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _addresses(value, f"{path}.{name}", all_of_them=name == ADDRESS_SECTION)
        elif all_of_them or name.endswith(ADDRESS_SUFFIX):
            yield f"{path}.{name}", value


def _is_here(address: str | None) -> bool:
    # An address that is left out has a default, which is a real system's.
    return address is not None and urlsplit(address).hostname in LOOPBACK
