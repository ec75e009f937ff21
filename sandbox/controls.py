"""What the control APIs of all stand-ins have in common: how a request is answered, the clock, faults, and counted requests."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sandbox.clock import SandboxClock
from sandbox.faults import Fault, FaultLayer

Handler = TypeVar("Handler", bound=Callable[..., Any])


def answer(
    handlers: Mapping[str, Handler],
    path: str,
    body: bytes,
    call: Callable[[Handler, Any], Any],
    refused: type[Exception],
) -> tuple[int, Any]:
    """Status and JSON of one control request. `call` hands the JSON body (or {}) to the handler of the path; mistakes of the
    caller, `refused` of the stand-in among them, are 400 with their text.
    """
    handler = handlers.get(path.removeprefix("/_control").strip("/"))
    if handler is None:
        return 404, {"message": f"no control {path}; known: {', '.join(sorted(handlers))}"}
    try:
        return 200, call(handler, json.loads(body or b"{}"))
    except (ValueError, KeyError, TypeError, refused) as problem:
        return 400, {"message": f"{type(problem).__name__}: {problem}"}


def clock(clock: SandboxClock, body: Any) -> dict[str, Any]:
    """`{"now": iso}` or `{"advance_s": n}`; tells the time."""
    if "now" in body:
        clock.set(datetime.fromisoformat(body["now"]))
    if "advance_s" in body:
        clock.advance(timedelta(seconds=int(body["advance_s"])))
    return {"now": clock.now().isoformat()}


def faults(layer: FaultLayer, method: str, body: Any) -> dict[str, Any]:
    """POST queues one fault or a list of them, DELETE clears; tells what is queued."""
    if method == "DELETE":
        layer.clear()
    elif method == "POST":
        for each in body if isinstance(body, list) else [body]:
            layer.add(Fault(**each))
    return {"queued": [dataclasses.asdict(fault) for fault in layer.queued]}


def requests(layer: FaultLayer, method: str) -> dict[str, Any]:
    """Counts by method and path; DELETE begins anew."""
    if method == "DELETE":
        layer.requests.clear()
    return {
        "total": len(layer.requests),
        "by_method": dict(Counter(verb for verb, _ in layer.requests)),
        "by_path": dict(Counter(f"{verb} {path}" for verb, path in layer.requests)),
    }
