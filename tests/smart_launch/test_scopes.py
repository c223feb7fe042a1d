"""The scope algebra: examples from the specification, and its laws."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_launch.scopes import (
    ResourceScope,
    Scopes,
    least_asked,
    least_of_own,
    speaks_v2,
)

RIGHTS = ["".join(one) for one in [
    "c", "r", "u", "d", "s", "rs", "cr", "crs", "cruds", "cud", "us",
]]  # fmt: skip
LEVELS = st.sampled_from(["patient", "user", "system"])
RESOURCES = st.sampled_from(["*", "Condition", "Observation", "Task"])
RESOURCE_SCOPES = st.builds(
    ResourceScope,
    LEVELS,
    RESOURCES,
    st.sampled_from(RIGHTS),
    st.sampled_from([None, None, "category=a", "code=b"]),
)
SCOPES = st.builds(
    Scopes,
    st.frozensets(RESOURCE_SCOPES, max_size=5),
    st.frozensets(st.sampled_from(["launch", "openid", "fhirUser"])),
)
QUESTIONS = st.tuples(
    st.sampled_from(["Condition", "Observation", "Task", "Patient"]),
    st.sampled_from("cruds"),
    LEVELS,
)


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        pytest.param("patient/Condition.rs", "patient/Condition.rs", id="v2"),
        pytest.param("patient/Condition.read", "patient/Condition.rs", id="v1-read"),
        pytest.param("user/Task.write", "user/Task.cud", id="v1-write"),
        pytest.param("patient/*.*", "patient/*.cruds", id="v1-star"),
        pytest.param(
            "patient/Observation.rs?category=lab",
            "patient/Observation.rs?category=lab",
            id="constraint",
        ),
        pytest.param("launch openid", "launch openid", id="others"),
        pytest.param("launch/patient", "launch/patient", id="launch-context"),
        pytest.param("  a   b  ", "a b", id="blanks"),
        pytest.param('a"b c\\d é ok', "ok", id="not-scopes"),
        pytest.param("a\nb\tc", "", id="line-breaks"),
        pytest.param("", "", id="empty"),
    ],
)
def test_scopes_are_read_and_spelled(text: str, spelled: str) -> None:
    assert str(Scopes.parse(text)) == spelled


@pytest.mark.parametrize(
    "text",
    [
        "patient/Condition.sr",
        "patient/Condition.",
        "patient/condition.rs",
        "patient/Condition.rss",
        "patient/Condition.readwrite",
        "patient/Condition.read?category=lab",
        "everyone/Condition.rs",
        "patient/Condition.rs?",
        "patient/*Condition.rs",
        "xpatient/Condition.rs",
        "patient/Condition.rs.evil",
    ],
)
def test_what_only_looks_like_a_right_gives_none(text: str) -> None:
    scopes = Scopes.parse(text)
    assert scopes.resources == frozenset()
    assert not scopes.touches("Condition", "r")


@pytest.mark.parametrize(
    ("text", "question", "covered", "touched"),
    [
        ("patient/Condition.rs", ("Condition", "rs"), True, True),
        ("patient/Condition.rs", ("Condition", "c"), False, False),
        ("patient/Condition.r", ("Condition", "rs"), False, False),
        ("patient/Condition.r patient/*.s", ("Condition", "rs"), True, True),
        ("patient/Condition.rs", ("Task", "r"), False, False),
        ("user/Condition.rs", ("Condition", "r"), True, True),
        ("system/Condition.rs", ("Condition", "r"), True, True),
        ("patient/Condition.rs", ("Condition", "r", "user"), False, False),
        ("user/Condition.rs", ("Condition", "r", "system"), False, False),
        ("patient/Condition.rs?code=a", ("Condition", "r"), False, True),
    ],
)
def test_rights_cover_what_they_say(
    text: str, question: tuple[str, ...], covered: bool, touched: bool
) -> None:
    scopes = Scopes.parse(text)
    assert scopes.covers(*question) is covered  # type: ignore[arg-type]
    assert scopes.touches(*question) is touched  # type: ignore[arg-type]


def test_words_are_found_by_name() -> None:
    scopes = Scopes.parse("openid patient/Task.r")
    assert "openid" in scopes
    assert "patient/Task.r" not in scopes
    assert "launch" not in scopes


@pytest.mark.parametrize(
    ("granted", "asked", "kept"),
    [
        ("patient/*.cruds", "patient/Condition.rs", "patient/Condition.rs"),
        ("patient/Condition.read", "patient/Condition.crs", "patient/Condition.rs"),
        ("patient/Condition.rs", "patient/*.r", "patient/Condition.r"),
        ("user/Condition.rs", "patient/Condition.rs", "patient/Condition.rs"),
        ("patient/Condition.rs", "user/Condition.rs", "patient/Condition.rs"),
        ("patient/Condition.rs", "system/*.r", "patient/Condition.r"),
        (
            "patient/Condition.rs?code=a",
            "patient/Condition.rs",
            "patient/Condition.rs?code=a",
        ),
        (
            "patient/Condition.rs",
            "patient/Condition.rs?code=a",
            "patient/Condition.rs?code=a",
        ),
        ("patient/Condition.rs?code=a", "patient/Condition.rs?code=b", ""),
        ("patient/Condition.rs?code=a", "patient/Condition.c", ""),
        ("openid extra", "openid launch", "openid"),
    ],
)
def test_grant_is_cut_to_what_was_asked(granted: str, asked: str, kept: str) -> None:
    assert str(Scopes.parse(granted).within(Scopes.parse(asked))) == kept


@given(st.text())
def test_any_text_is_read_and_reading_again_changes_nothing(text: str) -> None:
    scopes = Scopes.parse(text)
    assert Scopes.parse(str(scopes)) == scopes
    assert str(scopes).isprintable()


@given(SCOPES)
def test_spelling_keeps_the_meaning(scopes: Scopes) -> None:
    assert Scopes.parse(str(scopes)) == scopes
    assert Scopes.parse(iter(scopes)) == scopes


@given(SCOPES, SCOPES, QUESTIONS)
def test_what_is_kept_was_both_granted_and_asked(
    granted: Scopes, asked: Scopes, question: tuple[str, str, str]
) -> None:
    kept = granted.within(asked)
    for ask in ("covers", "touches"):
        if getattr(kept, ask)(*question):
            assert getattr(granted, ask)(*question)
            assert getattr(asked, ask)(*question)
    assert kept.others <= granted.others & asked.others


@given(SCOPES, SCOPES, QUESTIONS)
def test_what_is_granted_and_asked_without_constraint_is_kept(
    granted: Scopes, asked: Scopes, question: tuple[str, str, str]
) -> None:
    if granted.covers(*question) and asked.covers(*question):  # type: ignore[arg-type]
        assert granted.within(asked).covers(*question)  # type: ignore[arg-type]


@given(SCOPES, QUESTIONS)
def test_cutting_to_oneself_changes_no_answer(
    scopes: Scopes, question: tuple[str, str, str]
) -> None:
    cut = scopes.within(scopes)
    assert cut.covers(*question) is scopes.covers(*question)  # type: ignore[arg-type]
    assert cut.touches(*question) is scopes.touches(*question)  # type: ignore[arg-type]


@given(RESOURCE_SCOPES)
def test_v1_spelling_never_means_less(scope: ResourceScope) -> None:
    first = Scopes.parse(" ".join(scope.as_v1()))
    assert first.covers(
        "Task" if scope.resource == "*" else scope.resource, scope.rights, scope.level
    )


WANTED = (
    "launch",
    "openid",
    "fhirUser",
    "online_access",
    "patient/Condition.rs",
    "patient/ServiceRequest.crs",
    "patient/Task.crus",
)


@pytest.mark.parametrize(
    ("supported", "capabilities", "asked"),
    [
        pytest.param(
            ["patient/*.cruds"],
            ["permission-v2"],
            "fhirUser launch openid patient/Condition.rs patient/ServiceRequest.crs "
            "patient/Task.crus",
            id="v2-wildcard",
        ),
        pytest.param(
            ["patient/Condition.rs", "patient/Task.r", "online_access"],
            ["permission-v2"],
            "fhirUser launch online_access openid patient/Condition.rs patient/Task.r",
            id="only-what-is-listed",
        ),
        pytest.param(
            ["patient/*.read"],
            [],
            "fhirUser launch openid patient/Condition.read "
            "patient/ServiceRequest.read patient/Task.read",
            id="v1-by-its-spelling",
        ),
        pytest.param(
            ["patient/*.rs"],
            [],
            "fhirUser launch openid patient/Condition.rs patient/ServiceRequest.rs "
            "patient/Task.rs",
            id="v2-by-its-spelling",
        ),
        pytest.param(
            ["openid", "launch"],
            ["permission-v1", "permission-online"],
            "fhirUser launch online_access openid patient/Condition.read "
            "patient/ServiceRequest.read patient/ServiceRequest.write "
            "patient/Task.read patient/Task.write",
            id="no-rights-listed",
        ),
        pytest.param(
            ["patient/Observation.rs"],
            ["permission-v2"],
            "fhirUser launch openid",
            id="nothing-wanted-is-listed",
        ),
    ],
)
def test_least_is_asked_in_the_servers_spelling(
    supported: list[str], capabilities: list[str], asked: str
) -> None:
    assert " ".join(least_asked(WANTED, supported, capabilities)) == asked


@given(SCOPES, SCOPES, QUESTIONS)
def test_never_more_is_asked_than_wanted(
    wanted: Scopes, supported: Scopes, question: tuple[str, str, str]
) -> None:
    asked = Scopes.parse(least_asked(wanted, tuple(supported), ["permission-v2"]))
    for ask in ("covers", "touches"):
        if getattr(asked, ask)(*question):
            assert getattr(wanted, ask)(*question)
    assert asked.others <= wanted.others


@pytest.mark.parametrize(
    ("supported", "capabilities", "second"),
    [
        ([], [], True),
        (["launch"], ["launch-ehr"], False),
        (["patient/*.read", "patient/*.rs"], [], True),
        (["patient/*.rs"], [], True),
        (["patient/*.read", "launch"], [], False),
        (["patient/*.rs"], ["permission-v1"], False),
        (["patient/*.read"], ["permission-v1", "permission-v2"], True),
    ],
)
def test_version_is_what_the_server_says(
    supported: list[str], capabilities: list[str], second: bool
) -> None:
    assert speaks_v2(supported, capabilities) is second


OWN = ["system/Task.crs", "system/Condition.r", "patient/Task.c", "openid"]


@pytest.mark.parametrize(
    ("supported", "asked"),
    [
        pytest.param([], "system/Condition.r system/Task.crs", id="lists-nothing"),
        pytest.param(
            ["patient/*.cruds"],
            "system/Condition.r system/Task.crs",
            id="lists-none-of-its-own",
        ),
        pytest.param(["system/Task.cr"], "system/Task.cr", id="lists-less"),
        pytest.param(
            ["system/*.cruds"], "system/Condition.r system/Task.crs", id="lists-more"
        ),
        pytest.param(
            ["system/*.read", "system/*.write"],
            "system/Condition.read system/Task.read system/Task.write",
            id="v1",
        ),
        pytest.param(["system/Patient.r"], "", id="lists-others"),
    ],
)
def test_app_asks_for_its_own_what_the_server_lists(
    supported: list[str], asked: str
) -> None:
    assert " ".join(least_of_own(OWN, supported)) == asked


@given(SCOPES, SCOPES, QUESTIONS)
def test_app_asks_for_its_own_for_system_scopes_alone(
    wanted: Scopes, supported: Scopes, question: tuple[str, str, str]
) -> None:
    asked = least_of_own(wanted, tuple(supported), ["permission-v2"])
    assert all(one.startswith("system/") for one in asked)
    for ask in ("covers", "touches"):
        if getattr(Scopes.parse(asked), ask)(*question):
            assert getattr(wanted, ask)(*question)
