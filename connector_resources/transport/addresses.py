"""Where requests of one transport may go: joins paths to the base address and refuses every foreign host.

Remote systems name further addresses in headers and bodies (Visma's `Location`, paging links). A credential must never
follow such an address to a host that the connection does not trust.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import SplitResult, urlsplit

from connector_resources.errors import ConfigurationError, NotSent

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
DEFAULT_PORTS = {"https": 443, "http": 80}


class Addresses:
    """The base address of a system plus the hosts (`name` or `name:port`) that may also be called.

    Raises `ConfigurationError` when the base address is not https; plain http is allowed on this machine only.
    """

    def __init__(
        self, base_url: str, allowed_hosts: Collection[str] = (), *, system: str, connection: str = ""
    ) -> None:
        self._system = system
        self._connection = connection
        self._base = base_url.rstrip("/")
        parts = _split(self._base)
        if parts is None or not _is_protected(parts) or parts.query or parts.fragment:
            raise ConfigurationError(
                f"The address of {system} must be https (http only on this machine) without user name or query.",
                connection=connection,
                next_step="correct the base address in the connection file.",
            )
        self._origins = {_host_and_port(parts), *(_origin_of(host) for host in allowed_hosts)}

    def resolve(self, url: str) -> str:
        """The absolute address of `url`. Raises `NotSent` when it leads to an untrusted host or is not https."""
        if url.startswith("/"):
            url = self._base + url
        parts = _split(url)
        if parts is None or not _is_protected(parts) or _host_and_port(parts) not in self._origins:
            host = parts.hostname if parts is not None else "an unreadable address"
            raise NotSent(
                f"A request to {host} was stopped: it is not one of the hosts trusted for {self._system}.",
                system=self._system,
                code="host_not_allowed",
                connection=self._connection,
                next_step="check the addresses in the connection file.",
            )
        return url


def _split(url: str) -> SplitResult | None:
    """None for everything two parsers might read differently: user names, backslashes, blanks, control characters."""
    if "\\" in url or any(character <= " " or character == "\x7f" for character in url):
        return None
    try:
        parts = urlsplit(url)
        readable = parts.scheme in DEFAULT_PORTS and parts.hostname and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        return None
    return parts if readable else None


def _is_protected(parts: SplitResult) -> bool:
    return parts.scheme == "https" or parts.hostname in LOOPBACK


def _host_and_port(parts: SplitResult) -> tuple[str, int]:
    return (parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme])


def _origin_of(host: str) -> tuple[str, int]:
    parts = urlsplit(f"//{host}")
    return (parts.hostname or host, parts.port or DEFAULT_PORTS["https"])
