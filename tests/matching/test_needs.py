"""From codes, words, medicines and scores to needs."""

from typing import Any

import pytest

REACHES = [
    ("alcohol", ["F10.20"]),
    ("opioid", ["F11.20"]),
    ("cocaine", ["F14.20"]),
    ("stimulant", ["F15.20"]),
    ("cannabis", ["F12.20"]),
    ("sedative", ["F13.20"]),
    ("other_drugs", ["F19.20"]),
    ("nicotine", ["F17.210"]),
    ("gambling", ["F63.0"]),
    ("gaming", ["sct:735551007"]),
    ("sexual_compulsivity", ["sct:268724009"]),
    ("binge_eating", ["F50.810"]),
    ("anorexia", ["F50.011"]),
    ("bulimia", ["F50.21"]),
    ("eating_other", ["F50.9"]),
    ("depression", ["F32.A"]),
    ("bipolar", ["F31.9"]),
    ("anxiety", ["F41.1"]),
    ("panic_agoraphobia", ["F40.01"]),
    ("social_anxiety", ["F40.10"]),
    ("specific_phobia", ["F40.230"]),
    ("ocd", ["F42.2"]),
    ("stress_burnout", ["Z73.0"]),
    ("general_distress", ["R45.89"]),
    ("anger", ["R45.4"]),
    ("ptsd", ["F43.10"]),
    ("acute_trauma", ["F43.0"]),
    ("psychosis", ["F20.9"]),
    ("hearing_voices", ["R44.0"]),
    ("bpd", ["F60.3"]),
    ("personality_other", ["F60.6"]),
    ("adhd", ["F90.0"]),
    ("autism", ["F84.0"]),
    ("grief", ["F43.81"]),
    ("insomnia", ["G47.00"]),
    ("mecfs", ["G93.32"]),
    ("chronic_pain", ["G89.4"]),
    ("self_harm", ["R45.88"]),
    ("suicidality", ["R45.851"]),
    ("perinatal", ["F53.0"]),
    ("family_addiction", ["Z63.72"]),
    ("adult_child", ["Z62.811"]),
    ("family_mental_illness", ["Z63.79"]),
    ("caregiver", ["Z63.6"]),
    ("loneliness", ["Z60.4"]),
    ("domestic_abuse", ["Z69.11"]),
    ("childhood_sexual_abuse", ["Z62.810"]),
    ("dual_diagnosis", ["F10.20", "F33.1"]),
]
# Needs for which no code is sure: they are asked about, and stand when confirmed.
ASKED = [
    ("codependency", ["F60.7"]),
    ("debt_spending", [{"codes": ["F63.89"], "text": "Compulsive spending"}]),
]


@pytest.mark.parametrize(
    ("need", "codes"), [pytest.param(*r, id=r[0]) for r in REACHES]
)
def test_need_is_reached(answer: Any, need: str, codes: list[Any]) -> None:
    assert answer(codes).stages[need] == "active"


@pytest.mark.parametrize(("need", "codes"), [pytest.param(*r, id=r[0]) for r in ASKED])
def test_unsure_need_is_asked_and_stands_when_confirmed(
    answer: Any, need: str, codes: list[Any]
) -> None:
    asked = answer(codes)
    assert asked.stages[need] == "ask"
    assert asked.need(need).question
    confirmed = answer(codes, asks={"added_needs": [need]})
    assert confirmed.stages[need] == "active"
    assert confirmed.need(need).because == asked.need(need).because


def test_every_need_is_covered(knowledge: Any) -> None:
    assert {need for need, _ in (*REACHES, *ASKED)} == set(knowledge.needs)


@pytest.mark.parametrize(
    ("conditions", "stages"),
    [
        pytest.param(
            ["F10.21"], {"alcohol": "remission"}, id="remission-before-prefix"
        ),
        pytest.param(["F17.211"], {"nicotine": "remission"}, id="nicotine-remission"),
        pytest.param(["F33.42"], {"depression": "remission"}, id="full-remission"),
        pytest.param(["F33.41"], {"depression": "active"}, id="partial-is-ill"),
        pytest.param(["F32.4"], {"depression": "active"}, id="partial-single"),
        pytest.param(["F31.73"], {"bipolar": "active"}, id="bipolar-partial"),
        pytest.param(["F31.74"], {"bipolar": "remission"}, id="bipolar-full"),
        pytest.param(["F50.814"], {"binge_eating": "remission"}, id="binge-remission"),
        pytest.param(["F32.81"], {}, id="pmdd-is-excluded"),
        pytest.param(["E66.9"], {}, id="obesity-alone"),
        pytest.param(["F60.2"], {}, id="antisocial-is-not-matched"),
        pytest.param(["F61"], {}, id="no-such-code"),
        pytest.param(["Z59.6"], {}, id="poverty-is-no-spending-disorder"),
        pytest.param(["F63.89"], {}, id="non-specific-without-words"),
        pytest.param(["F10.90"], {"alcohol": "ask"}, id="use-unspecified-asks"),
        pytest.param(
            ["Z81.1"],
            {"family_addiction": "ask", "adult_child": "ask"},
            id="family-history-asks",
        ),
        pytest.param(
            ["Z71.42"], {"family_addiction": "active"}, id="relative-not-self"
        ),
        pytest.param(["Z79.891"], {}, id="opioid-pain-treatment"),
        pytest.param(
            ["F31.9", "F33.1"], {"bipolar": "active"}, id="bipolar-over-depression"
        ),
        pytest.param(
            ["F53.0", "F32.1"], {"perinatal": "active"}, id="perinatal-over-depression"
        ),
        pytest.param(["F60.3", "F60.9"], {"bpd": "active"}, id="bpd-over-other"),
        pytest.param(
            ["F17.210", "F33.1"],
            {"nicotine": "active", "depression": "active"},
            id="nicotine-gives-no-dual-diagnosis",
        ),
        pytest.param(
            [{"codes": ["F15.920"], "text": "Caffeine intoxication"}],
            {},
            id="caffeine-is-dropped",
        ),
        pytest.param(
            [{"codes": ["F10.20"], "clinical": "resolved"}], {}, id="P06-resolved"
        ),
        pytest.param(
            [{"codes": ["F10.20"], "verification": "refuted"}], {}, id="P06-refuted"
        ),
        pytest.param(
            [{"codes": ["F10.20"], "verification": "entered-in-error"}],
            {},
            id="P06-entered-in-error",
        ),
        pytest.param(
            [{"codes": ["F10.20"], "clinical": "inactive"}],
            {"alcohol": "remission"},
            id="P06-inactive",
        ),
        pytest.param(
            [{"codes": ["F10.20"], "clinical": "remission"}],
            {"alcohol": "remission"},
            id="P06-remission",
        ),
        pytest.param(
            [{"codes": ["F10.20"], "clinical": ""}],
            {"alcohol": "active"},
            id="no-status",
        ),
        pytest.param(
            [{"codes": ["F10.20"], "verification": "provisional"}],
            {"alcohol": "ask"},
            id="provisional-asks",
        ),
        pytest.param(
            ["F10.20", "F10.21"], {"alcohol": "active"}, id="active-somewhere"
        ),
        pytest.param(
            [{"codes": ["sct:66590003", "F10.21"]}],
            {"alcohol": "remission"},
            id="remission-coding-wins",
        ),
        pytest.param(["icd:f1020"], {"alcohol": "active"}, id="wrong-case-no-dot"),
        pytest.param(["none:F10.20"], {"alcohol": "active"}, id="missing-system"),
        pytest.param(
            ["none:66590003"], {"alcohol": "active"}, id="missing-system-snomed"
        ),
        pytest.param(["local:F10.20"], {}, id="unknown-system"),
        pytest.param(["who:F10.2"], {"alcohol": "active"}, id="who-dependence"),
        pytest.param(["who:F10.20"], {"alcohol": "remission"}, id="who-abstinent"),
        pytest.param(["who:F50.4"], {"binge_eating": "active"}, id="who-overeating"),
    ],
)
def test_codes_give_needs(
    answer: Any, conditions: list[Any], stages: dict[str, str]
) -> None:
    assert answer(conditions).stages == stages


@pytest.mark.parametrize(
    ("text", "need"),
    [
        pytest.param("Alcoholism", "alcohol", id="one-word"),
        pytest.param("Hx heavy drinking, daily", "alcohol", id="within-a-sentence"),
        pytest.param("Social anxiety", "social_anxiety", id="longest-wins"),
        pytest.param("OUD on suboxone", "opioid", id="abbreviation"),
        pytest.param("Father drinks heavily", "family_addiction", id="family"),
    ],
)
def test_words_alone_are_questions(answer: Any, text: str, need: str) -> None:
    found = answer([{"text": text}])
    assert found.stages == {need: "ask"}
    assert found.programs == []
    assert found.need(need).because[0].resource == "Condition/1"


@pytest.mark.parametrize(
    "text",
    [
        "No alcoholism",
        "Family history of alcoholism",
        "Non-smoker",
        "Depression screening",
        "maudlin",
        "r/o bipolar",
    ],
)
def test_negated_words_give_nothing(answer: Any, text: str) -> None:
    found = answer([{"text": text}])
    assert found.stages == {}
    assert [u.display for u in found.r.unmapped] == [text]


def test_unmapped_snomed_with_known_words_is_asked(answer: Any) -> None:
    found = answer([{"codes": ["sct:123456789"], "text": "Alcohol dependence, odd"}])
    assert found.stages == {"alcohol": "ask"}


def test_unmapped_problems_are_shown(answer: Any) -> None:
    found = answer([{"codes": ["I10"], "text": "Hypertension"}, "F10.20"])
    assert [(u.resource, u.display) for u in found.r.unmapped] == [
        ("Condition/1", "Hypertension")
    ]


def test_problem_that_fires_a_rule_is_not_unmapped(answer: Any) -> None:
    assert answer(["R45.850"]).r.unmapped == ()


def test_derived_need_cites_its_sources(answer: Any) -> None:
    need = answer(["F10.20", "F33.1"]).need("dual_diagnosis")
    assert need.derived
    assert {b.resource for b in need.because} == {"Condition/1", "Condition/2"}


def test_substance_induced_code_alone_is_dual_diagnosis(answer: Any) -> None:
    found = answer(["F10.24"])
    assert found.stages == {"alcohol": "active", "dual_diagnosis": "active"}
    assert found.need("dual_diagnosis").because[0].code == "F10.24"


def test_derived_need_is_no_surer_than_its_sources(answer: Any) -> None:
    assert answer(["Z71.41", "F33.1"]).need("dual_diagnosis").confidence == 0.7


def test_asked_need_derives_nothing(answer: Any) -> None:
    assert "dual_diagnosis" not in answer(["F10.90", "F33.1"]).stages


def test_hearing_voices_follows_psychosis_at_half_confidence(answer: Any) -> None:
    assert answer(["F20.9"]).need("hearing_voices").confidence == 0.5
    assert answer(["F20.9", "R44.0"]).need("hearing_voices").confidence == 1
    assert "hearing_voices" not in answer(["F20.9", "F05"]).stages


@pytest.mark.parametrize(
    ("scores", "gender", "need"),
    [
        pytest.param({"44261-6": 10}, "male", "depression", id="PHQ-9"),
        pytest.param({"70274-6": 10}, "male", "anxiety", id="GAD-7"),
        pytest.param({"75624-7": 8}, "male", "alcohol", id="AUDIT"),
        pytest.param({"75626-2": 3}, "female", "alcohol", id="AUDIT-C-women"),
        pytest.param({"82667-7": 3}, "male", "other_drugs", id="DAST-10"),
    ],
)
def test_score_asks_about_a_need(
    answer: Any, scores: dict[str, Any], gender: str, need: str
) -> None:
    assert answer([], scores, gender=gender).stages == {need: "ask"}


def test_score_below_its_cut_off_asks_nothing(answer: Any) -> None:
    assert answer([], {"75626-2": 3, "44261-6": 9}).stages == {}


def test_old_score_asks_nothing(answer: Any) -> None:
    old = {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "subject": {"reference": "Patient/p1"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "44261-6"}]},
        "valueInteger": 20,
        "effectiveDateTime": "2025-10-01",
    }
    assert answer([], [old]).stages == {}


def test_clinician_can_add_and_drop_needs(answer: Any) -> None:
    found = answer(
        ["F10.20"], asks={"added_needs": ["loneliness"], "dropped_needs": ["alcohol"]}
    )
    assert found.stages == {"loneliness": "active"}
    assert found.need("loneliness").because == ()


def test_dropped_need_still_warns_and_still_excludes(answer: Any) -> None:
    whole = answer(["F50.810", "F50.011", "F10.20", "F13.20"])
    found = answer(
        ["F50.810", "F50.011", "F10.20", "F13.20"],
        asks={"dropped_needs": ["anorexia", "alcohol"]},
    )
    assert found.stages == {"binge_eating": "active", "sedative": "active"}
    assert "oa" not in found.programs
    assert found.r.warnings == whole.r.warnings
    assert "aa" not in found.programs


def test_dropped_opioid_need_still_weighs_the_stance(answer: Any) -> None:
    found = answer(["F11.20", "F14.20"], asks={"dropped_needs": ["opioid"]})
    assert {"mara", "smart", "lifering"} & set(found.r.offered[:3])


def test_added_need_that_is_unknown_is_ignored(answer: Any) -> None:
    assert answer([], asks={"added_needs": ["astrology"]}).stages == {}


@pytest.mark.parametrize(
    ("codes", "gone", "rule"),
    [
        pytest.param(
            ["F30.13", {"codes": ["F63.89"], "text": "compulsive spending"}],
            "debt_spending",
            "S5",
            id="S5-no-spending-need-in-mania",
        ),
        pytest.param(["Z69.12", "Z69.11"], "domestic_abuse", "S20", id="S20"),
    ],
)
def test_rule_takes_out_a_need_and_says_so(
    answer: Any, codes: list[Any], gone: str, rule: str
) -> None:
    found = answer(codes)
    assert gone not in found.stages
    assert any(f"rule {rule}" in note for note in found.r.notes)


def test_contradicting_codings_are_said(answer: Any) -> None:
    notes = answer([{"codes": ["sct:66590003", "F10.21"]}]).r.notes
    assert any("Condition/1: one code says remission" in n for n in notes)


def test_adult_child_is_for_adults(answer: Any) -> None:
    assert "adult_child" not in answer(["Z62.811"], age=16).stages
