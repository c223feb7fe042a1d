"""What unlisted SNOMED CT codes are kinds of, asked of a server at the wire."""

import json
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from plugin.chart.chart import Chart, Coding, Condition, Patient
from plugin.chart.kinds import AT_ONCE, BUDGET, HIERARCHY, MOST_CODES, Kinds
from plugin.chart.terminology import Terminology, TerminologyServer
from smart_launch.errors import FhirRefused, FhirUnavailable
from smart_launch.outbound import Outbound
from smart_launch.registration import REQUIRED_SCOPES, Registration

AT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
SCT = "http://snomed.info/sct"
ALCOHOL, DEPRESSION = "66590003", "35489007"
SEVERE, GOUT, MILD = "10000001", "20000002", "30000003"
ABOVE = {SEVERE: {ALCOHOL}, MILD: {DEPRESSION, ALCOHOL}, GOUT: set[str]()}
LISTED = (ALCOHOL, DEPRESSION)


def chart(*codes: str) -> Chart:
    conditions = [
        Condition(f"Condition/{i}", (Coding(SCT, code),))
        for i, code in enumerate(codes)
    ]
    return Chart(Patient("Patient/secret-7", "secret-7"), conditions)


@dataclass(slots=True)
class Hierarchy:
    """A server that knows a small hierarchy, and keeps what it was asked."""

    refuses: set[str] = field(default_factory=set)
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)

    def answer(self, name: str, params: Mapping[str, str]) -> dict[str, Any]:
        self.asked.append((name, params))
        if name in self.answers:
            return dict(self.answers[name])
        if name == "expand":
            return self._expanded(params["url"].split("fhir_vs=ecl/")[1])
        under = params["codeA"] in ABOVE.get(params["codeB"], ())
        outcome = "subsumes" if under else "not-subsumed"
        row = {"name": "outcome", "valueCode": outcome}
        return {"resourceType": "Parameters", "parameter": [row]}

    def _expanded(self, constraint: str) -> dict[str, Any]:
        named = set(re.findall(r"\d+", constraint))
        if constraint.startswith(">"):
            found = ABOVE[constraint[1:].split(maxsplit=1)[0]] & named
        else:
            found = {code for code, above in ABOVE.items() if above & named} & named
        rows = [{"system": SCT, "code": code} for code in found]
        expansion = {"total": len(rows), "contains": rows}
        return {"resourceType": "ValueSet", "expansion": expansion}

    def names(self) -> list[str]:
        return [name for name, _ in self.asked]


@dataclass(slots=True)
class Direct:
    """The same without a wire, on a clock of its own."""

    hierarchy: Hierarchy
    seconds: float = 0.0  # that an answer takes
    now: float = 0.0
    error: Exception | None = None

    def operation(
        self, _type: str, name: str, params: Mapping[str, str], seconds: float
    ) -> dict[str, Any]:
        assert 0 < seconds <= BUDGET
        self.now += self.seconds
        if self.error:
            raise self.error
        if name in self.hierarchy.refuses:
            self.hierarchy.asked.append((name, params))
            raise FhirRefused("the FHIR server answered 400", http_status=400)
        return self.hierarchy.answer(name, params)


@dataclass(slots=True)
class Clock:
    now: datetime = AT

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def hierarchy() -> Hierarchy:
    return Hierarchy()


@pytest.fixture
def direct(hierarchy: Hierarchy) -> Direct:
    return Direct(hierarchy)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kinds(direct: Direct, clock: Clock) -> Kinds:
    return Kinds(LISTED, clock, monotonic=lambda: direct.now)


def test_unlisted_code_is_known_by_what_it_is_a_kind_of(
    kinds: Kinds, direct: Direct
) -> None:
    found = kinds.added_to(chart(SEVERE, GOUT, MILD), "tx", direct)
    assert found.kinds == {SEVERE: (ALCOHOL,), MILD: (DEPRESSION, ALCOHOL)}
    assert found.could_not_check == ()
    # Once for all three, then once for each that lies under a listed one.
    assert direct.hierarchy.names() == ["expand"] * 3


def test_listed_codes_and_other_systems_are_not_asked_about(
    kinds: Kinds, direct: Direct
) -> None:
    other = Condition("Condition/x", (Coding("https://ehr.example/codes", "20000002"),))
    given = chart(ALCOHOL, "not a code", "F10.20")
    given = Chart(given.patient, [*given.conditions, other])
    assert kinds.added_to(given, "tx", direct) == given
    assert direct.hierarchy.asked == []


def test_answers_are_kept_for_a_week_and_for_one_server_alone(
    kinds: Kinds, direct: Direct, clock: Clock
) -> None:
    first = kinds.added_to(chart(SEVERE, GOUT), "tx", direct)
    asked = len(direct.hierarchy.asked)
    assert kinds.added_to(chart(SEVERE, GOUT), "tx", direct).kinds == first.kinds
    assert len(direct.hierarchy.asked) == asked
    kinds.added_to(chart(SEVERE), "another", direct)
    assert len(direct.hierarchy.asked) == asked + 2
    clock.now += timedelta(days=7)
    kinds.added_to(chart(SEVERE), "tx", direct)
    assert len(direct.hierarchy.asked) == asked + 4


@pytest.mark.parametrize(
    "spoiled",
    [
        pytest.param({"resourceType": "ValueSet"}, id="no-expansion"),
        pytest.param(
            {"resourceType": "ValueSet", "expansion": {"total": 9, "contains": []}},
            id="cut-short",
        ),
        pytest.param({"resourceType": "Parameters", "parameter": 4}, id="another"),
    ],
)
def test_answer_that_says_nothing_is_said_as_unknown(
    kinds: Kinds, direct: Direct, spoiled: dict[str, Any]
) -> None:
    direct.hierarchy.answers["expand"] = spoiled
    found = kinds.added_to(chart(SEVERE), "tx", direct)
    assert found.kinds == {}
    assert found.could_not_check == (HIERARCHY,)


def test_server_that_is_away_costs_a_line_and_is_asked_again(
    kinds: Kinds, direct: Direct
) -> None:
    direct.error = FhirUnavailable("no answer")
    given = chart(SEVERE, GOUT)
    found = kinds.added_to(given, "tx", direct)
    assert found.could_not_check == (HIERARCHY,)
    assert found.conditions == given.conditions
    direct.error = None
    assert kinds.added_to(given, "tx", direct).kinds == {SEVERE: (ALCOHOL,)}


def test_slow_server_is_asked_no_longer_than_the_budget(
    kinds: Kinds, direct: Direct
) -> None:
    direct.seconds = 1.0
    many = [str(40000000 + n) for n in range(6 * AT_ONCE)]
    found = kinds.added_to(chart(*many), "tx", direct)
    assert len(direct.hierarchy.asked) == 3
    assert found.could_not_check == (HIERARCHY,)


def test_more_codes_than_are_asked_about_are_said_as_unknown(
    kinds: Kinds, direct: Direct
) -> None:
    many = [str(40000000 + n) for n in range(MOST_CODES + 1)]
    found = kinds.added_to(chart(*many), "tx", direct)
    assert len(direct.hierarchy.asked) == MOST_CODES / AT_ONCE
    assert found.could_not_check == (HIERARCHY,)


def test_server_without_expressions_is_asked_pair_by_pair(
    kinds: Kinds, direct: Direct, clock: Clock
) -> None:
    direct.hierarchy.refuses = {"expand"}
    found = kinds.added_to(chart(SEVERE, GOUT), "tx", direct)
    assert found.kinds == {SEVERE: (ALCOHOL,)}
    assert found.could_not_check == ()
    assert direct.hierarchy.names() == ["expand"] + ["subsumes"] * 4
    kinds.added_to(chart(MILD), "tx", direct)
    assert direct.hierarchy.names().count("expand") == 1
    clock.now += timedelta(hours=1)
    kinds.added_to(chart("50000005"), "tx", direct)
    assert direct.hierarchy.names().count("expand") == 2


def test_server_that_refuses_both_is_said_and_left_alone_for_an_hour(
    kinds: Kinds, direct: Direct
) -> None:
    direct.hierarchy.refuses = {"expand", "subsumes"}
    assert kinds.added_to(chart(SEVERE), "tx", direct).could_not_check == (HIERARCHY,)
    asked = len(direct.hierarchy.asked)
    assert kinds.added_to(chart(SEVERE), "tx", direct).could_not_check == (HIERARCHY,)
    assert len(direct.hierarchy.asked) == asked


def test_outcome_that_is_none_is_no_answer(kinds: Kinds, direct: Direct) -> None:
    direct.hierarchy.refuses = {"expand"}
    direct.hierarchy.answers["subsumes"] = {"parameter": [{"name": "outcome"}]}
    found = kinds.added_to(chart(SEVERE), "tx", direct)
    assert found.could_not_check == (HIERARCHY,)


# --- over the wire --------------------------------------------------------------------


@pytest.fixture
def address(hierarchy: Hierarchy) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            params = {k: v[0] for k, v in parse_qs(parts.query).items()}
            name = parts.path.rpartition("$")[2]
            refused = name in hierarchy.refuses
            body = json.dumps({} if refused else hierarchy.answer(name, params))
            self.send_response(400 if refused else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/fhir"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def over_the_wire(address: str, clock: Clock) -> Iterator[Terminology]:
    registration = Registration(
        id="terminology server",
        issuer=address,
        client_id="none",
        client_auth="none",
        redirect_uri="http://127.0.0.1:8000/callback",
        scopes=tuple(REQUIRED_SCOPES),
        allow_loopback_http=True,
    )
    outbound = Outbound()
    server = TerminologyServer(registration, outbound)
    yield Terminology(Kinds(LISTED, clock), server)
    outbound.close()


def test_site_server_is_asked_through_the_one_door(
    over_the_wire: Terminology, hierarchy: Hierarchy, direct: Direct
) -> None:
    found = over_the_wire.added_to(chart(SEVERE, GOUT), "general", direct)
    assert found.kinds == {SEVERE: (ALCOHOL,)}
    assert "secret-7" not in repr(hierarchy.asked)


def test_refusal_and_absence_over_the_wire_cost_a_line(
    over_the_wire: Terminology, hierarchy: Hierarchy, direct: Direct
) -> None:
    hierarchy.refuses = {"expand", "subsumes"}
    found = over_the_wire.added_to(chart(SEVERE), "general", direct)
    assert found.could_not_check == (HIERARCHY,)


def test_ehr_is_asked_only_where_the_site_set_it(kinds: Kinds, direct: Direct) -> None:
    terminology = Terminology(kinds, tenants=frozenset({"general"}))
    assert terminology.added_to(chart(SEVERE), "county", direct).kinds == {}
    assert direct.hierarchy.asked == []
    found = terminology.added_to(chart(SEVERE), "general", direct)
    assert found.kinds == {SEVERE: (ALCOHOL,)}
