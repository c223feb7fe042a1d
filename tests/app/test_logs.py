"""A log line holds what is listed, and nothing else."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from plugin import logs

CANARIES = ("Zzyzx Quimby", "MRN-4711-0815", "eyJhbGciOiJSUzM4NCJ9.secret")


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.send_to(stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)


def only(lines: io.StringIO) -> dict[str, object]:
    (line,) = lines.getvalue().splitlines()
    read = json.loads(line)
    assert isinstance(read, dict)
    return read


def test_listed_keys_are_written(lines: io.StringIO) -> None:
    logs.log().warning("write.refused", tenant="general", status=422, job="j-1")
    line = only(lines)
    assert line["event"] == "write.refused"
    assert line["level"] == "warning"
    assert (line["tenant"], line["status"], line["job"]) == ("general", 422, "j-1")


def test_A10_unlisted_keys_and_unfit_values_stay_out(lines: io.StringIO) -> None:
    name, mrn, token = CANARIES
    logs.log().info(
        "chart.read",
        patient=mrn,
        name=name,
        access_token=token,
        tenant=name,
        route=name,
    )
    assert only(lines)["tenant"] == logs.WITHHELD
    assert not any(canary in lines.getvalue() for canary in CANARIES)


def test_A10_exception_is_named_but_never_quoted(lines: io.StringIO) -> None:
    def fail() -> None:
        raise ValueError(CANARIES[1]) from KeyError(CANARIES[0])

    try:
        fail()
    except ValueError:
        logs.log().exception("worker.failed")
    line = only(lines)
    assert line["error"] == "ValueError"
    assert line["caused_by"] == "KeyError"
    assert str(line["at"]).startswith("tests/app/test_logs.py:")
    assert not any(canary in lines.getvalue() for canary in CANARIES)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a\nb", id="newline"),
        pytest.param("a\r\n{}", id="crlf"),
        pytest.param("\x1b[31mred", id="ansi"),
        pytest.param('"}{"', id="json"),
        pytest.param("\u2028", id="line-separator"),
    ],
)
def test_A11_one_event_stays_one_line(lines: io.StringIO, text: str) -> None:
    logs.log().info("launch.rejected", reason=text)
    logs.log().info(text)
    assert len(lines.getvalue().splitlines()) == 2
    assert text not in lines.getvalue()


def test_A10_library_messages_are_not_printed(lines: io.StringIO) -> None:
    logging.getLogger("sqlalchemy.pool").error("lost %s", CANARIES[0])
    logging.getLogger("anything").warning(" ".join(["read", CANARIES[1]]))
    assert not any(canary in lines.getvalue() for canary in CANARIES)
    assert len(lines.getvalue().splitlines()) == 2


def test_A10_server_messages_lose_their_arguments(lines: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").info("Handling %s", CANARIES[2])
    logging.getLogger("uvicorn.access").info('"GET /callback?code=%s"', CANARIES[2])
    assert only(lines)["event"] == "Handling %s"


def test_smart_launch_logs_pass_the_same_list(lines: io.StringIO) -> None:
    logging.getLogger("smart_launch").warning(
        "discovery.refused", extra={"tenant": "general", "token": CANARIES[2]}
    )
    line = only(lines)
    assert line["event"] == "discovery.refused"
    assert line["tenant"] == "general"
    assert CANARIES[2] not in lines.getvalue()


def test_request_id_comes_from_the_request(lines: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(request="r-1"):
        logs.log().info("request")
    assert only(lines)["request"] == "r-1"


def test_unconfigured_log_prints_nothing_unlisted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.log().info("chart.read", name=CANARIES[0])
    printed = capsys.readouterr()
    assert CANARIES[0] not in printed.out + printed.err
