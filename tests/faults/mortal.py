"""Worker processes to be killed: `python tests/faults/mortal.py`.

One process loads everything once and then forks a worker for each line that it reads;
to start Python anew for each would take longer than the worker lives.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Nursery:
    """Where workers come from. Whatever still lives of them ends with it."""

    asked: IO[str]
    answered: IO[str]
    plan: Mapping[str, object]

    def worker(self) -> int:
        """Start one. Gives its process id."""
        self.asked.write(json.dumps(self.plan) + "\n")
        self.asked.flush()
        return int(self.answered.readline())


@contextmanager
def nursery(
    database_url: str, issuers: Mapping[str, str], *, lease: float, **limits: int
) -> Iterator[Nursery]:
    """Takes: `lease`, in seconds; `limits`, of the worker: per_tenant, at_once."""
    plan = {"database": database_url, "issuers": dict(issuers), "lease": lease}
    command = [sys.executable, str(Path(__file__))]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()  # it is ready
        try:
            yield Nursery(process.stdin, process.stdout, {**plan, "limits": limits})
        finally:
            process.stdin.close()
            process.wait(60)


def kill(worker: int) -> None:
    """kill -9, and until it is gone."""
    with suppress(ProcessLookupError):
        os.kill(worker, signal.SIGKILL)


def main() -> None:
    sys.path.append(str(ROOT))  # deploy/ is not installed
    from hospital import settings_of

    from plugin.fhir import warm

    warm()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the killed
    children: list[int] = []
    _say("ready")
    for line in sys.stdin:
        plan = json.loads(line)
        child = os.fork()
        if child == 0:
            with suppress(KeyboardInterrupt):
                _work(settings_of(plan["database"], plan["issuers"]), plan)
            os._exit(0)
        children.append(child)
        _say(str(child))
    for child in children:
        kill(child)
    os._exit(0)  # there is nothing to tidy up, and much to forget


def _work(settings: object, plan: Mapping[str, object]) -> None:
    from hospital import worker_of

    from plugin.app import furnish
    from plugin.foundation import lay
    from smart_launch.outbound import Outbound

    stop = threading.Event()
    threading.Thread(target=_orphaned, args=(os.getppid(),), daemon=True).start()
    house = furnish(lay(settings), Outbound())  # type: ignore[arg-type]
    lease = timedelta(seconds=float(str(plan["lease"])))
    worker_of(house, lease, **plan["limits"]).run(stop)  # type: ignore[arg-type]


def _orphaned(parent: int) -> None:
    """End where nobody is left who would kill it."""
    never = threading.Event()
    while os.getppid() == parent:
        never.wait(0.5)
    os._exit(1)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
