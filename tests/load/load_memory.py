"""One process's memory with a directory of 250,000 meetings, after many launches."""

import sys
import tempfile
from pathlib import Path

from fleet import PATIENTS, Fleet
from stage import line

MEETINGS = 250_000
LAUNCHES = 100
MOST = 250.0  # megabytes


def resident(folder: Path, meetings: int, launches: int) -> float:
    """Megabytes of the app after so many launches over so many meetings."""
    from bench_directory import feeds

    from plugin.clock import system_clock
    from plugin.directory.directory import Directory
    from plugin.directory.sources import file_source
    from plugin.store.engine import open_engine
    from plugin.store.migrate import migrate

    url = f"sqlite:///{folder}/selfhelp.db"
    engine = open_engine(url)
    migrate(engine)
    directory = Directory(engine, system_clock)
    for file, options in feeds(folder, meetings):
        directory.import_feed(file_source(file), options)
    engine.dispose()
    with Fleet(folder, url) as fleet:
        app = fleet.start_app()
        fleet.until_ready(app)
        for number in range(launches):
            fleet.clinician().launch(PATIENTS[number % len(PATIENTS)])
        return app.resident()


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        megabytes = resident(Path(folder), MEETINGS, LAUNCHES)
    name = f"memory, {MEETINGS // 1000}k meetings"
    line(name, megabytes, "MB", MOST, f"{MOST:.0f} MB, {LAUNCHES} launches")
    return 0


if __name__ == "__main__":
    sys.exit(main())
