"""A sandbox EHR in a process of its own, held as the tests hold one in theirs.

So that what it computes is not counted as the app's.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import IO, Any

import requests
from stage import ROOT


@dataclass(frozen=True, slots=True)
class Distant:
    url: str
    told: IO[str]
    answered: IO[str]

    def issuer(self) -> str:
        return f"{self.url}/r4"

    def mint_launch(self, patient: str, flavour: str = "") -> str:
        del flavour
        asked = {"patient": patient}
        opened = requests.post(f"{self.url}/sandbox/launches", json=asked, timeout=20)
        return str(opened.json()["launch"])

    def register_client(self, app: str, *, jwks: dict[str, Any]) -> None:
        self.told.write(json.dumps([app, jwks]) + "\n")
        self.told.flush()
        self.answered.readline()

    def writes(self) -> list[dict[str, Any]]:
        tallies = requests.get(f"{self.url}/sandbox/counts", timeout=60).json()
        return list(tallies["writes"])


@contextmanager
def distant() -> Iterator[Distant]:
    """It takes no conditional create: what comes twice is kept twice."""
    with subprocess.Popen(
        [sys.executable, __file__],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        try:
            yield Distant(url, process.stdin, process.stdout)
        finally:
            process.stdin.close()
            process.wait(20)


def main() -> None:
    sys.path.insert(0, str(ROOT))
    from deploy.sandbox.serving import start_sandbox

    sandbox = start_sandbox()
    main_site = sandbox.site()
    main_site.flavour = replace(main_site.flavour, conditional_create=False)
    print(sandbox.url, flush=True)
    for line in sys.stdin:
        app, jwks = json.loads(line)
        sandbox.register_client(app, jwks=jwks)
        print("registered", flush=True)
    sandbox.stop()


if __name__ == "__main__":
    main()
