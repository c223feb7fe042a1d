"""Every safety rule: what fires it, and at which level; and what must not fire it."""

from typing import Any

import pytest

FIRES = [
    pytest.param(["R45.851"], {}, {"S1": "red"}, id="S1-ideation"),
    pytest.param(["T14.91XA"], {}, {"S1": "red"}, id="S1-attempt-undated"),
    pytest.param(
        [{"codes": ["T14.91XA"], "on": "2026-02-01"}],
        {},
        {"S1": "red"},
        id="S1-attempt-recent",
    ),
    pytest.param(["T14.91"], {}, {"S1": "red"}, id="S1-attempt-without-7th"),
    pytest.param(["sct:6471006"], {}, {"S1": "red"}, id="S1-snomed"),
    pytest.param(["sct:225444004"], {}, {"S1": "red"}, id="S1-at-risk"),
    pytest.param(
        [{"codes": ["sct:225444004"], "on": "2020-01-01"}],
        {},
        {"S1": "amber"},
        id="S1-at-risk-long-ago",
    ),
    pytest.param([], {"44260-8": 3}, {"S1": "red"}, id="S1-item9-3"),
    pytest.param([], {"44260-8": 2}, {"S1": "red"}, id="S1-item9-2"),
    pytest.param([], {"44260-8": 1}, {"S1": "amber"}, id="S1-item9-1"),
    pytest.param([], {"93246-7": True}, {"S1": "amber"}, id="S1-wish-to-be-dead"),
    pytest.param([], {"93247-5": True}, {"S1": "red"}, id="S1-cssrs-2"),
    pytest.param([], {"93248-3": True}, {"S1": "red"}, id="S1-cssrs-3"),
    pytest.param([], {"93249-1": True}, {"S1": "red"}, id="S1-cssrs-4"),
    pytest.param([], {"93250-9": True}, {"S1": "red"}, id="S1-cssrs-5"),
    pytest.param([], {"93269-9": True}, {"S1": "red"}, id="S1-cssrs-behaviour"),
    pytest.param(
        [],
        {"93374-7": {"valueString": "Moderate risk"}},
        {"S1": "red"},
        id="S1-risk-level",
    ),
    pytest.param(
        ["F63.0", "F33.1", "Z59.86"],
        {},
        {"S1": "amber", "S19": "info"},
        id="S1-gambling-debts-depression",
    ),
    pytest.param(
        ["F63.0", "F33.1", "Z59.86", "F31.9"],
        {},
        {"S1": "amber"},
        id="S1-though-bipolar-takes-depression-in",
    ),
    pytest.param(["T40.1X2A"], {}, {"S1": "red", "S8": "red"}, id="S1-intent-2"),
    pytest.param(["Z91.51"], {}, {"S2": "amber"}, id="S2-history"),
    pytest.param(["T14.91XD"], {}, {"S2": "amber"}, id="S2-subsequent"),
    pytest.param(
        [{"codes": ["T14.91XA"], "on": "2025-01-01"}],
        {},
        {"S2": "amber"},
        id="S2-old-attempt",
    ),
    pytest.param(
        [{"codes": ["sct:82313006"], "clinical": "resolved"}],
        {},
        {"S2": "amber"},
        id="S2-resolved-attempt",
    ),
    pytest.param(["sct:161474000"], {}, {"S2": "amber"}, id="S2-snomed"),
    pytest.param([], {"93267-3": True}, {"S2": "amber"}, id="S2-cssrs-lifetime"),
    pytest.param(["R45.88"], {}, {"S3": "amber"}, id="S3-self-harm"),
    pytest.param(["Z91.52"], {}, {"S3": "amber"}, id="S3-history"),
    pytest.param(["X78.0XXA"], {}, {"S3": "red"}, id="S3-x78-new"),
    pytest.param(["X78.0XXD"], {}, {"S3": "amber"}, id="S3-x78-subsequent"),
    pytest.param(["T39.1X2A"], {}, {"S3": "red"}, id="S3-intent-new"),
    pytest.param(["T36.92XA"], {}, {"S3": "red"}, id="S3-intent-fifth"),
    pytest.param(["T71.112A"], {}, {"S3": "red"}, id="S3-asphyxiation"),
    pytest.param(["T39.1X2S"], {}, {"S3": "amber"}, id="S3-sequela"),
    pytest.param(["F23"], {}, {"S4": "red"}, id="S4-brief-psychosis"),
    pytest.param(["F53.1"], {}, {"S4": "red"}, id="S4-puerperal"),
    pytest.param(["F33.3"], {}, {"S4": "red"}, id="S4-psychotic-depression"),
    pytest.param(["sct:18260003"], {}, {"S4": "red"}, id="S4-snomed"),
    pytest.param(["F20.9"], {}, {"S4b": "amber"}, id="S4b"),
    pytest.param(["F31.2"], {}, {"S4": "red", "S5": "red"}, id="S5-with-psychosis"),
    pytest.param(["F30.13"], {}, {"S5": "red"}, id="S5-mania"),
    pytest.param(["F31.0"], {}, {"S5": "red"}, id="S5-hypomania"),
    pytest.param(["sct:231494001"], {}, {"S5": "red"}, id="S5-snomed"),
    pytest.param(["F10.231"], {}, {"S6": "red", "S16": "info"}, id="S6"),
    pytest.param(["F10.930"], {}, {"S6": "red", "S16": "info"}, id="S6-use"),
    pytest.param(["sct:8635005"], {}, {"S6": "red"}, id="S6-snomed"),
    pytest.param(["who:F10.3"], {}, {"S6": "red", "S16": "info"}, id="S6-who"),
    pytest.param(["F10.20"], {}, {"S6b": "amber", "S16": "info"}, id="S6b"),
    pytest.param([], {"75624-7": 20}, {"S6b": "amber"}, id="S6b-audit"),
    pytest.param(["F13.230"], {}, {"S7": "red", "S16": "info"}, id="S7"),
    pytest.param(["F13.20"], {}, {"S7b": "amber", "S16": "info"}, id="S7b"),
    pytest.param(["T40.411A"], {}, {"S8": "red"}, id="S8-fentanyl"),
    pytest.param(["T40.2X4A"], {}, {"S8": "red"}, id="S8-undetermined"),
    pytest.param(["T40.1X1D"], {}, {"S8": "amber"}, id="S8-subsequent"),
    pytest.param(
        [{"codes": ["T40.411A"], "on": "2024-01-01"}],
        {},
        {"S8": "amber"},
        id="S8-long-ago",
    ),
    pytest.param(
        [{"codes": ["T40.411A"], "clinical": "resolved", "on": "2026-01-10"}],
        {},
        {"S8": "red"},
        id="S8-resolved-this-year",
    ),
    pytest.param(["F11.20"], {}, {"S9": "amber", "S16": "info"}, id="S9"),
    pytest.param(["F11.21"], {}, {"S9": "amber", "S16": "info"}, id="S9-remission"),
    pytest.param(["F50.011"], {}, {"S10": "amber"}, id="S10-alone"),
    pytest.param(["F50.011", "R00.1"], {}, {"S10": "red"}, id="S10-bradycardia"),
    pytest.param(["F50.014"], {}, {"S10": "amber"}, id="S10-remission"),
    pytest.param([], {"39156-5": 15.9}, {"S10": "red"}, id="S10-bmi-red"),
    pytest.param([], {"39156-5": 18.4}, {"S10": "amber"}, id="S10-bmi-amber"),
    pytest.param(["F50.21"], {}, {"S10b": "amber"}, id="S10b"),
    pytest.param(["F50.21", "E87.6"], {}, {"S10b": "red"}, id="S10b-potassium"),
    pytest.param(["T74.11XA"], {}, {"S11": "red"}, id="S11-now"),
    pytest.param(["Z69.11"], {}, {"S11": "red"}, id="S11-victim-services"),
    pytest.param(["Z91.410"], {}, {"S11": "amber"}, id="S11-history"),
    pytest.param(["Z62.811"], {}, {"S11": "amber"}, id="S11-childhood"),
    pytest.param(["sct:706893006"], {}, {"S11": "red"}, id="S11-snomed"),
    pytest.param(["F53.0"], {}, {"S13": "amber"}, id="S13"),
    pytest.param(["O99.310"], {}, {"S13b": "amber", "S16": "info"}, id="S13b"),
    pytest.param(
        ["F10.10", "Z33.1"], {}, {"S13b": "amber", "S16": "info"}, id="S13b-both"
    ),
    pytest.param(["F03.90"], {}, {"S14": "amber"}, id="S14-dementia"),
    pytest.param(["F05"], {}, {"S14": "red"}, id="S14-delirium"),
    pytest.param(["F72"], {}, {"S14": "amber"}, id="S14-disability"),
    pytest.param(["R45.850"], {}, {"S15": "red"}, id="S15"),
    pytest.param(["F12.10"], {}, {"S16": "info"}, id="S16"),
    pytest.param(["sct:37344009"], {}, {"S16": "info"}, id="S16-snomed-alone"),
    pytest.param(
        ["F10.120"], {}, {"S17": "amber", "S16": "info"}, id="S17-intoxication"
    ),
    pytest.param(["F19.220"], {}, {"S17": "amber", "S16": "info"}, id="S17-other-drug"),
    pytest.param(["sct:25702006"], {}, {"S17": "amber"}, id="S17-snomed"),
    pytest.param(["F43.0"], {}, {"S18": "amber"}, id="S18"),
    pytest.param(["F63.0"], {}, {"S19": "info"}, id="S19"),
    pytest.param(["sct:735550008"], {}, {"S19": "info"}, id="S19-snomed"),
    pytest.param(["F65.4"], {}, {"S20": "amber"}, id="S20"),
    pytest.param(["Z69.12"], {}, {"S20": "amber"}, id="S20-perpetrator"),
    pytest.param(["F33.2"], {}, {"S21": "amber"}, id="S21"),
    pytest.param([], {"44261-6": 20}, {"S21": "amber"}, id="S21-phq9"),
    pytest.param([], {"89204-2": 21}, {"S21": "amber"}, id="S21-phq9-teen"),
]


@pytest.mark.parametrize(("conditions", "scores", "expected"), FIRES)
def test_rule_fires_at_its_level(
    answer: Any, conditions: list[Any], scores: dict[str, Any], expected: dict[str, str]
) -> None:
    assert answer(conditions, scores).levels.items() >= expected.items()


def test_every_rule_has_a_case(knowledge: Any) -> None:
    covered = {rule for case in FIRES for rule in case.values[2]}  # type: ignore[attr-defined]
    assert covered | {"S12"} == set(knowledge.rules)


@pytest.mark.parametrize(
    ("conditions", "scores", "absent"),
    [
        pytest.param([], {"44260-8": 0}, {"S1"}, id="item9-0"),
        pytest.param([], {"93246-7": False}, {"S1"}, id="cssrs-no"),
        pytest.param(
            [{"codes": ["T14.91XA"], "on": "2026-02-01"}],
            {},
            {"S2"},
            id="recent-attempt-is-no-history",
        ),
        pytest.param(["T40.2X5A"], {}, {"S8", "S3"}, id="adverse-effect"),
        pytest.param(["T40.2X6A"], {}, {"S8", "S3"}, id="underdosing"),
        pytest.param(["T40.5X1A"], {}, {"S8"}, id="cocaine-is-no-opioid"),
        pytest.param(["T39.1X1A"], {}, {"S3"}, id="accident-is-no-self-harm"),
        pytest.param(["T43.2X5A"], {}, {"S3"}, id="adverse-effect-is-no-self-harm"),
        pytest.param(
            [{"codes": ["F15.920"], "text": "Caffeine intoxication"}],
            {},
            {"S16", "S17"},
            id="caffeine",
        ),
        pytest.param(["T14.91XD"], {}, {"S1"}, id="attempt-subsequent-encounter"),
        pytest.param(["F10.21"], {}, {"S6", "S6b"}, id="remission-no-withdrawal"),
        pytest.param(
            [{"codes": ["F10.20"], "clinical": "remission"}],
            {},
            {"S6b"},
            id="remission-by-status",
        ),
        pytest.param(
            [{"codes": ["sct:66590003", "F10.21"]}], {}, {"S6b"}, id="remission-coding"
        ),
        pytest.param(["F13.21"], {}, {"S7", "S7b"}, id="sedative-remission"),
        pytest.param(["F10.231"], {}, {"S6b"}, id="withdrawal-is-not-asked-about"),
        pytest.param(["F13.230"], {}, {"S7b"}, id="sedative-withdrawal"),
        pytest.param(["F30.3"], {}, {"S5"}, id="mania-in-partial-remission"),
        pytest.param(["F30.4"], {}, {"S5"}, id="mania-in-remission"),
        pytest.param(["F31.74"], {}, {"S5"}, id="bipolar-in-remission"),
        pytest.param(["F17.210"], {}, {"S16", "S9"}, id="nicotine-is-no-drug"),
        pytest.param(["Z69.011"], {}, {"S11"}, id="perpetrator-is-no-victim"),
        pytest.param(["Z69.82"], {}, {"S11"}, id="perpetrator-other"),
        pytest.param(["Z79.891"], {}, {"S9"}, id="long-term-opioid-treatment"),
        pytest.param(["E66.9"], {}, {"S10", "S10b"}, id="obesity"),
        pytest.param(["F53.0"], {}, {"S4"}, id="postpartum-depression"),
        pytest.param(["F50.25"], {}, {"S10b"}, id="bulimia-remission"),
        pytest.param(
            [{"codes": ["R45.851"], "verification": "refuted"}],
            {},
            {"S1"},
            id="P06-refuted",
        ),
        pytest.param(
            [{"codes": ["R45.851"], "verification": "entered-in-error"}],
            {},
            {"S1"},
            id="P06-entered-in-error",
        ),
        pytest.param(
            [{"codes": ["F10.20"], "clinical": "resolved"}],
            {},
            {"S6b", "S16"},
            id="P06-resolved",
        ),
        pytest.param(["Z81.1"], {}, {"S16", "S6b"}, id="family-history"),
        pytest.param(["sct:999999999"], {}, {"S16"}, id="unknown-snomed"),
        pytest.param(["local:R45.851"], {}, {"S1"}, id="unknown-system"),
    ],
)
def test_trap_does_not_fire(
    answer: Any, conditions: list[Any], scores: dict[str, Any], absent: set[str]
) -> None:
    assert not absent & answer(conditions, scores).levels.keys()


def test_unconfirmed_problem_fires_with_a_question_mark(answer: Any) -> None:
    found = answer([{"codes": ["R45.851"], "verification": "provisional"}])
    assert found.levels["S1"] == "red"
    assert "unconfirmed?" in found.warning("S1").because[0].display


@pytest.mark.parametrize(("age", "fires"), [(17, True), (18, False), (None, False)])
def test_S12_fires_below_18(answer: Any, age: int | None, fires: bool) -> None:
    assert ("S12" in answer(["F32.0"], age=age).levels) is fires


def test_S12_cites_the_patient(answer: Any) -> None:
    (line,) = answer([], age=16).warning("S12").because
    assert (line.resource, line.display) == ("Patient/p1", "16 years")


def test_bmi_of_a_child_is_not_read(answer: Any) -> None:
    assert "S10" not in answer([], {"39156-5": 15.0}, age=12).levels


@pytest.mark.parametrize(
    ("medicine", "ask"),
    [
        pytest.param("rx:1819", "pain", id="ingredient"),
        pytest.param("rx:1010604", "pain", id="product"),
        pytest.param("Suboxone 8 mg film", "pain", id="brand-in-words"),
        pytest.param("methadone HCl 10 MG Oral Tablet", "pain", id="methadone-words"),
        pytest.param("rx:864706", "pain", id="methadone-product"),
        pytest.param("rx:7243", "obesity", id="naltrexone"),
    ],
)
def test_R1_medicine_alone_asks(answer: Any, medicine: str, ask: str) -> None:
    found = answer([], {}, [medicine])
    assert found.levels == {"S9": "amber"}
    assert ask in found.warning("S9").text
    assert found.stages["opioid"] == "ask"
    assert found.programs == []


@pytest.mark.parametrize(
    ("code", "medicine"), [("F11.20", "rx:1819"), ("F10.20", "rx:7243")]
)
def test_R1_medicine_beside_its_diagnosis_asks_nothing(
    answer: Any, code: str, medicine: str
) -> None:
    found = answer([code], {}, [medicine])
    assert "ask what it is for" not in found.warning("S9").text
    assert "ask" not in found.stages.values()


@pytest.mark.parametrize("medicine", ["methylnaltrexone 12 mg", "naloxone spray"])
def test_other_medicine_is_no_moud(answer: Any, medicine: str) -> None:
    assert answer([], {}, [medicine]).levels == {}


def test_notes_always_say_what_the_chart_cannot(answer: Any) -> None:
    notes = answer([]).r.notes
    assert "No risk codes found is not a risk assessment." in notes
    assert any("Methadone from an opioid treatment program" in n for n in notes)
