"""The processes of one installation: stand-ins, receiver, Dagster's daemon with its code server, and the runs these start.

What is killed is started again, as systemd would; a run is not. When the block ends, nothing of it is left.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import psutil
import requests

ROOT = Path(__file__).parents[2]
#: for a process to answer, or to appear, on a machine that has much else to do.
PATIENCE_S = 180.0


class HouseholdFailed(Exception):
    """A process cannot be started; the message names the log file to read."""


@dataclass(slots=True)
class Servant:
    """One kind of process: how it is started, where it answers, if it does, and which other must answer before it."""

    arguments: Sequence[str]
    ready_url: str = ""
    after: str = ""
    process: subprocess.Popen[bytes] | None = None


@dataclass(slots=True)
class Household:
    """Every process carries `environment`; by its home whatever they start is found again."""

    home: Path
    environment: Mapping[str, str]
    _servants: dict[str, Servant] = field(default_factory=dict)

    def start(self, name: str, arguments: Sequence[str], ready_url: str = "", *, after: str = "") -> None:
        """Start `python -m …` and wait until `ready_url` answers: over HTTP, or `tcp://…`. Raises `HouseholdFailed`."""
        self._servants[name] = Servant(arguments, ready_url, after)
        self._start(name)
        self.await_ready(name)

    def pid(self, name: str) -> int:
        process = self._servants[name].process
        assert process is not None, name
        return process.pid

    def kill(self, name: str) -> bool:
        """`kill -9` of this one process; what it started goes on. False when it had ended by itself."""
        process = self._servants[name].process
        assert process is not None, name
        lived = process.poll() is None
        process.kill()
        process.wait()
        return lived

    def start_again_what_died(self) -> None:
        """As systemd does: whatever ended is started, without waiting until it is ready."""
        for name, servant in self._servants.items():
            if servant.process is None or servant.process.poll() is None:
                continue
            if not servant.after or _answers(self._servants[servant.after].ready_url):
                self._start(name)

    def await_ready(self, name: str) -> None:
        servant = self._servants[name]
        deadline = time.monotonic() + PATIENCE_S
        while servant.ready_url and not _answers(servant.ready_url):
            assert servant.process is not None
            if servant.process.poll() is not None or time.monotonic() > deadline:
                raise HouseholdFailed(f"{name} does not answer; its log is {self._log(name)}")
            time.sleep(0.1)

    def workers(self) -> list[psutil.Process]:
        """The processes of runs: those that began from nothing, and those that are copies."""
        copies = self._copies()
        return [each for each in self._ours() if each.pid in copies or "spawn_main" in " ".join(each.info["cmdline"])]

    def fork_servers(self) -> list[psutil.Process]:
        """The processes that runs are copies of."""
        copies = self._copies()
        return [each for each in self._ours() if each.pid not in copies and _is_forked(each)]

    def _copies(self) -> set[int]:
        """Copies, and what they are copied from, are called by one command line; a copy is a child of another, or left behind.

        What is copied ends with its last copy when whoever started it is gone.
        """
        ours = list(self._ours())
        everyone = {each.pid for each in ours}
        parents = {each.pid: each.info["ppid"] for each in ours if _is_forked(each)}
        left_behind = {pid for pid, parent in parents.items() if parent not in everyone and pid not in parents.values()}
        return left_behind | {pid for pid, parent in parents.items() if parent in parents}

    def all_but(self, name: str) -> list[psutil.Process]:
        """Every process but that one."""
        return [each for each in self._ours() if each.pid != self.pid(name)]

    def code_servers(self) -> list[psutil.Process]:
        return [each for each in self._ours() if "grpc" in each.info["cmdline"]]

    def owner_of(self, port: int) -> psutil.Process | None:
        """The process of ours that speaks from this port of the loopback."""
        for process in self._ours():
            with contextlib.suppress(psutil.Error):
                if any(each.laddr and each.laddr.port == port for each in process.net_connections("tcp")):
                    return process
        return None

    def stop(self) -> None:
        """End everything of this home: what was started here, and what that has started."""
        deadline = time.monotonic() + PATIENCE_S
        while remaining := list(self._ours()):
            for process in remaining:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            for servant in self._servants.values():
                if servant.process is not None:
                    servant.process.poll()
            if time.monotonic() > deadline:
                raise HouseholdFailed(f"processes that do not end: {[each.pid for each in remaining]}")
            time.sleep(0.05)

    def __enter__(self) -> Household:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self, name: str) -> None:
        with self._log(name).open("ab") as output:
            self._servants[name].process = subprocess.Popen(
                [sys.executable, "-m", *self._servants[name].arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=dict(self.environment),
                cwd=ROOT,
                start_new_session=True,
            )

    def _log(self, name: str) -> Path:
        return self.home / "logs" / f"{name}.log"

    def _ours(self) -> Iterator[psutil.Process]:
        """Living processes whose environment names this home, except this very one."""
        home = self.environment["DAGSTER_HOME"]
        for process in psutil.process_iter(["cmdline", "ppid"]):
            with contextlib.suppress(psutil.Error):
                if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                    continue
                if process.environ().get("DAGSTER_HOME") == home:
                    yield process


def kill(process: psutil.Process) -> bool:
    """`kill -9`; False when it had ended by itself."""
    try:
        lived = process.status() != psutil.STATUS_ZOMBIE
        process.send_signal(signal.SIGKILL)
    except psutil.NoSuchProcess:
        return False
    return lived


def _is_forked(process: psutil.Process) -> bool:
    return "multiprocessing.forkserver" in " ".join(process.info["cmdline"])


def _answers(url: str) -> bool:
    if url.startswith("tcp://"):
        with socket.socket() as probe:
            host, _, port = url.removeprefix("tcp://").rpartition(":")
            return probe.connect_ex((host, int(port))) == 0
    try:
        return requests.get(url, timeout=5).status_code < 500
    except requests.RequestException:
        return False
