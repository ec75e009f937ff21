"""The targets under a coverage-guided fuzzer: `python -m tests.fuzz.guided -runs=N` (atheris, and its libFuzzer options).

The first byte of an input chooses the target. An input that fails is written to a file named crash-… and ends the run.
"""

from __future__ import annotations

import atexit
import logging
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["connector_resources", "sensors", "h11", "starlette", "uvicorn"]):
    from tests.fuzz.mutation import SEEDS
    from tests.fuzz.receiver_in_process import receiver_in_process
    from tests.fuzz.receiver_on_sockets import receiver_on_sockets
    from tests.fuzz.targets import all_targets


def main() -> None:
    logging.disable(logging.WARNING)
    held = ExitStack()
    atexit.register(held.close)
    home = Path(held.enter_context(tempfile.TemporaryDirectory()))
    receiver = held.enter_context(receiver_in_process(home / "home"))
    targets = all_targets(receiver, held.enter_context(receiver_on_sockets(receiver)))
    # Coverage of an input is measured while it is tried; what happens on the server's own thread is not its own.
    del targets["raw http, sockets"]
    names = list(targets)
    corpus = home / "corpus"
    corpus.mkdir()
    for place, name in enumerate(names):
        for number, seed in enumerate(SEEDS[name]):
            (corpus / f"{place}-{number}").write_bytes(bytes([place]) + seed)

    def one(data: bytes) -> None:
        if data:
            targets[names[data[0] % len(names)]]([data[1:]])

    atheris.Setup([sys.argv[0], "-max_len=4096", "-timeout=60", *sys.argv[1:], str(corpus)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
