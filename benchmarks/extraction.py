"""Reading payments from GoCardless: the connector against bare loops, the official client, dlt and Airbyte's CDK.

Each contestant is a process of its own that reads every payment of one local server and says what it took; start-up is not
part of it. Contestants take turns within a round. Peers live in environments of their own, made once below `.bench/` from
locked requirements.

    python -m benchmarks.extraction --quick
    python -m benchmarks.extraction --payments 100000 1000000 --latency-ms 0 50 --write docs/benchmarks
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import Page, machine
from benchmarks.page_server import page_server

PEERS = Path(__file__).parent / "peers"
ENVIRONMENTS = Path(".bench")
#: the connector's name in tables, and what it is compared with.
OWN, OWN_STORED = "connector", "connector, stored"
REFERENCES = ("bare loop", "official client")


@dataclass(frozen=True, slots=True)
class Reading:
    """What one process took for all payments."""

    records: int
    seconds: float
    cpu: float
    peak_mib: float


@dataclass(frozen=True, slots=True)
class Peer:
    """`environment` is the name of its requirements file, or empty for this project's own."""

    name: str
    command: Callable[[str], list[str]]
    environment: str = ""


def _script(name: str) -> Callable[[str], list[str]]:
    return lambda address: [str(PEERS / name), address]


def _own(*options: str) -> Callable[[str], list[str]]:
    return lambda address: ["-m", "benchmarks.own_extraction", address, *options]


EXTRACTING = (
    Peer("bare loop", _script("bare_loop.py")),
    Peer(OWN, _own()),
    Peer("official client", _script("official_client.py"), "official"),
    Peer("dlt rest_api", _script("dlt_rest_api.py"), "dlt"),
    Peer("airbyte-cdk", _script("airbyte_declarative.py"), "airbyte"),
)
STORING = (
    Peer("bare loop, stored", _script("bare_stored.py")),
    Peer(OWN_STORED, _own("--stored")),
)


def measure(peers: Sequence[Peer], payments: int, latency_ms: int, rounds: int) -> dict[str, list[Reading]]:
    """Readings of all rounds by name; every contestant must have read every payment."""
    found: dict[str, list[Reading]] = {peer.name: [] for peer in peers}
    chance = random.Random(1)
    with page_server(payments, latency_ms) as address:
        for _ in range(rounds):
            for peer in chance.sample(list(peers), len(peers)):
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


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    sizes, latencies, rounds = given.payments, given.latency_ms, given.rounds
    if given.quick:
        sizes, latencies, rounds = [20_000], [0, 50], 1
    page = Page(
        "Reading payments",
        "Payments a second, read from one local server, 500 a page; and how often each is as quick as the bare loop and the "
        "official client.",
        " ".join(["python -m benchmarks.extraction", *(arguments or sys.argv[1:])]),
        machine(),
        ["payments", "latency", "reader", "payments/s", "µs CPU each", "peak MiB", "of bare loop", "of official"],
    )
    for payments in sizes:
        for latency in latencies:
            _add(page, payments, latency, measure([*EXTRACTING, *STORING], payments, latency, rounds))
    page.notes.append(f"{rounds} rounds, medians; shares are medians of each round's. Start-up is not counted.")
    page.notes.append("The connector's quota shared by all processes is in use, set so high that it never waits.")
    print(page.markdown())
    if given.write:
        page.write(given.write, "extraction")
    return 0


def _add(page: Page, payments: int, latency_ms: int, found: dict[str, list[Reading]]) -> None:
    for name, readings in found.items():
        bare, official = (found[reference] for reference in REFERENCES)
        floor = found["bare loop, stored"] if name == OWN_STORED else bare
        figures: dict[str, Any] = {
            "payments": payments,
            "latency_ms": latency_ms,
            "reader": name,
            "per_second": round(statistics.median(r.records / r.seconds for r in readings)),
            "cpu_us_each": round(statistics.median(1_000_000 * r.cpu / r.records for r in readings), 2),
            "peak_mib": round(statistics.median(r.peak_mib for r in readings)),
            "of_floor": round(_share(readings, floor), 2),
            "of_official": round(_share(readings, official), 2),
        }
        cells = [f"{payments:,}", f"{latency_ms} ms", name, f"{figures['per_second']:,}"]
        page.add(
            [*cells, *(str(figures[key]) for key in ("cpu_us_each", "peak_mib", "of_floor", "of_official"))], figures
        )


def _share(readings: Sequence[Reading], others: Sequence[Reading]) -> float:
    return statistics.median(other.seconds / own.seconds for own, other in zip(readings, others, strict=True))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="20,000 payments, one round")
    parser.add_argument("--payments", nargs="+", type=int, default=[100_000])
    parser.add_argument("--latency-ms", nargs="+", type=int, default=[0, 50])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", type=Path, help="folder for the page as Markdown and JSON")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
