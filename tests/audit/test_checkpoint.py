"""A tail that was cut off, or a checkpoint file that was replaced, is found."""

import socket
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from sqlalchemy import Engine, delete

from plugin.audit.checkpoint import make_checkpoints, newest_checkpoints
from plugin.audit.errors import CheckpointBroken
from plugin.audit.export import export_lines
from plugin.audit.keys import AuditKeys
from plugin.audit.syslog import to_syslog
from plugin.audit.trail import Event, Trail
from plugin.audit.verify import Verdict, verify
from plugin.store.audit_tables import audit_events
from plugin.store.engine import writing

Fill = Callable[..., None]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "elsewhere" / "checkpoints.jws"


def checked(engine: Engine, keys: AuditKeys, file: Path) -> Verdict:
    return verify(engine, keys, checkpoints=newest_checkpoints(file, keys))


def cut(engine: Engine, after: int) -> None:
    with writing(engine) as connection:
        connection.execute(delete(audit_events).where(audit_events.c.sequence > after))


def test_checkpointed_trail_is_whole(
    engine: Engine, trail: Trail, keys: AuditKeys, fill: Fill, file: Path
) -> None:
    fill(5)
    fill(2, tenant="other")
    made = make_checkpoints(engine, trail, file)
    assert [(one.tenant, one.number, one.sequence) for one in made] == [
        ("general", 1, 5),
        ("other", 2, 2),
    ]
    fill(3)
    make_checkpoints(engine, trail, file)
    verdict = checked(engine, keys, file)
    assert verdict.whole
    assert verdict.counts == {"general": 10, "other": 4}


@pytest.mark.parametrize("left", [4, 2, 0], ids=lambda n: f"A03-{n}-left")
def test_A03_missing_tail_is_found(
    engine: Engine, trail: Trail, keys: AuditKeys, fill: Fill, file: Path, left: int
) -> None:
    fill(5)
    make_checkpoints(engine, trail, file)
    cut(engine, after=left)
    assert verify(engine, keys).whole  # the database alone cannot tell
    (finding,) = checked(engine, keys, file).findings
    assert finding.sequence == left + 1
    assert finding.what == "the tail is missing: checkpoint 1 saw 5 records"


def test_A03_tail_that_was_written_anew_is_found(
    engine: Engine, trail: Trail, keys: AuditKeys, fill: Fill, file: Path
) -> None:
    fill(5)
    make_checkpoints(engine, trail, file)
    cut(engine, after=3)
    fill(6)
    (finding,) = checked(engine, keys, file).findings
    assert "is not the one checkpoint 1 saw" in finding.what


def test_A05_deleted_file_is_found(
    engine: Engine, trail: Trail, keys: AuditKeys, fill: Fill, file: Path
) -> None:
    fill(5)
    make_checkpoints(engine, trail, file)
    file.unlink()
    (finding,) = checked(engine, keys, file).findings
    assert finding.what == "checkpoint 1 was made and is not in the file"
    with pytest.raises(CheckpointBroken, match="is not in the file"):
        make_checkpoints(engine, trail, file)


def test_A05_older_file_is_found(
    engine: Engine, trail: Trail, keys: AuditKeys, fill: Fill, file: Path
) -> None:
    fill(5)
    make_checkpoints(engine, trail, file)
    older = file.read_bytes()
    fill(5)
    make_checkpoints(engine, trail, file)
    file.write_bytes(older)
    (finding,) = checked(engine, keys, file).findings
    assert "replaced by an older one" in finding.what


def test_A05_line_taken_out_of_the_file_is_found(
    engine: Engine, trail: Trail, keys: AuditKeys, fill: Fill, file: Path
) -> None:
    fill(1)
    for _ in range(3):
        make_checkpoints(engine, trail, file)
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(lines[0] + lines[2])
    with pytest.raises(CheckpointBroken, match=":2: a line before it is missing"):
        newest_checkpoints(file, keys)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"nonsense\n", id="nonsense"),
        pytest.param(b"e30.e30.AAAA\n", id="no-key"),
        pytest.param("é\n".encode(), id="no-ascii"),
    ],
)
def test_A05_line_that_we_did_not_sign_is_found(
    engine: Engine, trail: Trail, keys: AuditKeys, fill: Fill, file: Path, line: bytes
) -> None:
    fill(1)
    make_checkpoints(engine, trail, file)
    file.write_bytes(line)
    with pytest.raises(CheckpointBroken, match=":1: "):
        newest_checkpoints(file, keys)


def test_A05_line_signed_with_another_key_is_found(
    engine: Engine, trail: Trail, keys: AuditKeys, fill: Fill, file: Path
) -> None:
    fill(1)
    make_checkpoints(engine, trail, file)
    head, body, _ = file.read_bytes().split(b".")
    file.write_bytes(b".".join((head, body, b"A" * 86)) + b"\n")
    with pytest.raises(CheckpointBroken, match="not signed by this installation"):
        newest_checkpoints(file, keys)


def test_shortened_trail_gets_no_new_checkpoint(
    engine: Engine, trail: Trail, fill: Fill, file: Path
) -> None:
    fill(5)
    make_checkpoints(engine, trail, file)
    cut(engine, after=3)
    with pytest.raises(CheckpointBroken, match="shorter than its checkpoint"):
        make_checkpoints(engine, trail, file)


def test_line_that_was_never_finished_does_not_count(
    engine: Engine, trail: Trail, keys: AuditKeys, fill: Fill, file: Path
) -> None:
    fill(5)
    make_checkpoints(engine, trail, file)
    with file.open("ab") as opened:
        opened.write(b"eyJhbGciOiJFZDI1")
    assert checked(engine, keys, file).whole
    make_checkpoints(engine, trail, file)
    assert checked(engine, keys, file).whole
    assert len(file.read_bytes().splitlines()) == 2


def test_file_that_knows_more_than_the_trail_is_whole(
    engine: Engine, trail: Trail, keys: AuditKeys, fill: Fill, file: Path
) -> None:
    """As after a crash between the file's line and the trail's record."""
    fill(5)
    make_checkpoints(engine, trail, file)
    cut(engine, after=5)
    assert checked(engine, keys, file).whole


def test_A06_checkpoints_over_a_key_rotation_are_whole(
    engine: Engine, trail: Trail, fill: Fill, file: Path
) -> None:
    fill(2)
    make_checkpoints(engine, trail, file)
    ring = AuditKeys([b"\x07" * 32, b"\x05" * 32])
    make_checkpoints(engine, Trail(ring, trail.clock), file)
    assert checked(engine, ring, file).whole
    with pytest.raises(CheckpointBroken, match="its key is not in the ring"):
        newest_checkpoints(file, AuditKeys([b"\x07" * 32]))


def test_export_has_each_record_once_and_no_identity(
    engine: Engine, trail: Trail, keys: AuditKeys, fill: Fill
) -> None:
    fill(3)
    trail.record(engine, Event("other", "x"))
    lines = [orjson.loads(line) for line in export_lines(engine, "general")]
    assert [line["sequence"] for line in lines] == [1, 2, 3]
    assert lines[0]["at"] == "2026-03-02T12:00:01+00:00"
    assert "canary" not in repr(lines)
    for line in lines:
        chain = keys.chain(line["canonical"].encode(), line["key_id"])
        assert chain.hex() == line["chain"]


def test_A05_checkpoint_goes_to_a_second_place_and_verifies_from_there(
    engine: Engine,
    trail: Trail,
    keys: AuditKeys,
    fill: Fill,
    file: Path,
    tmp_path: Path,
) -> None:
    listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listening.bind(("127.0.0.1", 0))
    listening.settimeout(5)
    send = to_syslog(f"127.0.0.1:{listening.getsockname()[1]}")
    fill(5)
    make_checkpoints(engine, trail, file, send)
    message = listening.recv(65_536)
    listening.close()
    assert message.startswith(b"<110>selfhelp-checkpoint: ")
    gathered = tmp_path / "from-the-log-server.jws"
    gathered.write_bytes(message.split(b": ", 1)[1] + b"\n")
    file.unlink()
    cut(engine, after=3)
    (finding,) = checked(engine, keys, gathered).findings
    assert finding.what == "the tail is missing: checkpoint 1 saw 5 records"


def test_log_server_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        to_syslog(f"{tmp_path}/no-socket")(b"line\n")
