"""Runs the commands of docs/deployment.md, "On Debian", as they stand there.

For a machine that may be changed, as root:

    SOURCE=/path/to/a/clone python3 tests/deploy/run_guide.py

It installs packages, makes users, a database and a site of nginx, starts the app and
the worker, and ends those two and its nginx again. It stops at the first command that
fails.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "deployment.md"
# Debian starts PostgreSQL by itself where it runs systemd.
DATABASE = """pg_lsclusters -h | grep -q online ||
  pg_ctlcluster $(pg_lsclusters -h | awk '{print $1, $2; exit}') start"""
END = "kill %1 %2; nginx -s stop; wait"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def blocks() -> list[str]:
    text = GUIDE.read_text("utf-8")
    section = text[text.index("## On Debian") : text.index("## As containers")]
    return re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


def main() -> int:
    if os.geteuid() != 0 or not os.environ.get("SOURCE"):
        sys.stderr.write("run_guide: needs root, and SOURCE, the address of a clone\n")
        return 2
    first, *rest = blocks()
    script = "\n".join(("set -eux", first, DATABASE, *rest, END))
    environ = os.environ | {"PATH": PATH}
    run = subprocess.run(["bash", "-c", script], env=environ, check=False)
    sys.stdout.write(f"run_guide: {len(rest) + 1} blocks, exit code {run.returncode}\n")
    return run.returncode


if __name__ == "__main__":
    sys.exit(main())
