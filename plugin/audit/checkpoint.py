"""Checkpoints: signed statements of how far each chain had come, kept elsewhere.

A file of lines, one JWS each (Ed25519), that only grows. Each line names the one before
it, so that none can be taken out of the middle; the trail tells of each, so that the
file cannot be replaced by an older one unnoticed.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from sqlalchemy import Connection, Engine, select

from plugin.audit.errors import CheckpointBroken
from plugin.audit.keys import AuditKeys
from plugin.audit.segment import CHECKPOINT
from plugin.audit.trail import Event, Trail, last_of, lock_chain
from plugin.store.audit_tables import audit_events
from plugin.store.engine import reading, writing
from plugin.store.schema import micros

FILE_NAME = "checkpoints.jws"
_ALGORITHMS = ("Ed25519",)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`number` counts the checkpoints of the file from 1, whoever's they are."""

    tenant: str
    number: int
    sequence: int
    chain: bytes
    at: int  # microseconds


def make_checkpoints(
    engine: Engine,
    trail: Trail,
    file: Path,
    also_to: Callable[[bytes], None] | None = None,
) -> list[Checkpoint]:
    """Write down how far each tenant's chain has come.

    Takes:  `also_to`, which takes each line to a second place.
    Raises: CheckpointBroken where the file is not whole or the trail is behind it; a
            new checkpoint would hide that.
    """
    with reading(engine) as connection:
        names = select(audit_events.c.tenant).distinct()
        tenants = sorted(connection.scalars(names))
    file.parent.mkdir(parents=True, exist_ok=True)
    with _locked(file) as descriptor:

        def write(line: bytes) -> None:
            _write(descriptor, line)
            if also_to is not None:
                also_to(line)

        return [_make(engine, trail, file, write, tenant) for tenant in tenants]


def newest_checkpoints(file: Path, keys: AuditKeys) -> dict[str, Checkpoint]:
    """The newest checkpoint of each tenant; none where there is no file.

    Raises: CheckpointBroken for a line that we did not sign or that is out of place.
    """
    return {one.tenant: one for one in _read(file, keys)[0]}


def _make(
    engine: Engine,
    trail: Trail,
    file: Path,
    write: Callable[[bytes], None],
    tenant: str,
) -> Checkpoint:
    done, last_line = _read(file, trail.keys)
    with writing(engine) as connection:
        lock_chain(connection, tenant)
        sequence, chain = last_of(connection, tenant)
        mine = [one for one in done if one.tenant == tenant]
        _refuse_hiding(connection, mine, tenant, sequence)
        number = done[-1].number + 1 if done else 1
        made = Checkpoint(tenant, number, sequence, chain, micros(trail.clock()))
        # The line first: should the commit fail, the file knows more than the trail,
        # which is harmless. The other way round it would look replaced.
        write(_line(made, trail.keys, before=last_line))
        trail.append(
            connection,
            Event(
                tenant,
                CHECKPOINT,
                detail={"number": number, "sequence": sequence},
            ),
        )
    return made


def _refuse_hiding(
    connection: Connection, mine: list[Checkpoint], tenant: str, sequence: int
) -> None:
    newest = (
        select(audit_events.c.canonical)
        .where(audit_events.c.tenant == tenant)
        .where(audit_events.c.kind == CHECKPOINT)
        .order_by(audit_events.c.sequence.desc())
        .limit(1)
    )
    canonical = connection.scalar(newest)
    said = orjson.loads(canonical)["detail"]["number"] if canonical else 0
    if said > (mine[-1].number if mine else 0):
        raise CheckpointBroken(f"checkpoint {said} of {tenant} is not in the file")
    if mine and mine[-1].sequence > sequence:
        raise CheckpointBroken(f"the trail of {tenant} is shorter than its checkpoint")


def _line(one: Checkpoint, keys: AuditKeys, *, before: str) -> bytes:
    payload = orjson.dumps(
        {
            "tenant": one.tenant,
            "number": one.number,
            "sequence": one.sequence,
            "chain": one.chain.hex(),
            "at": one.at,
            "before": before,
        }
    )
    header = {"alg": "Ed25519", "kid": keys.current}
    key = OKPKey.import_key(keys.signing_key(keys.current))
    token = jws.serialize_compact(header, payload, key, algorithms=list(_ALGORITHMS))
    return token.encode() + b"\n"


def _read(file: Path, keys: AuditKeys) -> tuple[list[Checkpoint], str]:
    """All checkpoints, and the digest of the last line.

    A last line without its end was never finished: it does not count.
    """
    try:
        lines = file.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        lines = []
    found: list[Checkpoint] = []
    before = ""
    for number, line in enumerate(lines, 1):
        told = _opened(line, keys, f"{file}:{number}")
        if told["number"] != number or told["before"] != before:
            raise CheckpointBroken(f"{file}:{number}: a line before it is missing")
        chain = bytes.fromhex(told["chain"])
        found.append(
            Checkpoint(told["tenant"], number, told["sequence"], chain, told["at"])
        )
        before = hashlib.sha256(line).hexdigest()
    return found, before


def _opened(line: bytes, keys: AuditKeys, place: str) -> dict[str, Any]:
    try:
        kid = jws.extract_compact(line).headers().get("kid", "")
        if not keys.knows(kid):
            raise CheckpointBroken(f"{place}: its key is not in the ring")
        key = OKPKey.import_key(keys.signing_key(kid))
        signed = jws.deserialize_compact(line, key, algorithms=list(_ALGORITHMS))
        told: dict[str, Any] = orjson.loads(signed.payload)
    except (JoseError, ValueError) as error:
        raise CheckpointBroken(f"{place}: not signed by this installation") from error
    return told


@contextmanager
def _locked(file: Path) -> Iterator[int]:
    """The file, open for adding, by one process at a time."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        whole = file.read_bytes()
        os.ftruncate(descriptor, whole.rfind(b"\n") + 1)
        yield descriptor
    finally:
        os.close(descriptor)


def _write(descriptor: int, line: bytes) -> None:
    os.write(descriptor, line)
    os.fsync(descriptor)
