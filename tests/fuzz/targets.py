"""What is fuzzed: each target takes inputs of any bytes and fails with `AssertionError`, or what it let through, on a weakness.

A target takes many inputs at once, because a look into the store costs as much as an input. Who wants to know which of them
it was gives it one.
"""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from bookkeeping.occurrences import subject_of
from connector_resources.erp.exact_online import webhook as exact_online
from connector_resources.erp.exact_online.settings import ExactOnlineSettings
from connector_resources.erp.ifs_cloud import webhook as ifs_cloud
from connector_resources.erp.ifs_cloud.settings import IfsCloudSettings
from connector_resources.erp.visma import webhook as visma
from connector_resources.erp.visma.settings import VismaSettings
from connector_resources.errors import WebhookRefused
from connector_resources.gocardless.webhook import parse_webhook, verify_signature
from connector_resources.store.json_text import dump_json, load_json
from connector_resources.transport.answers import read_json, read_xml
from sandbox.visma.company import Company
from tests.erp_sections import exact_online_section, ifs_cloud_section, visma_section
from tests.fuzz.receiver_in_process import NAME, SECRET, InProcess, signature
from tests.fuzz.receiver_on_sockets import OnSockets

Target = Callable[[Sequence[bytes]], None]

STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3}) ")
HEALTHY = re.compile(rb'\{"ok":true,"highest_inbox_row":[0-9]+\}')
#: of the caller's bytes, none may come back but in the answer to itself: the words of a refusal are fixed.
FIXED = (b"Invalid HTTP request received.", b"Method Not Allowed", b"Not Found", b"Exceeded concurrency limit.")
#: places at both ends of the calendar of a day.
ZONES = (ZoneInfo("Pacific/Kiritimati"), ZoneInfo("Etc/GMT+12"))
#: for an input of at most some kilobytes; a hundred times what a loaded machine needs.
SLOW_S = 5.0

_EXACT = ExactOnlineSettings.model_validate(exact_online_section("https://start.exactonline.nl"))
_VISMA = VismaSettings.model_validate(visma_section(Company(), "https://visma.example"))
_IFS = IfsCloudSettings.model_validate(ifs_cloud_section("https://acme.ifs.cloud", "CR1"))
_BODY = b'{"events":[]}'


def raw_http(receiver: InProcess) -> Target:
    """Any bytes on a connection: no crash, and nothing accepted or stored whose signature the bytes do not hold."""

    def check(inputs: Sequence[bytes]) -> None:
        _judge(receiver, inputs, receiver.feed(*inputs))

    return check


def sockets(server: OnSockets) -> Target:
    """The same over real sockets. Callers who come together are judged together: one's row may be stored before another's."""

    def check(inputs: Sequence[bytes]) -> None:
        _judge(server.receiver, [b"\n".join(inputs)], [b"\n".join(server.feed(*inputs))])

    return check


def signed_body(receiver: InProcess) -> Target:
    """Any body with a right signature: it is stored as it came or refused, and never answered with an error of ours."""
    head = b"POST /webhooks/gocardless/%s HTTP/1.1\r\nHost: r\r\nWebhook-Signature: %s\r\nContent-Length: %d\r\n\r\n"

    def check(inputs: Sequence[bytes]) -> None:
        signatures = [signature(data) for data in inputs]
        requests = [
            head % (NAME.encode(), signed, len(data)) + data for signed, data in zip(signatures, inputs, strict=True)
        ]
        answers = receiver.feed(*requests)
        for answer in answers:
            assert STATUS.findall(answer) in ([b"204"], [b"400"], [b"413"]), answer[:200]
        _judge(receiver, signatures, answers)

    return check


def _judge(receiver: InProcess, inputs: Sequence[bytes], answers: Sequence[bytes]) -> None:
    """Inputs came one after the other, so that their rows stand in their order."""
    assert not receiver.crashes.texts, receiver.crashes.texts
    rows = receiver.new_rows()
    left = receiver.runtime.store.deliveries.unreadable(NAME)
    assert not left, f"what was accepted cannot be taken apart: {left[0].described}"
    for data, answer in zip(inputs, answers, strict=True):
        statuses = STATUS.findall(answer)
        assert all(status < b"500" for status in statuses), answer[:200]
        accepted = sum(status.startswith(b"2") for status in statuses) - len(HEALTHY.findall(answer))
        mine, rows = rows[:accepted], rows[accepted:]
        assert len(mine) == accepted, f"{answer[:200]!r} for {len(mine)} rows"
        assert all(signature(body) in data for body in mine), "a row was stored that nobody signed"
    assert not rows, f"{len(rows)} rows were stored and their callers refused"
    assert receiver.rows_elsewhere() == receiver.elsewhere, "a table grew that no webhook is stored in"


def signature_header(data: bytes) -> None:
    """Any header: it fits only when it is the one right text."""
    header = data.decode("latin-1")
    assert verify_signature(_BODY, header, [SECRET, "", "another"]) is (data == signature(_BODY))
    assert not verify_signature(data, None, [SECRET])
    assert not verify_signature(data, header, [""])
    assert not verify_signature(data, hmac.new(b"", data, "sha256").hexdigest(), ["", SECRET])


def webhook_body(data: bytes) -> None:
    """Any body: no webhook, or events of which each can be dated, stored and read again."""
    try:
        webhook = parse_webhook(data)
    except WebhookRefused:
        return
    for event in webhook.events:
        moment = datetime.fromisoformat(event["created_at"])
        assert all(date(1999, 1, 1) < moment.astimezone(zone).date() < date(2201, 1, 1) for zone in ZONES)
        links = {name: link for name, link in (event.get("links") or {}).items() if link is not None}
        assert isinstance(subject_of(event["resource_type"], event["action"], links), str)
        load_json(dump_json(event))


def erp_notification(data: bytes) -> None:
    """Any body and header that nobody signed: believed by no ledger, in time that its length explains."""
    started = time.monotonic()
    given = data[:200].decode("latin-1")
    assert not visma.verify(_VISMA, data, {visma.SIGNATURE: given}, [SECRET])
    assert not ifs_cloud.verify(_IFS, data, {ifs_cloud.SECRET_HEADER: given}, [SECRET])
    assert exact_online.verify(_EXACT, data, {}, [SECRET]) is (not data)
    assert (exact_online.identity(data, {}) == "") is (not data)
    assert time.monotonic() - started < SLOW_S


def remote_json(data: bytes) -> None:
    """Any answer: a value that can be written again, or `ValueError`."""
    try:
        value = read_json(data)
    except ValueError:
        return
    load_json(dump_json(value))


def remote_xml(data: bytes) -> None:
    """Any answer: a tree without entities, or `ValueError`."""
    try:
        root = read_xml(data)
    except ValueError:
        return
    assert root.getroottree().docinfo.internalDTD is None
    assert len("".join(root.itertext())) <= len(data)


PURE: Mapping[str, Callable[[bytes], None]] = {
    "signature header": signature_header,
    "webhook body": webhook_body,
    "erp notification": erp_notification,
    "remote json": remote_json,
    "remote xml": remote_xml,
}


def each(check: Callable[[bytes], None]) -> Target:
    """A target that tries one input after the other."""

    def check_all(inputs: Sequence[bytes]) -> None:
        for data in inputs:
            check(data)

    return check_all


def all_targets(receiver: InProcess, server: OnSockets) -> dict[str, Target]:
    """Every target by name; those that go through the whole receiver first."""
    return {
        "raw http": raw_http(receiver),
        "raw http, sockets": sockets(server),
        "signed body": signed_body(receiver),
        **{name: each(check) for name, check in PURE.items()},
    }
