"""`make demo`: the sandbox EHR and the app side by side, until Ctrl-C.

The app is started as an installation would start it, by its command, with a
configuration and keys of its own in `demo-data/`. Delete that folder to begin anew.
"""

import argparse
import base64
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[1]
SELFHELP = str(Path(sys.executable).with_name("selfhelp"))

_READY_SECONDS = 60.0
_STOP_SECONDS = 30.0

# The sandbox's sites, by what each kind of EHR takes from an app.
_SITES = {
    "sandbox": "/r4",
    "epic-like": "/epic/r4",
    "oracle-like": "/oracle/r4",
    "athena-like": "/athena/r4",
    "read-only": "/readonly/r4",
}
_SETTINGS = """\
# Made by `make demo`, for demonstrations on this machine only.
public_url = "{app}"
database_url = "sqlite:///{database}"
allow_loopback_http = true
demo_directory = true

[audit_login]
issuer = "{ehr}/staff"
client_id = "selfhelp-audit"
client_secret_file = "audit-secret"
role = "referral-auditors"
administrator_role = "referral-administrators"

[checkpoints]
directory = "{data}/checkpoints"
"""
_REGISTRATION = """
[[ehr]]
id = "{id}"
issuer = "{issuer}"
client_id = "selfhelp"
frame_ancestors = ["{ehr}"]
country = "US"
cds_hooks_issuers = [{{ issuer = "{issuer}", jwks_url = "{jwks}" }}]
"""


class NotStarted(Exception):
    """The message says what did not start, and what to do."""


@dataclass(frozen=True, slots=True)
class Demonstration:
    """Where the two processes listen, and the folder that keeps what is made."""

    port: int
    ehr_port: int
    data: Path

    @property
    def app(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def ehr(self) -> str:
        return f"http://localhost:{self.ehr_port}"

    @property
    def audit_secret(self) -> Path:
        """What the app and the staff's sign-in of the sandbox share."""
        return self.data / "audit-secret"

    def prepare(self) -> dict[str, str]:
        """Write the configuration, and keys if there are none yet."""
        self.data.mkdir(parents=True, exist_ok=True)
        key, config = self.data / "master-key", self.data / "selfhelp.toml"
        for file in (key, self.audit_secret):
            if not file.exists():
                file.touch(mode=0o600)
                made = base64.b64encode(secrets.token_bytes(32)).decode()
                file.write_text(made + "\n")
        config.write_text(self._settings())
        return os.environ | {
            "SELFHELP_CONFIG": str(config),
            "SELFHELP_MASTER_KEY_FILE": str(key),
        }

    def _settings(self) -> str:
        registrations = [
            _REGISTRATION.format(
                id=name,
                issuer=self.ehr + path,
                ehr=self.ehr,
                jwks=f"{self.ehr}{path.removesuffix('/r4')}/oauth/jwks",
            )
            for name, path in _SITES.items()
        ]
        settings = _SETTINGS.format(
            app=self.app,
            ehr=self.ehr,
            data=self.data,
            database=self.data / "selfhelp.db",
        )
        return settings + "".join(registrations)

    def start_sandbox(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "deploy.sandbox", "--port", str(self.ehr_port)]
        command += ["--app-url", self.app]
        command += ["--audit-secret-file", str(self.audit_secret)]
        return self._started(command, dict(os.environ), "sandbox.log")

    def start_app(self, environ: dict[str, str]) -> subprocess.Popen[bytes]:
        return self._started(
            [SELFHELP, "serve", "--port", str(self.port)], environ, "selfhelp.log"
        )

    def _started(
        self, command: list[str], environ: dict[str, str], log: str
    ) -> subprocess.Popen[bytes]:
        with (self.data / log).open("ab") as kept:
            # In a session of its own: Ctrl-C reaches this process alone, which then
            # ends the others in their order.
            return subprocess.Popen(
                command,
                env=environ,
                cwd=ROOT,
                stdout=kept,
                stderr=kept,
                start_new_session=True,
            )

    def wait(self, url: str, process: subprocess.Popen[bytes], what: str) -> None:
        until = time.monotonic() + _READY_SECONDS
        while time.monotonic() < until:
            if process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(url, timeout=2):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        raise NotStarted(f"{what} did not start; {self.last_line()}")

    def last_line(self) -> str:
        logs = sorted(self.data.glob("*.log"), key=lambda log: log.stat().st_mtime)
        lines = logs[-1].read_text("utf-8", "replace").split("\n") if logs else []
        said = [line for line in lines if line.strip()]
        return f"it said: {said[-1]}" if said else f"see the logs in {self.data}"


def main(arguments: list[str] | None = None) -> int:
    """Serve until Ctrl-C or SIGTERM. Gives the exit code."""
    asked = _parser().parse_args(arguments)
    demo = Demonstration(asked.port, asked.ehr_port, asked.data.resolve())
    environ = demo.prepare()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    running: list[subprocess.Popen[bytes]] = []
    try:
        running.append(demo.start_sandbox())
        demo.wait(f"{demo.ehr}/", running[-1], "the sandbox EHR")
        running.append(demo.start_app(environ))
        demo.wait(f"{demo.app}/readyz", running[-1], "the app")
        _say(f"\n  Open  {demo.ehr}/  choose a patient, then Self-help groups.\n")
        _say(f"  Referral records, for who reviews them:  {demo.app}/audit\n")
        _say(f"  Ctrl-C ends both. What you signed stays in {asked.data}/.\n")
        return _until_one_ends(demo, running)
    except NotStarted as error:
        sys.stderr.write(f"demo: {error}\n")
        return 3
    except KeyboardInterrupt:
        return 0
    finally:
        _end(running)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m deploy.demo", description=__doc__)
    parser.add_argument("--port", type=int, default=8000, help="of the app")
    parser.add_argument("--ehr-port", type=int, default=8080, help="of the sandbox")
    parser.add_argument(
        "--data", type=Path, default=ROOT / "demo-data", help="folder of what is made"
    )
    return parser


def _until_one_ends(demo: Demonstration, running: list[subprocess.Popen[bytes]]) -> int:
    while all(process.poll() is None for process in running):
        time.sleep(0.2)
    sys.stderr.write(f"demo: one part ended by itself; {demo.last_line()}\n")
    return 3


def _end(running: list[subprocess.Popen[bytes]]) -> None:
    """The app first: what it is writing to the EHR still gets there."""
    for process in reversed(running):
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
