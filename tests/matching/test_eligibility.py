"""What is left out, and the reason that is given."""

from typing import Any

import pytest

from plugin.matching.recommendation import Preferences


@pytest.mark.parametrize(
    ("chart", "program", "kind", "words"),
    [
        pytest.param(
            {"conditions": ["F10.20"]}, "mm", "exclusion", "F10.20", id="mm-dependence"
        ),
        pytest.param(
            {"conditions": ["sct:66590003"]},
            "mm",
            "exclusion",
            "66590003",
            id="mm-dependence-snomed",
        ),
        pytest.param(
            {"conditions": ["F10.11"]}, "mm", "exclusion", "abstains", id="mm-remission"
        ),
        pytest.param(
            {"conditions": [{"codes": ["F10.10"], "clinical": "remission"}]},
            "mm",
            "exclusion",
            "abstains",
            id="mm-remission-by-status",
        ),
        pytest.param(
            {"conditions": ["F10.10", "Z33.1"]},
            "mm",
            "exclusion",
            "pregnancy",
            id="mm-pregnancy",
        ),
        pytest.param(
            {"conditions": ["F10.10", "sct:77386006"]},
            "mm",
            "exclusion",
            "pregnancy",
            id="mm-pregnancy-snomed",
        ),
        pytest.param(
            {"conditions": ["F10.10", "K70.30"]},
            "mm",
            "exclusion",
            "liver",
            id="mm-liver",
        ),
        pytest.param(
            {"conditions": ["F10.10", "F11.10"]},
            "mm",
            "exclusion",
            "opioid",
            id="mm-opioid",
        ),
        pytest.param(
            {"conditions": ["F10.10", "sct:64386003"]},
            "mm",
            "exclusion",
            "sedative",
            id="mm-sedative-snomed",
        ),
        pytest.param(
            {"conditions": ["F10.10"], "scores": {"75624-7": 20}},
            "mm",
            "exclusion",
            "AUDIT",
            id="mm-audit",
        ),
        pytest.param(
            {"conditions": ["F10.10", "sct:8635005"]},
            "mm",
            "exclusion",
            "withdrawal",
            id="mm-withdrawal-snomed",
        ),
        pytest.param(
            {"conditions": ["F50.810", "F50.011"]},
            "oa",
            "exclusion",
            "anorexia",
            id="oa-anorexia",
        ),
        pytest.param(
            {"conditions": ["F50.810", "sct:56882008"]},
            "oa",
            "exclusion",
            "anorexia",
            id="oa-anorexia-snomed",
        ),
        pytest.param(
            {"conditions": ["F50.810", "R64"]},
            "oa",
            "exclusion",
            "underweight",
            id="oa-cachexia",
        ),
        pytest.param(
            {"conditions": ["F50.810"], "scores": {"39156-5": 17}},
            "oa",
            "exclusion",
            "BMI",
            id="oa-bmi",
        ),
        pytest.param(
            {"conditions": ["F10.20"], "age": 16},
            "smart",
            "age",
            "from 18 years",
            id="age-too-young",
        ),
        pytest.param(
            {"conditions": ["Z63.72"]},
            "alateen",
            "age",
            "up to 19 years",
            id="age-too-old",
        ),
        pytest.param(
            {"conditions": ["F10.20"]}, "wfs", "gender", "for women", id="gender"
        ),
        pytest.param(
            {"conditions": ["F10.20"], "gender": "other"},
            "wfs",
            "gender",
            "for women",
            id="gender-other",
        ),
        pytest.param(
            {"conditions": ["F31.9"]}, "bipolar_uk", "country", "US", id="country"
        ),
        pytest.param(
            {"conditions": ["F33.1"], "country": "AU"},
            "nami_connection",
            "country",
            "AU",
            id="country-au",
        ),
        pytest.param(
            {"conditions": ["F10.20"]}, "celebrate", "on request", "faith", id="faith"
        ),
        pytest.param(
            {"conditions": ["Z60.4"]},
            "clubhouse",
            "on request",
            "referral",
            id="own-referral",
        ),
        pytest.param(
            {"conditions": ["Z63.72"]},
            "gamanon",
            "on request",
            "gambl",
            id="needs-words",
        ),
        pytest.param(
            {"conditions": ["Z63.72", "T74.11XA"]},
            "alanon",
            "rule S11",
            "family group",
            id="S11-no-family-group",
        ),
        pytest.param(
            {"conditions": ["F10.20"]}, "dra", None, "", id="no-need-no-removal"
        ),
    ],
)
def test_programme_is_left_out_with_its_reason(
    answer: Any, chart: dict[str, Any], program: str, kind: str | None, words: str
) -> None:
    found = answer(**chart)
    assert program not in found.programs
    removed = {m.id: m for m in found.r.removed}
    if kind is None:
        assert program not in removed
    else:
        assert (removed[program].kind, words in removed[program].reason) == (kind, True)


@pytest.mark.parametrize(
    ("conditions", "wishes", "program", "kind"),
    [
        pytest.param(
            ["F10.20"], {"spiritual": "secular_only"}, "aa", "spiritual", id="secular"
        ),
        pytest.param(
            ["Z63.72"], {"language": "cy"}, "smart_ff", "language", id="language"
        ),
        pytest.param(
            ["F31.9"], {"modality": "in-person"}, "spaa", None, id="not-served"
        ),
        pytest.param(
            ["F20.9"], {"modality": "in-person"}, "spaa", "modality", id="in-person"
        ),
        pytest.param(
            ["Z60.4"],
            {"modality": "online", "picks": ("clubhouse",)},
            "clubhouse",
            "modality",
            id="online",
        ),
    ],
)
def test_wish_leaves_out_with_its_reason(
    answer: Any,
    conditions: list[Any],
    wishes: dict[str, Any],
    program: str,
    kind: str | None,
) -> None:
    found = answer(conditions, wishes=Preferences(**wishes))
    removed = {m.id: m.kind for m in found.r.removed}
    assert program not in found.programs
    assert removed.get(program) == kind


@pytest.mark.parametrize(
    ("chart", "wishes", "program"),
    [
        pytest.param({"conditions": ["F10.10"]}, {}, "mm", id="mm-without-dependence"),
        pytest.param(
            {"conditions": ["F10.20"], "gender": "female"}, {}, "wfs", id="women"
        ),
        pytest.param(
            {"conditions": ["F10.20"]}, {"women": True}, "wfs", id="women-stated"
        ),
        pytest.param(
            {"conditions": ["F10.20"]}, {"picks": ("wfs",)}, "wfs", id="women-picked"
        ),
        pytest.param(
            {"conditions": ["F10.20"]},
            {"spiritual": "faith"},
            "celebrate",
            id="faith-asked",
        ),
        pytest.param(
            {"conditions": ["F10.20"]},
            {"picks": ("celebrate",)},
            "celebrate",
            id="faith-picked",
        ),
        pytest.param(
            {"conditions": [{"codes": ["Z63.72"], "text": "Wife gambles"}]},
            {},
            "gamanon",
            id="words-of-gambling",
        ),
        pytest.param(
            {"conditions": ["F10.20"], "country": "AU"},
            {},
            "lifering",
            id="online-anywhere",
        ),
        pytest.param(
            {"conditions": ["F33.1"], "country": ""},
            {},
            "nami_connection",
            id="country-unknown",
        ),
        pytest.param(
            {"conditions": ["F10.20"], "age": None}, {}, "smart", id="age-unknown"
        ),
        pytest.param(
            {"conditions": ["F31.9"], "country": "GB"},
            {},
            "bipolar_uk",
            id="country-gb",
        ),
        pytest.param(
            {"conditions": ["F10.20"]}, {"language": "es"}, "smart", id="spanish"
        ),
        pytest.param(
            {"conditions": ["F50.011"]}, {}, "anad", id="adjunct-where-none-is-built"
        ),
        pytest.param(
            {"conditions": ["Z63.72", "Z91.410"]},
            {},
            "alanon",
            id="S11-history-keeps-family",
        ),
    ],
)
def test_programme_suits(
    answer: Any, chart: dict[str, Any], wishes: dict[str, Any], program: str
) -> None:
    assert program in answer(**chart, wishes=Preferences(**wishes)).programs


def test_adjunct_alone_is_left_out_where_others_are_built_for_the_need(
    answer: Any,
) -> None:
    # Grief: only the adjuncts remain for a patient who asks for nothing.
    found = answer(["F43.81"])
    assert "ea" not in found.programs
    assert found.removed["ea"].startswith("only stands beside")


def test_rule_takes_out_a_programme(answer: Any) -> None:
    found = answer(
        ["F60.7", "T74.11XA"],
        asks={"added_needs": ["codependency"]},
        wishes=Preferences(picks=("coda",)),
    )
    assert "coda" not in found.programs
    assert "rule S11" in found.removed["coda"]


def test_age_not_known_is_said_on_the_card(answer: Any) -> None:
    found = answer(["F10.20"], age=None)
    assert any("Age not known" in c for c in found.r.program("smart").cautions)
    assert "Age not known: age limits could not be checked." in found.r.notes


def test_picks_never_override_safety(answer: Any) -> None:
    found = answer(["F10.20"], wishes=Preferences(picks=("mm",)))
    assert "mm" not in found.programs


def test_resolved_problem_does_not_ask_for_a_programme(answer: Any) -> None:
    gone = {"codes": ["F63.0"], "clinical": "resolved", "text": "Wife gambles"}
    assert "gamanon" not in answer(["Z63.72", gone]).programs


def test_family_group_left_out_under_violence_says_why(answer: Any) -> None:
    found = answer(["T74.11XA", "Z63.72"])
    assert found.removed["alanon"] == "no couple or family group: rule S11"


@pytest.mark.parametrize(
    ("gender", "wish", "suits"),
    [
        pytest.param("male", False, True, id="recorded"),
        pytest.param("female", False, False, id="another-recorded"),
        pytest.param("other", True, True, id="wished-for"),
    ],
)
def test_group_for_men_asks_the_record_or_the_wish(
    answer: Any, altered: Any, gender: str, wish: bool, suits: bool
) -> None:
    rules = altered({"lifering": {"gender": "men"}})
    wishes = Preferences(men=wish)
    found = answer(["F10.20"], gender=gender, wishes=wishes, rules=rules)
    assert ("lifering" in found.programs) is suits
    if not suits:
        assert found.removed["lifering"] == f"for men; the record says {gender}"


@pytest.mark.parametrize(
    ("status", "suits"),
    [pytest.param("active", False, id="now"), pytest.param("resolved", True, id="was")],
)
def test_a_resolved_pregnancy_excludes_nothing(
    answer: Any, status: str, suits: bool
) -> None:
    pregnancy = {"codes": ["Z33.1"], "clinical": status}
    assert ("mm" in answer(["F10.10", pregnancy]).programs) is suits
