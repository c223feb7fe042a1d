"""What most commands begin with: the settings, and the foundation on them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from plugin.foundation import Foundation, lay
from plugin.settings import Settings, load_settings

# The option that every command which needs the installation's settings has.
Config = Annotated[
    Path | None,
    typer.Option(
        "--config", help="The TOML file; SELFHELP_CONFIG where it is not given."
    ),
]


def settings_of(config: Path | None) -> Settings:
    """Raises: ConfigRefused."""
    return load_settings(config, os.environ)


@contextmanager
def foundation_of(config: Path | None) -> Iterator[Foundation]:
    """The installation's foundation, ready; its connections closed at the end.

    Raises: ConfigRefused, SchemaRefused, StoreUnavailable.
    """
    foundation = lay(settings_of(config))
    try:
        foundation.prepare()
        yield foundation
    finally:
        foundation.engine.dispose()
