"""What holds for every chart."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from plugin.chart.bundle import chart_from_bundle
from plugin.knowledge.load import load_knowledge
from plugin.matching.as_json import recommendation_json
from plugin.matching.as_text import recommendation_text
from plugin.matching.recommend import recommend
from plugin.matching.recommendation import Preferences

AT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
KNOWLEDGE = load_knowledge()
QUIET = settings(
    deadline=None, max_examples=80, suppress_health_check=list(HealthCheck)
)

CODES = [
    "F10.20", "F10.21", "F10.231", "F11.20", "F13.20", "F17.210", "F20.9", "F23",
    "F31.2", "F32.0", "F33.1", "F33.3", "F41.1", "F43.0", "F43.10", "F50.011",
    "F50.810", "F53.0", "F60.3", "F63.0", "Z63.72", "Z60.2", "Z69.11", "Z69.12",
    "Z33.1", "Z59.86", "I10", "sct:66590003", "sct:191813001", "sct:999999999",
    "who:F10.3", "none:F33.1", "local:x",
]  # fmt: skip
RED_FLAGS = [
    "R45.851", "T14.91XA", "F23", "F31.2", "F10.231", "F13.230", "T40.411A",
    "T40.1X2A", "F50.011", "T74.11XA", "R45.850", "F05", "X78.0XXA",
]  # fmt: skip
conditions = st.lists(
    st.one_of(
        st.sampled_from(CODES),
        st.fixed_dictionaries(
            {"codes": st.lists(st.sampled_from(CODES), max_size=2)},
            optional={
                "text": st.sampled_from(
                    ["Alcoholism", "Caffeine", "denies suicidal ideation", "gambles"]
                ),
                "clinical": st.sampled_from(["active", "remission", "resolved", ""]),
                "verification": st.sampled_from(["provisional", "refuted"]),
                "category": st.sampled_from(["encounter-diagnosis"]),
                "on": st.sampled_from(["2026-02-20", "2019", "2031-01-01", "x"]),
            },
        ),
    ),
    max_size=8,
)
scores = st.dictionaries(
    st.sampled_from(["44260-8", "44261-6", "39156-5", "75624-7", "93246-7"]),
    st.one_of(st.integers(-5, 60), st.booleans()),
    max_size=3,
)


wishes = st.builds(
    Preferences,
    spiritual=st.sampled_from([None, "secular_only", "spiritual_ok", "faith"]),
    modality=st.sampled_from([None, "online", "in-person"]),
    women=st.booleans(),
    picks=st.lists(st.sampled_from(sorted(KNOWLEDGE.programs)), max_size=6).map(tuple),
)


def ask(bundle: bytes, said: Preferences | None = None) -> Any:
    chart = chart_from_bundle(bundle, AT)
    return recommend(
        chart,
        KNOWLEDGE,
        said or Preferences(),
        at=AT,
        find_meetings=lambda _wanted: {},
    )


@QUIET
@given(conditions, scores, st.integers(0, 100), st.randoms())
def test_order_of_conditions_does_not_change_the_answer(
    bundle: Callable[..., bytes],
    conditions: list[Any],
    scores: dict[str, Any],
    age: int,
    random: Any,
) -> None:
    named = [
        {"codes": [c], "id": f"c{i}"} if isinstance(c, str) else {**c, "id": f"c{i}"}
        for i, c in enumerate(conditions)
    ]
    shuffled = list(named)
    random.shuffle(shuffled)
    first = recommendation_json(ask(bundle(named, scores, age=age)))
    second = recommendation_json(ask(bundle(shuffled, scores, age=age)))
    for answer in (first, second):  # the place of an entry does move
        answer["unreadable"] = sorted(u["reason"] for u in answer["unreadable"])
    assert first == second


@QUIET
@given(conditions, scores, st.sampled_from(RED_FLAGS))
@example(["F32.0", "F63.0", "Z59.86"], {}, "F31.2")
def test_adding_a_red_flag_never_removes_a_warning(
    bundle: Callable[..., bytes],
    conditions: list[Any],
    scores: dict[str, Any],
    flag: str,
) -> None:
    rank = {"red": 0, "amber": 1, "info": 2}
    before = {w.id: rank[w.level] for w in ask(bundle(conditions, scores)).warnings}
    more = ask(bundle([*conditions, {"codes": [flag], "id": "flag"}], scores))
    after = {w.id: rank[w.level] for w in more.warnings}
    assert before.keys() <= after.keys()
    assert all(after[rule] <= level for rule, level in before.items())


@QUIET
@given(st.lists(st.sampled_from(CODES), max_size=8), st.integers(0, 100))
def test_no_problem_that_stands_is_dropped_in_silence(
    bundle: Callable[..., bytes], conditions: list[str], age: int
) -> None:
    answer = ask(bundle(conditions, age=age))
    if any("taken as part of" in n or "is left out" in n for n in answer.notes):
        return  # said in words
    lines = [line for n in answer.needs for line in n.because]
    lines += [line for w in answer.warnings for line in w.because]
    told = {line.resource for line in lines} | {u.resource for u in answer.unmapped}
    assert {f"Condition/{n}" for n in range(1, len(conditions) + 1)} <= told


@QUIET
@given(conditions, scores, st.integers(0, 100), wishes)
def test_answer_is_sound(
    bundle: Callable[..., bytes],
    conditions: list[Any],
    scores: dict[str, Any],
    age: int,
    said: Preferences,
) -> None:
    answer = ask(bundle(conditions, scores, age=age), said)
    ids = [p.id for p in answer.programs]
    assert len(ids) == len(set(ids))
    assert not set(ids) & {m.id for m in answer.removed}
    assert set(answer.offered) <= set(ids)
    assert len(set(answer.offered)) == len(answer.offered) <= 5
    assert all(0 <= p.score <= 1 for p in answer.programs)
    ranked = [p.score for p in answer.programs]
    assert ranked == sorted(ranked, reverse=True)
    stated = {n.id for n in answer.needs if n.stage != "ask"}
    assert all(set(p.needs) <= stated for p in answer.programs)
    assert recommendation_text(answer, KNOWLEDGE)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(["Patient/p1", "F10.20", "active", "2026-01-01", "44260-8"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["coding", "code", "system", "reference", "value", "url", "id", "text"]
            )
            | st.text(max_size=6),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
TYPES = [
    "Condition", "Observation", "QuestionnaireResponse", "MedicationRequest",
    "Medication", "Encounter", "Consent", "ServiceRequest", "OperationOutcome",
]  # fmt: skip
KEYS = [
    "id", "subject", "patient", "code", "clinicalStatus", "verificationStatus",
    "category", "recordedDate", "onsetDateTime", "onsetPeriod", "abatementString",
    "modifierExtension", "meta", "encounter", "valueQuantity", "valueInteger",
    "valueString", "valueCodeableConcept", "valueBoolean", "component", "status",
    "effectiveDateTime", "effectivePeriod", "item", "authored", "intent",
    "medicationReference", "medicationCodeableConcept", "contained", "period", "type",
    "location", "policy", "policyRule", "provision", "scope", "identifier",
    "orderDetail", "requester", "issue", "doNotPerform",
]  # fmt: skip
resources = st.builds(
    lambda kind, more: {"resourceType": kind, **more},
    st.sampled_from(TYPES),
    st.dictionaries(st.sampled_from(KEYS), json_values, max_size=8),
)
entries = st.lists(
    st.one_of(
        json_values,
        st.builds(lambda r: {"resource": r}, json_values),
        st.builds(lambda r, u: {"resource": r, "fullUrl": u}, resources, json_values),
    ),
    max_size=6,
)


@pytest.mark.slow
@QUIET
@given(entries, st.dictionaries(st.sampled_from(KEYS), json_values, max_size=4))
def test_any_json_in_entries_gives_an_answer(
    entries: list[Any], patient: dict[str, Any]
) -> None:
    person = {"resourceType": "Patient", **patient}
    data = orjson.dumps(
        {"resourceType": "Bundle", "entry": [{"resource": person}, *entries]}
    )
    answer = ask(data)
    assert recommendation_json(answer)["patient"]["gender"]
    assert all(0 < u.entry <= len(entries) for u in answer.unreadable)


@pytest.mark.slow
def test_five_thousand_conditions_are_answered(bundle: Callable[..., bytes]) -> None:
    many = [{"codes": ["sct:444814009"], "text": f"Sinusitis {i}"} for i in range(4999)]
    answer = ask(bundle([*many, "F10.20"]))
    assert [n.id for n in answer.needs] == ["alcohol"]
    assert len(answer.unmapped) == 4999
