"""Is the trail whole? If not: which record is the first bad one, and what is wrong.

Works on the database alone, also while the app is stopped. What a thief of the database
could still do, cut off the newest records, is found by comparing with a checkpoint that
lies elsewhere.
"""

import hmac
import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, func, select

from plugin.audit.checkpoint import Checkpoint
from plugin.audit.keys import AuditKeys
from plugin.audit.removed import Removed, removed_of
from plugin.audit.segment import Asked, Segment, read_segment
from plugin.audit.trail import GENESIS
from plugin.store.audit_tables import audit_events
from plugin.store.engine import open_engine, reading

# A second process is worth its start from here on.
_WORTH_A_PROCESS = 250_000  # records


@dataclass(frozen=True, slots=True)
class Finding:
    """Where a chain stops being what was written. `sequence` is the first bad one."""

    tenant: str
    sequence: int
    what: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """`counts` are the records that were read for each tenant."""

    counts: Mapping[str, int]
    findings: tuple[Finding, ...]

    @property
    def whole(self) -> bool:
        return not self.findings


def verify(
    engine: Engine,
    keys: AuditKeys,
    *,
    tenant: str | None = None,
    checkpoints: Mapping[str, Checkpoint] | None = None,
    processes: int = 1,
    share_from: int = _WORTH_A_PROCESS,
) -> Verdict:
    """Read every record of one tenant, or of all.

    Takes: `checkpoints`, the newest one of each tenant; None where none are kept. With
           a mapping given, a tenant that says it was checkpointed must be in it.
           `processes`, among how many the reading of a chain of `share_from` records
           or more is shared.
    """
    counts: dict[str, int] = {}
    findings: list[Finding] = []
    with reading(engine) as connection:
        names = set(checkpoints or {}) | set(_tenants(connection))
        for name in sorted(names if tenant is None else {tenant}):
            kept = (checkpoints or {}).get(name)
            removed = removed_of(connection, name, keys)
            parts = _parts(connection, name, removed, (processes, share_from))
            asked = [_asked(name, part, removed, kept) for part in parts]
            read = _joined(_read(connection, engine, keys, asked))
            counts[name] = read.last - removed.through
            wrong = read.wrong or _against_checkpoint(
                read, kept, removed.through, checked=checkpoints is not None
            )
            if wrong:
                findings.append(Finding(name, read.last + 1, wrong))
    return Verdict(counts, tuple(findings))


def _tenants(connection: Connection) -> list[str]:
    return list(connection.scalars(select(audit_events.c.tenant).distinct()))


# From the record after `int`, whose chain value is `bytes`, up to a number or the end.
Part = tuple[int, bytes, int | None]


def _parts(
    connection: Connection, tenant: str, removed: Removed, shared: tuple[int, int]
) -> list[Part]:
    processes, share_from = shared
    whole: list[Part] = [(removed.through, removed.chain or GENESIS, None)]
    newest = select(func.max(audit_events.c.sequence)).where(
        audit_events.c.tenant == tenant
    )
    length = (connection.scalar(newest) or 0) - removed.through
    if processes < 2 or length < share_from:
        return whole
    ends = [removed.through + length * n // processes for n in range(1, processes)]
    mine = audit_events.c.tenant == tenant
    at_ends = select(audit_events.c.sequence, audit_events.c.chain).where(
        mine, audit_events.c.sequence.in_(ends)
    )
    chains = {row.sequence: row.chain for row in connection.execute(at_ends)}
    if len(chains) < len(ends):
        return whole  # a record is missing there; reading in one go will name it
    starts = [whole[0][:2], *((end, chains[end]) for end in ends)]
    return [(*start, end) for start, end in zip(starts, [*ends, None], strict=True)]


def _asked(tenant: str, part: Part, removed: Removed, kept: Checkpoint | None) -> Asked:
    after, previous, until = part
    erased = {
        number: one
        for number, one in removed.erased.items()
        if after < number and (until is None or number <= until)
    }
    return Asked(
        tenant,
        after,
        previous,
        until,
        first=after == removed.through,
        erased=erased,
        checkpointed=kept.sequence if kept else 0,
    )


def _read(
    connection: Connection, engine: Engine, keys: AuditKeys, asked: Sequence[Asked]
) -> Iterator[Segment]:
    """The first part is read here, each further one by a process of its own."""
    if len(asked) == 1:
        yield read_segment(connection, keys, asked[0])
        return
    url = engine.url.render_as_string(hide_password=False)
    ring = list(keys.ring)
    with multiprocessing.get_context("spawn").Pool(len(asked) - 1) as pool:
        others = [
            pool.apply_async(_read_elsewhere, (url, ring, one)) for one in asked[1:]
        ]
        yield read_segment(connection, keys, asked[0])
        for other in others:
            yield other.get()


def _read_elsewhere(url: str, ring: list[bytes], asked: Asked) -> Segment:
    engine = open_engine(url)
    try:
        with reading(engine) as connection:
            return read_segment(connection, AuditKeys(ring), asked)
    finally:
        engine.dispose()


def _joined(segments: Iterator[Segment]) -> Segment:
    """One after the other, up to the first that is not whole."""
    newest_said, at_checkpoint = 0, None
    for segment in segments:
        newest_said = max(newest_said, segment.newest_said)
        at_checkpoint = at_checkpoint or segment.at_checkpoint
        last = segment
        if segment.wrong:
            break
    return Segment(last.last, newest_said, at_checkpoint, last.wrong)


def _against_checkpoint(
    read: Segment, kept: Checkpoint | None, purged: int, *, checked: bool
) -> str:
    if not checked:
        return ""
    if kept is None:
        if not read.newest_said:
            return ""
        return f"checkpoint {read.newest_said} was made and is not in the file"
    if kept.number < read.newest_said:
        return (
            f"the file ends with checkpoint {kept.number}, but {read.newest_said} "
            "was made: the file was replaced by an older one"
        )
    if read.last < kept.sequence:
        return (
            f"the tail is missing: checkpoint {kept.number} saw {kept.sequence} records"
        )
    if kept.sequence <= purged:
        return ""  # what it saw was removed since, by what the chain itself tells
    if not hmac.compare_digest(read.at_checkpoint or b"", kept.chain):
        return f"record {kept.sequence} is not the one checkpoint {kept.number} saw"
    return ""
