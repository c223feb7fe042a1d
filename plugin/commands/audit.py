"""`selfhelp audit`: verify, export and checkpoint the audit trail; keep and erase."""

import getpass
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from plugin.audit.checkpoint import FILE_NAME, make_checkpoints, newest_checkpoints
from plugin.audit.errors import CheckpointBroken, HeldBack, TooEarly
from plugin.audit.export import export_lines
from plugin.audit.retention import LEAST_YEARS, Retention
from plugin.audit.sending import send_again, standings, unsent
from plugin.audit.syslog import to_syslog
from plugin.audit.trail import NO_TENANT, Event
from plugin.audit.verify import Verdict
from plugin.audit.verify import verify as verify_trail
from plugin.commands.configured import Config, foundation_of
from plugin.commands.endings import BadInput, Findings
from plugin.foundation import Foundation

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)

_MOST_PROCESSES = 4

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
            processes=min(os.cpu_count() or 1, _MOST_PROCESSES),
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
        kept = foundation.settings.checkpoints
        second = to_syslog(kept.syslog) if kept and kept.syslog else None
        made = make_checkpoints(foundation.engine, foundation.trail, file, second)
    for one in made:
        print(f"{one.number}  {one.tenant}  {one.sequence} records  {one.chain.hex()}")


@app.command()
def repository(
    config: Config = None,
    again: Annotated[
        bool, typer.Option("--again", help="Send what was refused once more.")
    ] = False,
) -> None:
    """How far AuditEvents were sent to the repository, and what it refused: exit 1."""
    with foundation_of(config) as foundation:
        if again:
            print(f"{send_again(foundation.engine)} to be sent again")
            return
        found = standings(foundation.engine)
        for one in found:
            behind = f"sent through {one.through} of {one.newest}"
            why = f"  waiting: {one.reason}" if one.reason else ""
            print(f"{one.tenant}  {behind}  {one.refused} refused{why}")
        refused = unsent(foundation.engine)
        for row in refused:
            print(f"  {row.tenant}  record {row.sequence}  {row.id}  {row.reason}")
        if not found:
            print("Nothing was sent yet.")
    if refused:
        raise Findings(
            "The repository refused events. Mend what it asks for, then use --again"
        )


OneTenant = Annotated[str, typer.Option("--tenant", help="The EHR's id.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is recorded.")]
Patient = Annotated[
    Path,
    typer.Option(
        "--patient-file",
        help="A file with the patient's FHIR id: no shell history has it.",
    ),
]


@app.command()
def hold(
    tenant: OneTenant, patient_file: Patient, reason: Reason, config: Config = None
) -> None:
    """Keep all records of a patient: a legal hold. It is recorded."""
    with _retention(config) as retention:
        retention.hold(tenant, _id(patient_file), reason=reason, actor=_actor())


@app.command()
def release(
    tenant: OneTenant, patient_file: Patient, reason: Reason, config: Config = None
) -> None:
    """End a legal hold. It is recorded."""
    with _retention(config) as retention:
        retention.release(tenant, _id(patient_file), reason=reason, actor=_actor())


@app.command()
def erase(
    tenant: OneTenant, patient_file: Patient, reason: Reason, config: Config = None
) -> None:
    """Take a patient out of the trail and the referrals; the chain stays whole."""
    with _retention(config) as retention:
        count = retention.erase(
            tenant, _id(patient_file), reason=reason, actor=_actor()
        )
    print(f"{count} records erased")


@app.command()
def purge(
    tenant: OneTenant,
    config: Config = None,
    years: Annotated[
        int, typer.Option(help=f"Keep this many years; at least {LEAST_YEARS}.")
    ] = LEAST_YEARS,
) -> None:
    """Remove records that are older; the chain stays whole. It is recorded."""
    with foundation_of(config) as foundation, _refusals():
        retention = Retention(foundation.engine, foundation.trail)
        count = retention.purge(
            tenant, years=years, now=foundation.clock(), actor=_actor()
        )
    print(f"{count} records removed")


@contextmanager
def _retention(config: Path | None) -> Iterator[Retention]:
    with foundation_of(config) as foundation, _refusals():
        yield Retention(foundation.engine, foundation.trail)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (HeldBack, TooEarly) as refusal:
        raise BadInput(f"Nothing was removed: {refusal}") from None


def _id(file: Path) -> str:
    try:
        return file.read_text("utf-8").strip()
    except OSError as error:
        raise BadInput(f"{file} cannot be read ({error.strerror})") from None


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
    if not verdict.counts and verdict.whole:
        print("No record yet.")
    for tenant, count in verdict.counts.items():
        state = "broken" if tenant in {f.tenant for f in verdict.findings} else "whole"
        print(f"{tenant}  {count} records  {state}")
