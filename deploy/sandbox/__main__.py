"""`python -m deploy.sandbox`: the sandbox EHR on loopback, until it is stopped."""

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType

from deploy.sandbox.clients import app_client
from deploy.sandbox.flavours import FLAVOURS
from deploy.sandbox.sandbox import Sandbox
from deploy.sandbox.serving import loopback_sockets, server_for


def main(arguments: list[str] | None = None) -> int:
    """Serve until Ctrl-C or SIGTERM. Gives the exit code."""
    asked = _parser().parse_args(arguments)
    try:
        sockets = loopback_sockets(asked.host, asked.port)
    except OSError as error:
        text = f"cannot listen on {asked.host}:{asked.port}: {error.strerror}; "
        sys.stderr.write(f"{text}choose another with --port\n")
        return 3
    sandbox = Sandbox(f"http://{asked.host}:{asked.port}", flavour=asked.flavour)
    sandbox.register(
        app_client(
            asked.app_url,
            client_id=asked.client_id,
            auth=asked.client_auth,
            secret=asked.client_secret,
            cds=True,
        )
    )
    if asked.audit_secret_file is not None:
        secret = asked.audit_secret_file.read_text("utf-8").strip()
        sandbox.staff_login.register(asked.app_url, secret, asked.audit_client_id)
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, _leave)
    sys.stdout.write(f"Sandbox EHR: {sandbox.origin}  (FHIR {sandbox.main.fhir})\n")
    sys.stdout.flush()
    server_for(sandbox).run(sockets)
    return 0


def _leave(_number: int, _frame: FrameType | None) -> None:
    """End well. The server has shut down by then: it hands the signal on at its end."""
    raise SystemExit(0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m deploy.sandbox", description=__doc__)
    parser.add_argument("--host", default="localhost")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--app-url", default="http://localhost:8000")
    parser.add_argument("--flavour", choices=list(FLAVOURS), default="full")
    parser.add_argument("--client-id", default="selfhelp")
    parser.add_argument(
        "--client-auth",
        choices=["private_key_jwt", "client_secret_basic", "none"],
        default="private_key_jwt",
    )
    parser.add_argument("--client-secret", default="")
    parser.add_argument(
        "--audit-secret-file", type=Path, help="of the app's sign-in for reviewers"
    )
    parser.add_argument("--audit-client-id", default="selfhelp-audit")
    return parser


if __name__ == "__main__":
    sys.exit(main())
