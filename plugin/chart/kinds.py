"""What SNOMED CT codes that nothing here lists are kinds of, as a server says.

Only codes leave, never the patient: which of the chart's codes lie under a listed one
is asked in one question, and what they lie under in one more for each. Answers are
kept; a server that does not answer in time costs a line, "could not check".

Source: FHIR R4, ValueSet/$expand and CodeSystem/$subsumes; SNOMED International,
"Using SNOMED CT with FHIR" (implicit value sets by Expression Constraint Language).
"""

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Protocol

from plugin.chart.chart import Chart, Source
from plugin.chart.codes import SNOMED, system_of
from plugin.chart.json_shapes import Json, many, number, one, text
from plugin.clock import Clock
from smart_launch.errors import FhirRefused, NotFound, SmartError

HIERARCHY: Source = "SNOMED CT hierarchy"
BUDGET = 2.5  # seconds for one chart
AT_ONCE = 60  # codes in one question
MOST_CODES = 300
MOST_PAIRS = 400  # of $subsumes, for one chart
SIDE_BY_SIDE = 8
KEPT = timedelta(days=7)
MOST_KEPT = 20_000
# After a server has refused a kind of question it is not asked so again for a while.
NOT_AGAIN = timedelta(hours=1)
# Source: FHIR R4, value set concept-subsumption-outcome.
OUTCOMES = frozenset({"equivalent", "subsumes", "subsumed-by", "not-subsumed"})
_IDENTIFIER = re.compile(r"[1-9][0-9]{5,17}")


class Asks(Protocol):
    """A server that is asked; it is called from several threads at once."""

    def operation(
        self,
        resource_type: str,
        name: str,
        params: Mapping[str, str],
        seconds: float,
        /,
    ) -> dict[str, Any]:
        """Raises: SmartError."""
        ...


class _NoAnswer(Exception):
    """The time is up, or what came back says nothing."""


@dataclass(frozen=True, slots=True)
class _Server:
    name: str
    asks: Asks
    until: float
    monotonic: Callable[[], float]

    def ask(self, resource_type: str, name: str, params: Mapping[str, str]) -> Json:
        left = self.until - self.monotonic()
        if left <= 0:
            raise _NoAnswer
        return self.asks.operation(resource_type, name, params, left)


@dataclass(slots=True)
class Kinds:
    """Thread-safe; one for the whole process.

    Takes: `listed`, the SNOMED CT codes that the rules and needs list, the more
           urgent ones first.
    """

    listed: Sequence[str]
    clock: Clock
    monotonic: Callable[[], float] = time.monotonic
    _known: OrderedDict[tuple[str, str], tuple[tuple[str, ...], datetime]] = field(
        default_factory=OrderedDict, init=False, repr=False
    )
    _refused: dict[str, datetime] = field(default_factory=dict, init=False, repr=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)

    def added_to(
        self, chart: Chart, server: str, asks: Asks, seconds: float = BUDGET
    ) -> Chart:
        """The chart with what its unlisted codes are kinds of.

        Takes: the server's name, under which its answers are kept.
        """
        wanted = _unlisted(chart, frozenset(self.listed))
        if not wanted:
            return chart
        until = self.monotonic() + seconds
        self._learn(wanted, _Server(server, asks, until, self.monotonic))
        kinds = {code: self._recall(server, code) for code in wanted}
        known = {code: found for code, found in kinds.items() if found}
        unanswered = any(found is None for found in kinds.values())
        could_not = (*chart.could_not_check, HIERARCHY) if unanswered else None
        return replace(
            chart, kinds=known, could_not_check=could_not or chart.could_not_check
        )

    def _recall(self, server: str, code: str) -> tuple[str, ...] | None:
        with self._lock:
            held = self._known.get((server, code))
            if held is None or self.clock() - held[1] >= KEPT:
                return None
            self._known.move_to_end((server, code))
            return held[0]

    def _keep(self, server: str, code: str, found: Iterable[str]) -> None:
        with self._lock:
            self._known[server, code] = tuple(sorted(found)), self.clock()
            self._known.move_to_end((server, code))
            while len(self._known) > MOST_KEPT:
                self._known.popitem(last=False)

    def _learn(self, wanted: Sequence[str], server: _Server) -> None:
        new = [c for c in wanted if self._recall(server.name, c) is None][:MOST_CODES]
        try:
            if new and self._may_ask(server, "$expand"):
                self._expand(new, server)
        except (FhirRefused, NotFound):
            self._note_refusal(server, "$expand")
        except (SmartError, _NoAnswer):
            return
        left = [code for code in new if self._recall(server.name, code) is None]
        try:
            if left and self._may_ask(server, "$subsumes"):
                self._compare(left[: MOST_PAIRS // max(1, len(self.listed))], server)
        except (FhirRefused, NotFound):
            self._note_refusal(server, "$subsumes")
        except (SmartError, _NoAnswer):
            return

    def _may_ask(self, server: _Server, operation: str) -> bool:
        since = self._refused.get(server.name + operation)
        return since is None or self.clock() - since >= NOT_AGAIN

    def _note_refusal(self, server: _Server, operation: str) -> None:
        self._refused[server.name + operation] = self.clock()

    def _expand(self, codes: Sequence[str], server: _Server) -> None:
        below = " OR ".join(f"<{code}" for code in self.listed)
        for place in range(0, len(codes), AT_ONCE):
            asked = codes[place : place + AT_ONCE]
            under = _expansion(server, f"({' OR '.join(asked)}) AND ({below})")
            for code in asked:
                if code not in under:
                    self._keep(server.name, code, ())
            for code in sorted(under & set(asked)):
                above = _expansion(server, f">{code} AND ({' OR '.join(self.listed)})")
                self._keep(server.name, code, above & set(self.listed))

    def _compare(self, codes: Sequence[str], server: _Server) -> None:
        with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="kinds") as pool:
            for code in codes:
                pairs = [(listed, code, server) for listed in self.listed]
                holds = list(pool.map(_subsumes, *zip(*pairs, strict=True)))
                answered = zip(self.listed, holds, strict=True)
                self._keep(server.name, code, [name for name, yes in answered if yes])


def _unlisted(chart: Chart, listed: frozenset[str]) -> list[str]:
    """Codes of SNOMED CT in the problems of a chart that no rule or need lists."""
    codes = dict.fromkeys(_snomed_codes(chart))
    return [code for code in codes if code not in listed]


def _snomed_codes(chart: Chart) -> Iterator[str]:
    for condition in chart.conditions:
        for coding in condition.codings:
            code = coding.code.strip()
            named = system_of(coding.system, code) == "snomed"
            if named and _IDENTIFIER.fullmatch(code):
                yield code


def _expansion(server: _Server, constraint: str) -> set[str]:
    """The codes of an implicit value set; all of them, or none at all."""
    value_set = server.ask(
        "ValueSet",
        "expand",
        {"url": f"{SNOMED}?fhir_vs=ecl/{constraint}", "count": "1000"},
    )
    expansion = one(value_set.get("expansion"))
    codes = {text(row.get("code")) for row in many(expansion.get("contains"))}
    total = number(expansion.get("total"))
    if not expansion or (total is not None and total > len(codes)):
        raise _NoAnswer
    return codes


def _subsumes(listed: str, code: str, server: _Server) -> bool:
    answer = server.ask(
        "CodeSystem", "subsumes", {"system": SNOMED, "codeA": listed, "codeB": code}
    )
    for row in many(answer.get("parameter")):
        if row.get("name") == "outcome" and text(row.get("valueCode")) in OUTCOMES:
            return text(row.get("valueCode")) in {"subsumes", "equivalent"}
    raise _NoAnswer
