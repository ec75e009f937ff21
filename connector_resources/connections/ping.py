"""Checks a connection end to end without writing anything: credentials, GoCardless, webhook secrets, ERP."""

from __future__ import annotations

from connector_resources.connections.model import Connection
from connector_resources.credentials import expected_credentials, needed_for_webhooks_only
from connector_resources.erp.contract import PingLine
from connector_resources.errors import ConnectorError
from connector_resources.runtime import Runtime


def ping_connection(runtime: Runtime, connection: Connection) -> list[PingLine]:
    """Every line checked; nothing is raised, a failed line says what to do."""
    lines = [*_credentials(runtime, connection), *_gocardless(runtime, connection)]
    try:
        with runtime.erp(connection) as connector:
            lines.extend(connector.ping().lines)
    except ConnectorError as error:
        lines.append(PingLine(f"{connection.erp.kind} answers", False, str(error), error.next_step))
    return lines


def _credentials(runtime: Runtime, connection: Connection) -> list[PingLine]:
    stored = {info.name for info in runtime.store.vault.names(connection.name)}
    optional = needed_for_webhooks_only(connection)
    return [
        PingLine(
            f"credential {name}",
            name in stored or name in optional,
            purpose if name in stored else f"not stored; {purpose}",
            "" if name in stored else f"connector credentials set {connection.name} {name}",
        )
        for name, purpose in expected_credentials(connection).items()
    ]


def _gocardless(runtime: Runtime, connection: Connection) -> list[PingLine]:
    try:
        with runtime.gocardless(connection) as client:
            creditors = [body for page in client.list_pages("creditors") for body in page]
    except ConnectorError as error:
        return [PingLine("GoCardless answers", False, str(error), error.next_step)]
    names = ", ".join(f"{body['id']} {body['name']}" for body in creditors)
    lines = [PingLine("GoCardless answers", True, f"creditors: {names}")]
    wanted = connection.gocardless.creditor
    if wanted is not None:
        found = any(body["id"] == wanted for body in creditors)
        lines.append(PingLine(f"creditor {wanted}", found, "", "correct gocardless.creditor in the connection file"))
    for body in creditors:
        status = body.get("verification_status")
        lines.append(
            PingLine(
                f"creditor {body['id']} is verified",
                status == "successful",
                str(status),
                "finish the verification in the GoCardless dashboard; until then nothing is paid out",
            )
        )
    return lines
