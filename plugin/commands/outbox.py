"""`selfhelp outbox`: what is to be written to the EHR, and what needs a person."""

import getpass
import json
from dataclasses import asdict
from typing import Annotated, Any

import typer

from plugin.commands.configured import Config, foundation_of
from plugin.commands.endings import BadInput, Findings
from plugin.foundation import Foundation
from plugin.referral.errors import JobNotOpen, ReferralUnknown
from plugin.referral.job_time import job_time
from plugin.referral.outbox import Entry, Outbox

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)

# What stands still until a person acts.
_NEEDS_A_PERSON = ("unknown", "held", "refused")

Name = Annotated[str, typer.Argument(metavar="ID", show_default=False)]


@app.command()
def status(
    config: Config = None,
    every: Annotated[
        bool, typer.Option("--all", help="Written and cancelled ones too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the write jobs that are not settled. Exit 1 where one needs a person."""
    with foundation_of(config) as foundation:
        entries = _outbox(foundation).entries(all_states=every)
    if as_json:
        print(json.dumps([_told(entry) for entry in entries], indent=2))
    else:
        for entry in entries:
            print(_line(entry))
        if not entries:
            print("No write job." if every else "No write job is open.")
    stuck = [entry for entry in entries if _is_stuck(entry)]
    if stuck:
        raise Findings(
            f"{len(stuck)} of {len(entries)} need a person: see outbox retry --help "
            "and outbox resolve --help"
        )


@app.command()
def retry(name: Name, config: Config = None) -> None:
    """Try again now: a job, or all of a referral that stand still.

    Whoever does this says that what was signed is still right.
    """
    with foundation_of(config) as foundation:
        try:
            jobs = _outbox(foundation).retry(name, actor=_actor())
        except ReferralUnknown:
            raise BadInput(f"There is no job or referral {name}") from None
        except JobNotOpen as error:
            raise BadInput(f"{error}. See outbox status --all") from None
    for job in jobs:
        print(job)


@app.command()
def resolve(
    name: Name,
    config: Config = None,
    found: Annotated[
        str, typer.Option(help="Where it is in the EHR: ServiceRequest/12, or 12.")
    ] = "",
    absent: Annotated[
        bool, typer.Option("--absent", help="It is certainly not there: send it.")
    ] = False,
) -> None:
    """Say what a look into the chart has shown about a write without an answer."""
    if bool(found) == absent:
        raise BadInput("Say one of --found ID and --absent")
    with foundation_of(config) as foundation:
        try:
            _outbox(foundation).resolve(name, found=found or None, actor=_actor())
        except ReferralUnknown:
            raise BadInput(f"There is no job {name}") from None
        except (JobNotOpen, ValueError) as error:
            raise BadInput(f"{error}. See outbox status --all") from None


def _outbox(foundation: Foundation) -> Outbox:
    engine, clock = foundation.engine, foundation.clock
    return Outbox(engine, foundation.trail, job_time(engine, clock))


def _is_stuck(entry: Entry) -> bool:
    return entry.status in _NEEDS_A_PERSON and entry.due is None


def _actor() -> str:
    """Who is told to have done it: the account on this machine."""
    return f"operator:{getpass.getuser()}"


def _told(entry: Entry) -> dict[str, Any]:
    told = asdict(entry)
    for moment in ("due", "changed_at"):
        told[moment] = told[moment].isoformat() if told[moment] else None
    return told


def _line(entry: Entry) -> str:
    when = f"next {entry.due:%Y-%m-%d %H:%M:%S} UTC" if entry.due else "stands still"
    if entry.needs_launch:
        when = "waits for its signer"
    if entry.status in ("written", "cancelled"):
        when = entry.reference or "-"
    reason = " ".join(entry.reason.split())
    parts = (entry.job, entry.status, entry.tenant, entry.kind, when, reason)
    return "  ".join(part for part in parts if part)
