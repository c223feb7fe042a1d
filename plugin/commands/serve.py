"""`selfhelp serve`: the app, in one process or several."""

import os
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plugin.commands.configured import Config, settings_of
from plugin.commands.endings import OutsideFailed
from plugin.commands.starting import no_collecting

if TYPE_CHECKING:
    from fastapi import FastAPI
    from uvicorn import Config as ServerConfig

# How a further process learns what this one was told.
_CONFIG = "SELFHELP_CONFIG"
_WORKER = "SELFHELP_WORKER_INSIDE"

# Beyond this many requests at once the answer is 503: each takes memory.
_MOST_AT_ONCE = 1000
_KEEP_ALIVE = 5  # seconds
_GRACE = 25  # seconds, for what is under way when the app is stopped


def serve(
    config: Config = None,
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes.")] = 1,
    worker: Annotated[
        bool,
        typer.Option("--worker/--no-worker", help="Write signed referrals from here."),
    ] = True,
) -> None:
    """Run the app, with the write-back worker inside."""
    with no_collecting():
        _check(config)
    if config is not None:
        os.environ[_CONFIG] = str(config.resolve())
    os.environ[_WORKER] = "yes" if worker else "no"
    listener = _listener(host, port)
    for number in (signal.SIGINT, signal.SIGTERM):
        # The server stops for these; afterwards they are passed on, and mean nothing.
        signal.signal(number, lambda *_: None)
    if workers == 1:
        _one(listener)
    else:
        _several(listener, workers)


def application() -> "FastAPI":
    """The app of one process, from its environment."""
    with no_collecting():
        from plugin import logs
        from plugin.app import create_app

        logs.send_to()
        config = Path(os.environ[_CONFIG]) if _CONFIG in os.environ else None
        with_worker = os.environ.get(_WORKER) != "no"
        return create_app(settings_of(config), with_worker=with_worker)


def _check(config: Path | None) -> None:
    """Before anything listens, so that a mistake ends the command, not each process."""
    from plugin import logs
    from plugin.foundation import lay
    from plugin.knowledge.load import load_knowledge
    from plugin.operations.floors import check_floors

    logs.send_to()
    check_floors()
    settings = settings_of(config)
    load_knowledge(settings.site_file)
    lay(settings).prepare()


def _one(listener: socket.socket) -> None:
    import uvicorn

    server = uvicorn.Server(_server(1))
    server.run(sockets=[listener])
    if not server.started:
        raise OutsideFailed("The app could not start. The log says what failed")


def _several(listener: socket.socket, workers: int) -> None:
    from uvicorn.supervisors import Multiprocess

    config = _server(workers)
    Multiprocess(config, [listener]).run()


def _server(workers: int) -> "ServerConfig":
    import uvicorn

    return uvicorn.Config(
        "plugin.commands.serve:application",
        factory=True,
        workers=workers,
        log_config=None,
        access_log=False,
        server_header=False,
        # Addresses come from the settings and never from what a client claims.
        proxy_headers=False,
        limit_concurrency=_MOST_AT_ONCE,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_GRACE,
        ws="none",
    )


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends at once (TCP_NODELAY) only on sockets that say they are TCP: on
    # others a page's body waits 40 ms for the browser to acknowledge its head.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise OutsideFailed(
            f"{host}:{port} cannot be used ({error.strerror}). "
            "Stop what listens there, or give --port"
        ) from None
    listener.set_inheritable(True)
    return listener
