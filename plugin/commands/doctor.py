"""`selfhelp doctor`: what will work at each EHR, before a clinician finds out."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plugin.commands.configured import Config, foundation_of, settings_of
from plugin.commands.endings import BadInput, Findings, OutsideFailed

if TYPE_CHECKING:
    from plugin.operations.examination import Examination
    from plugin.settings import Ehr, Settings

_MARKS = {
    "ok": "ok     ",
    "narrows": "narrows",
    "failed": "FAILED ",
    "untried": "untried",
}

Saved = Annotated[
    Path | None,
    typer.Option(
        help="A folder with smart-configuration.json, metadata.json and jwks.json of "
        "the EHR, and cds-jwks.json of its CDS Hooks client: nothing is asked of it."
    ),
]


def doctor(
    ehr: Annotated[str, typer.Argument(help="Its id; all of them by default.")] = "",
    saved: Saved = None,
    config: Config = None,
) -> None:
    """Try each registration step by step against its live EHR.

    Nothing of a patient is read. Exit code 1: works, with less; 3: a launch would fail.
    """
    verdicts: set[str] = set()
    for examination in _examinations(ehr, saved, config):
        print(f"{examination.ehr.id}  {examination.ehr.issuer}")
        for step in examination.steps():
            verdicts.add(step.verdict)
            print(f"  {_MARKS[step.verdict]}  {step.name}: {step.said}", flush=True)
            if step.mend:
                print(f"           {step.mend}")
    if "failed" in verdicts:
        raise OutsideFailed("A launch would fail. Mend what is marked FAILED")
    if "narrows" in verdicts:
        raise Findings("It works, with less than could be. See what is marked narrows")


def _examinations(
    ehr: str, saved: Path | None, config: Path | None
) -> Iterator["Examination"]:
    if saved is None:
        yield from _live(ehr, config)
        return
    from plugin.operations.ehr_documents import SavedDocuments
    from plugin.operations.examination import Examination
    from plugin.settings.registrations import registrations

    if not saved.is_dir():
        raise BadInput(f"{saved} is no folder. Name the one with the saved documents")
    settings = settings_of(config)
    chosen = _chosen(settings, ehr)
    if len(chosen) > 1:
        raise BadInput("Name the EHR whose documents were saved, as its id")
    for one in chosen:
        registration = registrations(settings).by_id(one.id)
        documents = SavedDocuments(registration, saved)
        yield Examination(one, registration, documents, None)


def _live(ehr: str, config: Path | None) -> Iterator["Examination"]:
    from plugin.operations.ehr_documents import LiveDocuments
    from plugin.operations.examination import Examination
    from plugin.operations.proof import Proof
    from plugin.settings.registrations import backend_scopes, registrations
    from smart_launch.backend_services import BackendServices
    from smart_launch.client_auth import ClientAuthenticator
    from smart_launch.discovery import Discovery
    from smart_launch.outbound import Outbound

    with foundation_of(config) as foundation:
        settings, outbound = foundation.settings, Outbound()
        keys, clock = foundation.signing_keys, foundation.clock
        known = registrations(settings)
        own = BackendServices(
            registrations=known,
            outbound=outbound,
            discovery=Discovery(outbound),
            keys=keys,
            clock=clock,
            random=os.urandom,
            scopes=backend_scopes(settings),
        )
        authenticator = ClientAuthenticator(keys, clock, os.urandom)
        for one in _chosen(settings, ehr):
            registration = known.by_id(one.id)
            proof = Proof(settings, one, registration, outbound, authenticator, own)
            documents = LiveDocuments(registration, outbound)
            yield Examination(one, registration, documents, proof)


def _chosen(settings: "Settings", ehr: str) -> "list[Ehr]":
    chosen = [one for one in settings.ehrs if ehr in ("", one.id)]
    if not chosen:
        ids = ", ".join(one.id for one in settings.ehrs)
        raise BadInput(f"There is no EHR {ehr} in the settings. There are: {ids}")
    return chosen
