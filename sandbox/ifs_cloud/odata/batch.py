"""`$batch`: multipart requests taken in order, change sets as one transaction, references by Content-ID (section 5.1).

A change set that fails is answered by a single response and leaves nothing behind. JSON batches are not taken.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sandbox.ifs_cloud.odata.service import Answer, Call
from sandbox.ifs_cloud.refusals import BadRequest, Refusal, Undeserializable

_REQUEST_LINE = re.compile(r"(GET|POST|PUT|PATCH|DELETE) (\S+) HTTP/1\.1")
#: gives the answer to a call at a path behind the service root; raises `Refusal`.
Serve = Callable[[Call, str], Answer]
#: turns a refusal into an answer.
Tell = Callable[[Refusal], Answer]

_REASONS = {
    200: "OK",
    201: "Created",
    204: "No Content",
    400: "Bad Request",
    404: "Not Found",
    412: "Precondition Failed",
}


@dataclass(frozen=True, slots=True)
class _Part:
    content_id: str
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class _Failed(Exception):
    """A member of a change set was refused: the set is undone."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Batch:
    """One batch request. `transaction` undoes what is done within it when it is left by an exception."""

    def __init__(
        self, call: Call, serve: Serve, tell: Tell, transaction: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._call = call
        self._serve = serve
        self._tell = tell
        self._transaction = transaction
        self._known: dict[str, Answer] = {}

    def answer(self) -> Answer:
        """Raises `Refusal` when the batch as a whole cannot be read."""
        go_on = "odata.continue-on-error" in self._call.headers.get("prefer", "").lower()
        told: list[tuple[str, bytes]] = []
        for kind, body in _parts(self._call.headers.get("content-type", ""), self._call.body):
            if kind.startswith("multipart/mixed"):
                ok, content = self._change_set(kind, body)
            else:
                ok, content = self._alone(body)
            told.append(content)
            if not ok and not go_on:
                break
        boundary = f"batch_{secrets.token_hex(8)}"
        return Answer(200, _multipart(boundary, told), {"OData-Version": "4.0"}, f"multipart/mixed;boundary={boundary}")

    def _alone(self, body: bytes) -> tuple[bool, tuple[str, bytes]]:
        part = _request(body, "")
        try:
            with self._transaction():
                answer = self._served(part)
        except Refusal as refusal:
            answer = self._tell(refusal)
        return answer.status < 400, ("application/http", _http(answer, ""))

    def _change_set(self, kind: str, body: bytes) -> tuple[bool, tuple[str, bytes]]:
        boundary = f"changeset_{secrets.token_hex(8)}"
        told: list[tuple[str, bytes]] = []
        try:
            with self._transaction():
                for _, member, content_id in _members(kind, body):
                    part = _request(member, content_id)
                    if part.method == "GET":
                        raise _Failed(self._tell(BadRequest("A change set cannot contain GET requests.")))
                    try:
                        answer = self._served(part)
                    except Refusal as refusal:
                        raise _Failed(self._tell(refusal)) from refusal
                    self._known[content_id] = answer
                    told.append(("application/http", _http(answer, content_id)))
        except _Failed as failed:
            return False, ("application/http", _http(failed.answer, ""))
        return True, (f"multipart/mixed;boundary={boundary}", _multipart(boundary, told))

    def _served(self, part: _Part) -> Answer:
        root = urlsplit(self._call.root).path
        path, _, query = self._resolved(part.target).partition("?")
        rest = path.removeprefix(self._call.root).removeprefix(root).strip("/")
        headers = {**part.headers}
        reference = headers.get("if-match", "")
        if reference.startswith("$"):
            headers["if-match"] = self._reference(reference[1:]).headers["ETag"]
        call = replace(
            self._call,
            method=part.method,
            address=f"{self._call.root}/{rest}",
            query=dict(parse_qsl(query, keep_blank_values=True)),
            headers=headers,
            body=part.body,
        )
        return self._serve(call, f"/{rest}")

    def _resolved(self, target: str) -> str:
        """`$1/Array` names what the request with Content-ID 1 created."""
        found = re.match(r"\$(\w+)(.*)", target, re.DOTALL)
        if found is None or found[1] == "metadata":
            return target
        return self._reference(found[1]).headers["Location"] + found[2]

    def _reference(self, content_id: str) -> Answer:
        if content_id not in self._known:
            raise BadRequest(f"There is no request with the Content-ID {content_id}.")
        return self._known[content_id]


def _parts(content_type: str, body: bytes) -> list[tuple[str, bytes]]:
    return [(kind, content) for kind, content, _ in _members(content_type, body)]


def _members(content_type: str, body: bytes) -> list[tuple[str, bytes, str]]:
    """Content type, content and Content-ID of each part. Raises `Undeserializable` for anything but multipart/mixed."""
    if not content_type.lower().replace(" ", "").startswith("multipart/mixed;boundary="):
        raise Undeserializable
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message: Any = BytesParser(policy=HTTP.clone(linesep="\r\n")).parsebytes(head + body)
    if not message.is_multipart():
        raise Undeserializable
    return [
        (str(part["Content-Type"] or ""), _content(part), str(part["Content-ID"] or ""))
        for part in message.iter_parts()
    ]


def _content(part: Any) -> bytes:
    if part.is_multipart():
        whole: bytes = part.as_bytes()
        return whole.partition(b"\r\n\r\n")[2]
    content: bytes = part.get_payload(decode=True) or b""
    return content


def _request(content: bytes, content_id: str) -> _Part:
    line, _, rest = content.lstrip().partition(b"\r\n")
    found = _REQUEST_LINE.fullmatch(line.decode("ascii", errors="replace").strip())
    if found is None:
        raise Undeserializable
    head, _, body = rest.partition(b"\r\n\r\n") if not rest.startswith(b"\r\n") else (b"", b"", rest[2:])
    headers = dict(each.split(":", 1) for each in head.decode("latin-1").split("\r\n") if ":" in each)
    lowered = {name.strip().lower(): value.strip() for name, value in headers.items()}
    return _Part(content_id, found[1], found[2], lowered, body.strip(b"\r\n"))


def _http(answer: Answer, content_id: str) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Status')}"]
    headers = {**answer.headers, **({"Content-Type": answer.kind} if answer.kind else {})}
    lines += [f"{name}: {value}" for name, value in {**headers, "Content-Length": str(len(answer.body))}.items()]
    identity = f"Content-ID: {content_id}\r\n" if content_id else ""
    return (
        f"Content-Transfer-Encoding: binary\r\n{identity}\r\n" + "\r\n".join(lines) + "\r\n\r\n"
    ).encode() + answer.body


def _multipart(boundary: str, parts: list[tuple[str, bytes]]) -> bytes:
    lines = []
    for kind, content in parts:
        # Contents of HTTP parts start with further headers of the part, those of change sets with their first boundary.
        separator = b"\r\n" if kind == "application/http" else b"\r\n\r\n"
        lines.append(f"--{boundary}\r\nContent-Type: {kind}".encode() + separator + content)
    return b"\r\n".join(lines) + f"\r\n--{boundary}--\r\n".encode()
