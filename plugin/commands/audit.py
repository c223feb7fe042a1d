"""`selfhelp audit`: verify, export and checkpoint the audit trail."""

import getpass
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from plugin.audit.checkpoint import FILE_NAME, make_checkpoints, newest_checkpoints
from plugin.audit.errors import CheckpointBroken
from plugin.audit.export import export_lines
from plugin.audit.trail import NO_TENANT, Event
from plugin.audit.verify import Verdict
from plugin.audit.verify import verify as verify_trail
from plugin.commands.configured import Config, foundation_of
from plugin.commands.endings import BadInput, Findings
from plugin.foundation import Foundation

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)

Tenant = Annotated[str, typer.Option(help="One EHR's id; all of them without it.")]
File = Annotated[
    Path | None,
    typer.Option(
        "--checkpoints",
        help="The checkpoint file, where [checkpoints] does not name its directory.",
    ),
]


@app.command()
def verify(
    config: Config = None,
    tenant: Tenant = "",
    checkpoints: File = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read every record: exit 0 for a whole trail, 1 for a broken one."""
    with foundation_of(config) as foundation, _broken_file_is_a_finding():
        file = _file(foundation, checkpoints)
        keys = foundation.trail.keys
        verdict = verify_trail(
            foundation.engine,
            keys,
            tenant=tenant or None,
            checkpoints=newest_checkpoints(file, keys) if file else None,
        )
    _say(verdict, as_json=as_json)
    if not verdict.whole:
        first = verdict.findings[0]
        raise Findings(
            f"The trail of {first.tenant} is broken at record {first.sequence}: "
            f"{first.what}"
        )


@app.command()
def export(
    config: Config = None,
    tenant: Tenant = "",
    to: Annotated[
        Path | None, typer.Option("--to", help="A file; standard output without it.")
    ] = None,
) -> None:
    """Write the trail as lines of JSON, patients by pseudonym. It is recorded."""
    with foundation_of(config) as foundation:
        names = [tenant] if tenant else _tenants(foundation)
        for name in names:
            foundation.trail.record(
                foundation.engine, Event(name, "audit.exported", actor=_actor())
            )
        out = to.open("wb") if to else sys.stdout.buffer
        try:
            for name in names:
                out.writelines(export_lines(foundation.engine, name))
            out.flush()
        finally:
            if to:
                out.close()


@app.command()
def checkpoint(config: Config = None, checkpoints: File = None) -> None:
    """Sign how far each chain has come, in a file outside the database."""
    with foundation_of(config) as foundation, _broken_file_is_a_finding():
        file = _file(foundation, checkpoints)
        if file is None:
            raise BadInput(
                "No place for checkpoints is set. Set directory in [checkpoints], or "
                "give --checkpoints FILE"
            )
        made = make_checkpoints(foundation.engine, foundation.trail, file)
    for one in made:
        print(f"{one.number}  {one.tenant}  {one.sequence} records  {one.chain.hex()}")


def _file(foundation: Foundation, named: Path | None) -> Path | None:
    if named is not None:
        return named
    kept = foundation.settings.checkpoints
    return Path(kept.directory) / FILE_NAME if kept else None


@contextmanager
def _broken_file_is_a_finding() -> Iterator[None]:
    try:
        yield
    except CheckpointBroken as error:
        raise Findings(f"The checkpoints are broken: {error}") from None


def _tenants(foundation: Foundation) -> list[str]:
    return [*(ehr.id for ehr in foundation.settings.ehrs), NO_TENANT]


def _actor() -> str:
    """Who is told to have done it: the account on this machine."""
    return f"operator:{getpass.getuser()}"


def _say(verdict: Verdict, *, as_json: bool) -> None:
    if as_json:
        told = {
            "whole": verdict.whole,
            "records": dict(verdict.counts),
            "findings": [
                {"tenant": one.tenant, "record": one.sequence, "what": one.what}
                for one in verdict.findings
            ],
        }
        print(json.dumps(told, indent=2))
        return
    for tenant, count in verdict.counts.items():
        state = "broken" if tenant in {f.tenant for f in verdict.findings} else "whole"
        print(f"{tenant}  {count} records  {state}")
