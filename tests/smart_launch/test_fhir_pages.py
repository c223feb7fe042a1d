"""F06-F09: pages, and where their links may lead."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from smart_launch.errors import (
    UnreadableAnswer,
)

CONDITIONS = "/fhir/Condition"


def test_pages_are_read_to_the_last(
    pages: Any, fhir: Any, ehr: Any, answer: Any
) -> None:
    page2 = f"{ehr.issuer}/Condition?page=2"
    links = [*pages.to(page2), {"relation": "self", "url": "SELF"}]
    page3 = "Condition?page=3"
    ehr.on(
        CONDITIONS,
        answer.of(
            pages.bundle(pages.condition("c1"), pages.condition("c2"), link=links)
        ),
        answer.of(
            pages.bundle(
                pages.condition("c2"), pages.condition("c3"), link=pages.to(page3)
            )
        ),
        answer.of(pages.bundle(pages.condition("c4"))),
    )
    result = pages.search(fhir)
    assert [one["id"] for one in result.entries] == ["c1", "c2", "c3", "c4"]
    assert not result.incomplete
    assert result.self_link == "SELF"
    assert [one.query for one in ehr.calls(CONDITIONS)] == [
        {"patient": ["p1"]},
        {"page": ["2"]},
        {"page": ["3"]},
    ]


def test_F06_too_many_entries_are_cut_and_said(
    pages: Any, fhir: Any, ehr: Any, answer: Any
) -> None:
    many = []
    for page in range(40):
        entries = [pages.condition(f"c{page}-{n}") for n in range(500)]
        many.append(
            answer.of(
                pages.bundle(
                    *entries, link=pages.to(f"{ehr.issuer}/Condition?page={page}")
                )
            )
        )
    ehr.on(CONDITIONS, *many)
    result = pages.search(fhir)
    assert len(result.entries) == 5000
    assert result.incomplete
    assert len(ehr.calls(CONDITIONS)) == 11


def test_F06_too_many_pages_are_cut_and_said(
    pages: Any, fhir: Any, ehr: Any, answer: Any
) -> None:
    many = [
        answer.of(
            pages.bundle(pages.condition(f"c{n}"), link=pages.to(f"Condition?page={n}"))
        )
        for n in range(60)
    ]
    ehr.on(CONDITIONS, *many)
    result = pages.search(fhir)
    assert result.incomplete
    assert len(ehr.calls(CONDITIONS)) == 40


@pytest.mark.parametrize(
    "link",
    [
        pytest.param("EVIL/fhir/Condition?page=2", id="other-host"),
        pytest.param("http://169.254.169.254/latest", id="metadata"),
        pytest.param("file:///etc/passwd", id="file"),
        pytest.param("//evil.example/x", id="no-scheme"),
        pytest.param("https://HOST/fhir/Condition?page=2", id="other-scheme"),
        pytest.param("http://HOST@EVILHOST/fhir", id="user-information"),
        pytest.param("http://localhost/fhir/Condition", id="other-name"),
        pytest.param("javascript:alert(1)", id="script"),
        pytest.param("http://[::1", id="half-address"),
        pytest.param("\\\\evil.example\\x", id="backslashes"),
        pytest.param("Condition?page=2\r\nX-Evil: 1", id="CRLF"),
    ],
)
def test_F07_next_link_elsewhere_is_never_followed(
    pages: Any, fhir: Any, ehr: Any, new_ehr: Any, answer: Any, link: str
) -> None:
    evil = new_ehr("evil")
    link = link.replace("EVILHOST", evil.host).replace("EVIL", evil.root)
    link = link.replace("HOST", ehr.host)
    ehr.on(
        CONDITIONS, answer.of(pages.bundle(pages.condition("c1"), link=pages.to(link)))
    )
    result = pages.search(fhir)
    assert result.incomplete
    assert [one["id"] for one in result.entries] == ["c1"]
    assert evil.received == []
    assert len(ehr.calls(CONDITIONS)) == 1
    assert "X-Evil" not in str(result)


def test_F07_token_does_not_follow_even_to_an_allowed_host(
    pages: Any, fhir: Any, ehr: Any, new_ehr: Any, answer: Any
) -> None:
    login = new_ehr("login")
    allowing = replace(fhir.registration, allowed_hosts=frozenset({login.host}))
    link = pages.to(f"{login.root}/fhir/Condition?page=2")
    ehr.on(CONDITIONS, answer.of(pages.bundle(pages.condition("c1"), link=link)))
    assert pages.search(replace(fhir, registration=allowing)).incomplete
    assert login.received == []


def test_F07_circles_are_noticed(pages: Any, fhir: Any, ehr: Any, answer: Any) -> None:
    itself = f"{ehr.issuer}/Condition?patient=p1"
    ehr.on(
        CONDITIONS,
        answer.of(pages.bundle(pages.condition("c1"), link=pages.to(itself))),
    )
    assert pages.search(fhir).incomplete
    assert len(ehr.calls(CONDITIONS)) == 1
    first, second = f"{ehr.issuer}/Condition?a", f"{ehr.issuer}/Condition?b"
    ehr.on(
        CONDITIONS,
        answer.of(pages.bundle(pages.condition("c1"), link=pages.to(first))),
        answer.of(pages.bundle(pages.condition("c2"), link=pages.to(second))),
        answer.of(pages.bundle(pages.condition("c3"), link=pages.to(first))),
    )
    result = pages.search(fhir)
    assert result.incomplete
    assert len(result.entries) == 3


def test_F08_relative_link_stays_on_the_server(
    pages: Any, fhir: Any, ehr: Any, answer: Any
) -> None:
    ehr.on(
        CONDITIONS,
        answer.of(pages.bundle(pages.condition("c1"), link=pages.to("?page=2"))),
        answer.of(
            pages.bundle(pages.condition("c2"), link=pages.to("/fhir/Condition?page=3"))
        ),
        answer.of(pages.bundle(pages.condition("c3"))),
    )
    assert len(pages.search(fhir).entries) == 3


@pytest.mark.parametrize(
    "links", [5, "next", [5, {}, {"relation": "next"}, {"relation": "next", "url": 1}]]
)
def test_F08_malformed_links_are_no_links(
    pages: Any, fhir: Any, ehr: Any, answer: Any, links: Any
) -> None:
    ehr.on(CONDITIONS, answer.of(pages.bundle(pages.condition("c1"), link=links)))
    assert len(pages.search(fhir).entries) == 1


def test_failure_on_a_later_page_keeps_what_was_read(
    pages: Any, fhir: Any, ehr: Any, answer: Any
) -> None:
    first = pages.bundle(
        pages.condition("c1"), link=pages.to(f"{ehr.issuer}/Condition?page=2")
    )
    ehr.on(CONDITIONS, answer.of(first), answer(500))
    result = pages.search(fhir)
    assert result.incomplete
    assert "500" in result.incomplete_because
    assert len(result.entries) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_F09_read_redirect_is_not_followed(
    pages: Any, fhir: Any, ehr: Any, new_ehr: Any, answer: Any, status: int
) -> None:
    evil = new_ehr("evil")
    ehr.on(CONDITIONS, answer(status, b"", {"Location": f"{evil.root}/fhir"}))
    with pytest.raises(UnreadableAnswer):
        pages.search(fhir)
    assert evil.received == []
