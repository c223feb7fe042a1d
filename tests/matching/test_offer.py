"""The three to five that are put forward."""

from datetime import datetime
from typing import Any

import pytest

from plugin.matching.recommendation import Preferences


def kinds(found: Any, knowledge: Any) -> list[str]:
    return [knowledge.program(p).kind for p in found.r.offered]


def test_offer_starts_with_the_best_and_a_different_approach(
    answer: Any, knowledge: Any
) -> None:
    found = answer(["F10.20"])
    assert found.r.offered == ("aa", "lifering", "smart")
    assert kinds(found, knowledge) == ["twelve-step", "secular", "secular"]


def test_offer_covers_needs_that_the_first_do_not(answer: Any) -> None:
    found = answer(["F17.210", "F41.1", "F43.10", "F63.0"])
    served = {n for p in found.r.offered for n in found.r.program(p).needs}
    assert {"nicotine", "anxiety", "ptsd", "gambling"} <= served
    assert 3 <= len(found.r.offered) <= 5


def test_best_proven_group_is_offered_though_others_fit_better(answer: Any) -> None:
    found = answer(["F10.20", "F33.1"], medicines=["sertraline 100 MG"])
    ranked = [p.id for p in found.r.programs]
    assert ranked.index("aa") >= 3
    assert "aa" in found.r.offered
    assert found.r.program("aa").evidence.grade == "A"


def test_fellowship_made_for_the_need_is_not_crowded_out(answer: Any) -> None:
    found = answer(["F12.20"])
    assert [p.id for p in found.r.programs].index("ma") < len(found.r.offered)
    assert "ma" in found.r.offered


def test_one_fellowship_made_for_a_need_is_enough(answer: Any) -> None:
    offered = answer(["F11.20"]).r.offered
    assert len({"mara", "ha"} & set(offered)) == 1


def test_pick_is_offered_wherever_it_suits(answer: Any) -> None:
    unpicked = answer(["F10.20"])
    assert unpicked.programs.index("na") > 5
    picked = answer(["F10.20"], wishes=Preferences(picks=("na", "alateen")))
    assert "na" in picked.r.offered
    assert "alateen" not in picked.r.offered


def test_many_picks_are_no_more_than_five(answer: Any) -> None:
    picks = ("na", "itr", "phoenix", "refuge", "wfs", "recovery_dharma")
    found = answer(
        ["F10.20", "F11.20"], {}, ["rx:1819"], wishes=Preferences(picks=picks)
    )
    assert len(found.r.offered) == 5
    assert set(found.r.offered[:3]) & {"mara", "lifering", "smart"}


def test_group_that_the_words_of_the_chart_call_for_is_offered(answer: Any) -> None:
    said = {"codes": ["Z63.72"], "text": "Husband gambles"}
    assert "gamanon" in answer([said]).r.offered
    assert "gamanon" not in answer(["Z63.72"]).r.offered


def test_need_that_only_adjuncts_serve_is_covered_too(answer: Any) -> None:
    assert "anad" in answer(["F10.20", "F50.011"]).r.offered


def test_offer_is_never_more_than_five(answer: Any) -> None:
    many = [
        "F10.20",
        "F17.210",
        "F63.0",
        "F41.1",
        "F43.10",
        "F42.2",
        "F90.0",
        "F84.0",
        "G89.4",
        "F20.9",
    ]
    assert len(answer(many).r.offered) == 5


@pytest.mark.parametrize(
    ("conditions", "medicines"),
    [
        pytest.param(["F11.20"], [], id="opioid"),
        pytest.param(["F11.20", "F33.1"], ["rx:1819"], id="opioid-and-depression"),
        pytest.param(["F14.20", "F11.20"], [], id="opioid-and-cocaine"),
        pytest.param(["F10.20", "F41.1", "F11.21"], [], id="opioid-in-remission"),
    ],
)
def test_one_of_the_first_three_is_friendly_to_moud(
    answer: Any, conditions: list[Any], medicines: list[str]
) -> None:
    offered = answer(conditions, {}, medicines).r.offered
    assert {"mara", "smart", "lifering"} & set(offered[:3])


def test_offer_does_not_pad(answer: Any) -> None:
    assert answer(["Z63.72"], age=14).r.offered == ("alateen",)


def test_nothing_that_fits_is_said(answer: Any) -> None:
    found = answer(["F32.0"], age=15)
    assert found.r.offered == ()
    assert any("No suitable group found" in n for n in found.r.notes)


def test_chart_without_needs_says_nothing_of_groups(answer: Any) -> None:
    assert not any("No suitable group" in n for n in answer([]).r.notes)


def test_one_approach_only_is_said(answer: Any) -> None:
    secular = answer(["F40.01"])
    assert "Only one approach is known for these needs." in secular.r.notes


def test_faith_is_offered_only_when_asked(answer: Any) -> None:
    assert "celebrate" not in answer(["F10.20"]).programs
    asked = answer(["F10.20"], wishes=Preferences(spiritual="faith"))
    assert "celebrate" in asked.programs


def test_no_friendly_group_is_said(answer: Any) -> None:
    # No group for bulimia is known to be friendly to buprenorphine.
    found = answer(["F50.21"], {}, ["rx:1819"])
    assert any("friendly to the medication" in n for n in found.r.notes)


def test_directory_is_asked_once_for_all_suitable_programmes(
    answer: Any, directory: Any, at: datetime
) -> None:
    found = answer(
        ["F10.20", "F33.1"],
        find=directory.find,
        wishes=Preferences(modality="online", language="en"),
        asks={"within_km": 20},
    )
    (wanted,) = directory.asked
    assert set(wanted.programs) == set(found.programs)
    assert (wanted.at, wanted.attendance, wanted.language, wanted.within_km) == (
        at,
        "online",
        "en",
        20,
    )


def test_friendly_group_is_put_among_the_first_three(answer: Any, altered: Any) -> None:
    # The three that are known to be friendly rank last; others only say they are.
    friendly = ("mara", "smart", "lifering")
    last = altered({name: {"weight": 0.6} for name in friendly})
    found = answer(["F11.20"], rules=last)
    assert set(found.programs[:3]).isdisjoint(friendly)
    assert found.r.offered[2] in friendly
    assert set(found.r.offered[:2]).isdisjoint(friendly)


def test_very_weak_fit_is_not_offered(answer: Any, altered: Any) -> None:
    weak = altered({"psi": {"weight": 0.3}})
    found = answer(["F53.0"], rules=weak, gender="female")
    assert found.programs == ["psi"]
    assert found.r.offered == ()


def test_what_could_be_had_by_asking_is_named(answer: Any) -> None:
    notes = answer(["F43.81"]).r.notes
    assert any("Offered when asked for: The Compassionate Friends" in n for n in notes)
