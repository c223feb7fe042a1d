"""`selfhelp keys`: the keys with which the app proves itself to EHRs.

A new key is published at once and signs when every EHR can have fetched it; an old one
stays published after it has signed for the last time.
"""

import json
from typing import Annotated

import typer

from plugin.commands.configured import Config, foundation_of
from smart_launch.client_keys import ALGORITHMS, Algorithm, StoredKey

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@app.command()
def generate(
    config: Config = None,
    algorithm: Annotated[
        str, typer.Option(help="RS384 or ES384; both unless one is named.")
    ] = "",
) -> None:
    """Make and publish a further key, which signs an hour later."""
    with foundation_of(config) as foundation:
        for chosen in _algorithms(algorithm):
            _say(foundation.signing_keys.generate(chosen))


@app.command()
def rotate(config: Config = None) -> None:
    """Publish a new key of each kind, and give the older ones their end."""
    with foundation_of(config) as foundation:
        for key in foundation.signing_keys.rotate():
            _say(key)


@app.command()
def jwks(config: Config = None) -> None:
    """Print the public keys, for an EHR that takes a document and no address."""
    with foundation_of(config) as foundation:
        print(json.dumps(foundation.signing_keys.public_jwks(), indent=2))


def _algorithms(named: str) -> tuple[Algorithm, ...]:
    if not named:
        return ALGORITHMS
    chosen = tuple(one for one in ALGORITHMS if one == named)
    if not chosen:
        raise typer.BadParameter("--algorithm is RS384 or ES384")
    return chosen


def _say(key: StoredKey) -> None:
    print(
        f"{key.algorithm}  {key.kid}  signs from {key.active_from:%Y-%m-%d %H:%M} UTC"
    )
