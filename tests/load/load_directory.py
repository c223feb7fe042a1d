"""A feed of a million rows: the memory that it takes, and what it does to a search."""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).parent))

from bench_directory import MEETINGS, feeds, line, our_search, questions, times, towns
from bench_directory import row as invented

from plugin.clock import system_clock
from plugin.directory.directory import Directory
from plugin.directory.sources import file_source
from plugin.store.engine import open_engine
from plugin.store.migrate import migrate

MANY = 1_000_000
MOST = 300.0  # megabytes
SELFHELP = str(Path(sys.executable).with_name("selfhelp"))


def one_large_feed(folder: Path, count: int) -> Path:
    """All in one file: the programmes of the bench, one after the other."""
    import json

    dice, places = Random(11), towns()
    path = folder / "large.json"
    with path.open("w") as file:
        file.write("[\n")
        for number in range(count):
            comma = ",\n" if number < count - 1 else "\n"
            file.write(json.dumps(invented(number, dice, places)) + comma)
        file.write("]\n")
    return path


def imported(folder: Path, count: int) -> tuple[float, float]:
    """Import it in a process of its own; seconds, and megabytes at the most."""
    path = one_large_feed(folder, count)
    named = ("--format", "meeting-guide", "--feed", "aa", "--program", "aa")
    begun = time.perf_counter()
    command = [SELFHELP, "directory", "import", path.name, *named, "--json"]
    subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - begun
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return seconds, most


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds, most = imported(folder, MANY)
        line("import of one feed, 1000k", seconds, "s", 0, "")
        line("import of one feed, 1000k", most, "MB", most / MOST, "300 MB, <= 1")
        asked = []
        for count in (MEETINGS, MANY):
            engine = open_engine(f"sqlite:///{folder}/{count}.db")
            migrate(engine)
            directory = Directory(engine, system_clock)
            for path, options in feeds(folder, count):
                directory.import_feed(file_source(path), options)
                path.unlink()
            asked.append(our_search(engine))
        (few, _), (many, late) = times(questions(), *asked)
        line("search sqlite 1000k, median", many, "ms", many / few, "250k, <= 1.5")
        line("search sqlite 1000k, p95", late, "ms", late / few, "250k median")
    return 0


if __name__ == "__main__":
    sys.exit(main())
