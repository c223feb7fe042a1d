"""`selfhelp worker`: the write-back worker, without the app."""

import signal
import threading

from plugin.commands.configured import Config, foundation_of


def worker(config: Config = None) -> None:
    """Run the write-back worker alone, until it is told to stop."""
    from plugin import logs
    from plugin.operations.floors import check_floors

    logs.send_to()
    check_floors()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with foundation_of(config) as foundation:
        from plugin.app import furnish
        from smart_launch.outbound import Outbound

        furnish(foundation, Outbound()).worker.run(stop)
