"""`selfhelp keys`: the keys with which the app proves itself to EHRs, and their seal.

A new key is published at once and signs when every EHR can have fetched it; an old one
stays published after it has signed for the last time.
"""

import json
from typing import Annotated

import typer

from plugin.commands.configured import Config, foundation_of
from plugin.commands.endings import Findings
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


@app.command()
def reseal(config: Config = None) -> None:
    """Seal what is stored with the newest master key, so that older ones can go.

    The app may run meanwhile, once every process of it has the newest key first.
    """
    from plugin.settings.keys import derived_from
    from plugin.store.resealing import reseal as sealed_anew

    with foundation_of(config) as foundation:
        broken = 0
        for table in sealed_anew(foundation.engine, foundation.seal):
            broken += table.broken
            print(f"{table.table}  {table.resealed} of {table.rows} sealed anew")
        settings = foundation.settings
        derived = derived_from(settings.master_keys, settings.audit_keys)
    if broken:
        raise Findings(
            f"{broken} stored values open with none of the master keys. Put the key "
            "that sealed them after the newest one, and run this again"
        )
    if derived and len(settings.master_keys) > 1:
        raise Findings(
            "The audit trail still needs the older master keys, for no "
            "SELFHELP_AUDIT_KEY is set. Leave them after the newest one"
        )
    print("The newest master key opens everything that is stored")


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
