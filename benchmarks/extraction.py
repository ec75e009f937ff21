"""Reading payments from GoCardless: the connector against bare loops, the official client, dlt and Airbyte's CDK.

Each contestant is a process of its own that reads every payment of one local server and says what it took; start-up is not
part of it. Contestants take turns within a round. Peers live in environments of their own, made once below `.bench/` from
locked requirements.

    python -m benchmarks --quick --only extraction
    python -m benchmarks.extraction --payments 100000 1000000 --latency-ms 0 50 --write docs/benchmarks
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks.measure import Page, machine
from benchmarks.page_server import PAGE_SIZE, page_server
from benchmarks.target import Benchmark, Found, Verdict, at_least, at_most

PEERS = Path(__file__).parent / "peers"
ENVIRONMENTS = Path(".bench")
#: GoCardless's limit (gocardless.md section 5), with which one contestant of ours reads.
CALLS_PER_MINUTE = 1000
#: the connector's names in tables, and what it is compared with.
OWN, OWN_STORED, OWN_LIMITED = "connector", "connector, stored", f"connector, {CALLS_PER_MINUTE:,} calls a minute"
BARE, BARE_STORED, OFFICIAL = "bare loop", "bare loop, stored", "official client"
COLUMNS = ("payments", "latency", "reader", "payments/s", "µs CPU each", "peak MiB", "of bare loop", "of official")


@dataclass(frozen=True, slots=True)
class Reading:
    """What one process took for all payments."""

    records: int
    seconds: float
    cpu: float
    peak_mib: float


@dataclass(frozen=True, slots=True)
class Peer:
    """`environment` is the name of its requirements file, or empty for this project's own.

    With `calls_per_minute` it reads from a server of its own with that limit, whose minute begins with it.
    """

    name: str
    command: Callable[[str], list[str]]
    environment: str = ""
    calls_per_minute: int = 0


def _script(name: str) -> Callable[[str], list[str]]:
    return lambda address: [str(PEERS / name), address]


def _own(*options: str) -> Callable[[str], list[str]]:
    return lambda address: ["-m", "benchmarks.own_extraction", address, *options]


EXTRACTING = (
    Peer(BARE, _script("bare_loop.py")),
    Peer(OWN, _own()),
    Peer(OFFICIAL, _script("official_client.py"), "official"),
    Peer("dlt rest_api", _script("dlt_rest_api.py"), "dlt"),
    Peer("airbyte-cdk", _script("airbyte_declarative.py"), "airbyte"),
)
LIMITED = Peer(OWN_LIMITED, _own("--calls-per-minute", str(CALLS_PER_MINUTE)), calls_per_minute=CALLS_PER_MINUTE)
STORING = (
    Peer(BARE_STORED, _script("bare_stored.py")),
    Peer(OWN_STORED, _own("--stored")),
)


Readings: TypeAlias = dict[str, list[Reading]]

SLOW_READING = (
    "Of a page of 500, the bare loop takes about 3.4 ms of processor time, half of it parsing; the connector takes 0.3 ms more "
    "for the look at the answer's depth, and some for handing pages from thread to thread. Tried and kept: two or more windows, "
    "so that the server works while a page is parsed; eight places of the quota that all processes share in one visit to the "
    "store, which takes 0.6 ms; depth told by the brackets alone; what is loaded at the start is not walked by the garbage "
    "collector again (4 µs a payment before)."
)
SLOW_STORING = (
    "A payment costs 12 µs to keep where a bare insert costs 5: its text is canonical, so that equal bodies are equal texts; "
    "what is known is looked up first, to tell new from changed; and it has two indexes where the bare table has one. Tried "
    "and kept: parameters as the driver takes them (20 to 15 µs), the ids of a page as one parameter (to 12 µs), threads of "
    "one process that write in turns instead of sleeping until the database is free."
)
LIMITED_READING = (
    "975 of a minute's 1,000 calls may be made at once, side by side as without a limit, because every answer tells how many "
    "are left; what is more waits for the next minute. 2,000 calls take two minutes within that limit, whoever makes them, "
    "and the official client makes as many one after the other at this latency."
)


def measure(peers: Sequence[Peer], payments: int, latency_ms: int, rounds: int) -> Readings:
    """Readings of all rounds by name; every contestant must have read every payment."""
    found: Readings = {peer.name: [] for peer in peers}
    chance = random.Random(1)
    with page_server(payments, latency_ms) as shared:
        for _ in range(rounds):
            for peer in chance.sample(list(peers), len(peers)):
                with contextlib.ExitStack() as own:
                    limit = peer.calls_per_minute
                    address = own.enter_context(page_server(payments, latency_ms, limit)) if limit else shared
                    reading = _read(peer, address)
                if reading.records != payments:
                    raise AssertionError(f"{peer.name} read {reading.records} of {payments} payments")
                found[peer.name].append(reading)
    return found


def _read(peer: Peer, address: str) -> Reading:
    command = [str(_python(peer.environment)), *peer.command(address)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{peer.name} failed:\n{done.stderr[-2000:]}")
    return Reading(**json.loads(done.stdout.strip().splitlines()[-1]))


def _python(environment: str) -> Path:
    """The interpreter of an environment, which is made when it is not there."""
    if not environment:
        return Path(sys.executable)
    place = ENVIRONMENTS / environment
    python = place / "bin" / "python"
    if not (place / ".installed").exists():
        print(f"making the environment {place}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
        subprocess.run([*install, "-r", str(PEERS / f"{environment}.txt")], check=True)
        (place / ".installed").touch()
    return python


def run(quick: bool) -> Found:
    """At no latency and at 50 ms, and how memory grows; a million payments are read in one round."""
    page = Page("", "Payments a second, read from one local server, 500 a page.", "", machine(), COLUMNS)
    few, many, rounds = (50_000, 200_000, 3) if quick else (100_000, 1_000_000, 5)
    later_rounds = 1 if quick else 3
    everyone, only_reading = [*EXTRACTING, *STORING], EXTRACTING[:3]
    at_once = _add(page, few, 0, measure(everyone, few, 0, rounds))
    later = _add(page, few, 50, measure([*everyone, LIMITED], few, 50, later_rounds))
    grown = _add(page, many, 0, measure([everyone[1], STORING[1]] if quick else everyone, many, 0, 1))
    verdicts = [*_speed(at_once, later), *_within_the_limit(later, few), *_memory(at_once, grown, few, many)]
    if not quick:
        latest = _add(page, many, 50, measure([*only_reading, LIMITED], many, 50, 1))
        verdicts += _within_the_limit(latest, many)
        page.notes.append(
            "At 50 ms, who reads one page after the other takes ten times as long for a million as for 100,000."
        )
    page.notes.append(
        f"{rounds} rounds with {few:,} payments, {later_rounds} at 50 ms; medians. Start-up is not counted."
    )
    page.notes.append(
        "The connector's quota shared by all processes is in use, so high that it never waits, if not said."
    )
    return Found([page], verdicts)


def _speed(at_once: Readings, later: Readings) -> list[Verdict]:
    stored = _share(at_once[OWN_STORED], at_once[BARE_STORED])
    return [
        at_least(
            "at 0 ms, times the official client", _share(at_once[OWN], at_once[OFFICIAL]), 2.5, reason=SLOW_READING
        ),
        at_least("at 0 ms, share of the bare loop", _share(at_once[OWN], at_once[BARE]), 0.7, reason=SLOW_READING),
        at_least("at 0 ms into the store, share of a bare SQLite insert", stored, 0.6, reason=SLOW_STORING),
        at_least("at 50 ms, times the official client", _share(later[OWN], later[OFFICIAL]), 5, reason=SLOW_READING),
    ]


def _within_the_limit(found: Readings, payments: int) -> list[Verdict]:
    calls = payments // PAGE_SIZE
    target = f"at 50 ms within {CALLS_PER_MINUTE:,} calls a minute ({calls:,} calls), times the official client"
    return [at_least(target, _share(found[OWN_LIMITED], found[OFFICIAL]), 5, reason=LIMITED_READING)]


def _memory(few: Readings, many: Readings, fewer: int, more: int) -> list[Verdict]:
    return [
        at_most(
            f"memory of {name} at {more:,} payments, times that at {fewer:,}",
            max(reading.peak_mib for reading in many[name]) / max(reading.peak_mib for reading in few[name]),
            1.3,
        )
        for name in (OWN, OWN_STORED)
    ]


BENCHMARK = Benchmark(
    "extraction",
    "Reading payments",
    (
        "at 0 ms >= 2.5 times the official client, >= 0.7 of a bare loop, into the store >= 0.6 of a bare SQLite insert",
        "at 50 ms >= 5 times the official client",
        "memory of the tenfold within 1.3 times",
    ),
    run,
)


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    page = Page(
        "Reading payments",
        "Payments a second, read from one local server, 500 a page; and how often each is as quick as the bare loop and the "
        "official client.",
        " ".join(["python -m benchmarks.extraction", *(arguments or sys.argv[1:])]),
        machine(),
        COLUMNS,
    )
    for payments in given.payments:
        for latency in given.latency_ms:
            _add(page, payments, latency, measure([*EXTRACTING, LIMITED, *STORING], payments, latency, given.rounds))
    page.notes.append(f"{given.rounds} rounds, medians; shares are medians of each round's. Start-up is not counted.")
    print(page.markdown())
    if given.write:
        page.write(given.write, "extraction")
    return 0


def _add(page: Page, payments: int, latency_ms: int, found: Readings) -> Readings:
    for name, readings in found.items():
        floor = found.get(BARE_STORED if name == OWN_STORED else BARE)
        figures: dict[str, Any] = {
            "payments": payments,
            "latency_ms": latency_ms,
            "reader": name,
            "per_second": round(statistics.median(r.records / r.seconds for r in readings)),
            "cpu_us_each": round(statistics.median(1_000_000 * r.cpu / r.records for r in readings), 2),
            "peak_mib": round(statistics.median(r.peak_mib for r in readings)),
            "of_floor": round(_share(readings, floor), 2) if floor else "",
            "of_official": round(_share(readings, found[OFFICIAL]), 2) if OFFICIAL in found else "",
        }
        cells = [f"{payments:,}", f"{latency_ms} ms", name, f"{figures['per_second']:,}"]
        page.add(
            [*cells, *(str(figures[key]) for key in ("cpu_us_each", "peak_mib", "of_floor", "of_official"))], figures
        )
        print(page.rows[-1], file=sys.stderr, flush=True)
    return found


def _share(readings: Sequence[Reading], others: Sequence[Reading]) -> float:
    return statistics.median(other.seconds / own.seconds for own, other in zip(readings, others, strict=True))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--payments", nargs="+", type=int, default=[100_000])
    parser.add_argument("--latency-ms", nargs="+", type=int, default=[0, 50])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", type=Path, help="folder for the page as Markdown and JSON")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
