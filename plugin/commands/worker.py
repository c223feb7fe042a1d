"""`selfhelp worker`: what is written and sent to others, without the app."""

import signal
import threading

from plugin.commands.configured import Config, foundation_of

_GRACE = 20.0  # seconds, for a batch that is under way


def worker(config: Config = None) -> None:
    """Write back, and send AuditEvents, until told to stop."""
    from plugin import logs
    from plugin.operations.floors import check_floors

    logs.send_to()
    check_floors()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with foundation_of(config) as foundation:
        from plugin.app import audit_sending, furnish
        from smart_launch.outbound import Outbound

        outbound = Outbound()
        house, sending = furnish(foundation, outbound), None
        if found := audit_sending(foundation, outbound):
            sending = threading.Thread(target=found.run, args=(stop,), daemon=True)
            sending.start()
        house.worker.run(stop)
        if sending is not None:
            sending.join(_GRACE)
