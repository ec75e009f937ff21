"""Dagster's own code server, except that the process of a run is a copy of one in which everything is imported already.

    python -m connector.code_server code-server start --host 0.0.0.0 --port 4000 --module-name connector.definitions

takes the words of Dagster's command `dagster`; `connector code-server` is short for this. Dagster's server starts a run in a
fresh Python process, which needs seconds of processor time before it can begin; here it is copied (`multiprocessing`'s fork
server). All else is Dagster's: reloading, heartbeats, cancelling, watching the processes. A run reads its connection files anew,
and starts from nothing where no copy can be had or a file of the code has changed.
"""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from dagster._cli import ENV_PREFIX, create_dagster_cli
from dagster._grpc import server

from connector.warm_runs import PRELOADED

#: what Dagster is told of a process that ended and whose exit code nobody knows.
UNKNOWN = 255
#: for the exit code of a process that has just ended.
EXIT_CODE_S = 5.0
_LOG = logging.getLogger("dagster.code_server")
_FRESH = multiprocessing.get_context("spawn")
_COPYING = multiprocessing.get_context("forkserver")


class WarmServer(server.DagsterApiServer):
    """Has the process that is copied started as soon as the code is loaded, and every run start from it."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        try:
            # Notes the versions of all files, before what is copied imports them.
            from connector.warm_worker import is_outdated
        except Exception:  # noqa: BLE001 - whatever is wrong with the code, this server goes on and shows it in the UI
            _LOG.exception("the code cannot be imported as a whole; runs start from nothing")
            return
        self._mp_ctx = RunProcesses(is_outdated)  # type: ignore[assignment]
        _COPYING.set_forkserver_preload(PRELOADED)
        forkserver.ensure_running()


@dataclass(frozen=True, slots=True)
class RunProcesses:
    """What `DagsterApiServer.StartRun` asks of a context of `multiprocessing`."""

    is_outdated: Callable[[], bool]

    Queue = staticmethod(_FRESH.Queue)
    Event = staticmethod(_FRESH.Event)

    def Process(self, target: Callable[..., None], args: Sequence[Any]) -> RunProcess:  # noqa: N802 - as in multiprocessing
        return RunProcess(target, args, self.is_outdated)


class RunProcess:
    """The process of one run, in the words of `multiprocessing.Process`. It outlives this server, and what it is a copy of."""

    def __init__(self, target: Callable[..., None], args: Sequence[Any], is_outdated: Callable[[], bool]) -> None:
        self._target, self._args, self._is_outdated = target, args, is_outdated
        self._process: BaseProcess = _FRESH.Process(target=target, args=args)
        self._life: Connection | None = None

    def start(self) -> None:
        """A copy; from nothing where the code has changed since this server imported it, or nothing answers to be copied."""
        if self._is_outdated():
            self._process.start()
            return
        # Whether a copy lives, its parent cannot be asked: that may be killed before it.
        life, held = _COPYING.Pipe(duplex=False)
        copy = _COPYING.Process(target=_live, args=(held, self._target, self._args))
        try:
            copy.start()
        except (OSError, EOFError) as error:
            life.close()
            _LOG.warning("no process with everything imported answers (%s); this run starts from nothing", error)
            self._process.start()
        else:
            self._process, self._life = copy, life
        finally:
            held.close()

    def is_alive(self) -> bool:
        # Nothing is ever sent: what can be read is the end of it.
        return not self._life.poll() if self._life else self._process.is_alive()

    @property
    def exitcode(self) -> int | None:
        if self.is_alive():
            return None
        self._process.join(EXIT_CODE_S)
        return UNKNOWN if self._process.exitcode is None else self._process.exitcode


def _live(held: Connection, target: Callable[..., None], args: Sequence[Any]) -> None:
    """The whole life of a copy. What it holds is closed by its end, in whatever way that comes."""
    with held:
        target(*args)


def main(words: Sequence[str]) -> None:
    """Dagster's command line, in this process. The server that `code-server start` keeps as a child is this program again."""
    # Dagster's commands take both from this module at the moment when they use them.
    server.DagsterApiServer = WarmServer  # type: ignore[misc]
    server.get_python_environment_entry_point = _this_program  # type: ignore[attr-defined]
    create_dagster_cli()(list(words), prog_name="dagster", auto_envvar_prefix=ENV_PREFIX)  # type: ignore[no-untyped-call]


def _this_program(executable_path: str) -> Sequence[str]:
    return [executable_path, "-m", "connector.code_server"]
