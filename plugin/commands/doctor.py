"""`selfhelp doctor`: what will work at each EHR, before a clinician finds out."""

import os
from typing import Annotated

import typer

from plugin.commands.configured import Config, foundation_of
from plugin.commands.endings import BadInput, Findings, OutsideFailed

_MARKS = {"ok": "ok     ", "narrows": "narrows", "failed": "FAILED "}


def doctor(
    ehr: Annotated[str, typer.Argument(help="Its id; all of them by default.")] = "",
    config: Config = None,
) -> None:
    """Try each registration step by step against its live EHR.

    Nothing of a patient is read. Exit code 1: works, with less; 3: a launch would fail.
    """
    from plugin.operations.examination import Examination
    from plugin.settings.registrations import registrations
    from smart_launch.client_auth import ClientAuthenticator
    from smart_launch.outbound import Outbound

    verdicts: set[str] = set()
    with foundation_of(config) as foundation:
        settings = foundation.settings
        known = registrations(settings)
        chosen = [one for one in settings.ehrs if ehr in ("", one.id)]
        if not chosen:
            ids = ", ".join(one.id for one in settings.ehrs)
            raise BadInput(f"There is no EHR {ehr} in the settings. There are: {ids}")
        keys, clock = foundation.signing_keys, foundation.clock
        for one in chosen:
            examination = Examination(
                settings,
                one,
                known.by_id(one.id),
                Outbound(),
                ClientAuthenticator(keys, clock, os.urandom),
            )
            print(f"{one.id}  {one.issuer}")
            for step in examination.steps():
                verdicts.add(step.verdict)
                print(f"  {_MARKS[step.verdict]}  {step.name}: {step.said}")
                if step.mend:
                    print(f"           {step.mend}")
    if "failed" in verdicts:
        raise OutsideFailed("A launch would fail. Mend what is marked FAILED")
    if "narrows" in verdicts:
        raise Findings("It works, with less than could be. See what is marked narrows")
