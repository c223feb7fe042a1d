"""The EHR's style document: read once an hour, in the background, or not at all."""

import threading
from typing import Any

import pytest

from smart_launch.style import KEPT_FOR, Style, Styles

GREEN = {"color_background": "#FFF", "color_text": "#003300"}


@pytest.fixture
def monotonic() -> list[float]:
    return [0.0]


@pytest.fixture
def styles(outbound: Any, monotonic: list[float]) -> Styles:
    return Styles(outbound, lambda: monotonic[0])


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        pytest.param(
            (GREEN, 200), Style(background="#ffffff", text="#003300"), id="read"
        ),
        pytest.param(({}, 404), None, id="not-there"),
        pytest.param(([], 200), Style(), id="no-object"),
        pytest.param(
            ({"font_family_body": "Georgia, 'Times New Roman', serif"}, 200),
            Style(fonts=("Georgia", "Times New Roman", "serif")),
            id="fonts",
        ),
        pytest.param(
            ({"font_family_body": "x; } body { display: none"}, 200),
            Style(),
            id="T01-fonts-that-are-more",
        ),
    ],
)
def test_style_is_what_the_ehr_says(
    styles: Styles, ehr: Any, registered: Any, answer: Any, reply: Any, found: Any
) -> None:
    body, status = reply
    ehr.on("/style", answer.of(body, status))
    got = styles.of(registered(ehr), f"{ehr.root}/style", patience=5)
    assert got == found


def test_style_that_is_no_json_or_no_answer_is_none(
    styles: Styles, ehr: Any, registered: Any
) -> None:
    ehr.on("/style", lambda request, one: None)
    assert styles.of(registered(ehr), f"{ehr.root}/style", patience=5) is None


def test_style_of_a_foreign_host_is_not_asked_for(
    styles: Styles, ehr: Any, registered: Any
) -> None:
    url = "https://stranger.example/style"
    assert styles.of(registered(ehr), url, patience=5) is None
    assert ehr.received == []


def test_style_is_read_again_after_an_hour_and_a_failure_sooner(
    styles: Styles, ehr: Any, registered: Any, answer: Any, monotonic: list[float]
) -> None:
    registration, url = registered(ehr), f"{ehr.root}/style"
    ehr.on("/style", answer.of({}, 503))
    assert styles.of(registration, url, patience=5) is None
    ehr.on("/style", answer.of(GREEN))
    assert styles.of(registration, url, patience=5) is None
    monotonic[0] += 301
    assert styles.of(registration, url, patience=5) is not None
    monotonic[0] += KEPT_FOR - 1
    styles.of(registration, url, patience=5)
    assert len(ehr.calls("/style")) == 2
    monotonic[0] += 2
    styles.of(registration, url, patience=5)
    assert len(ehr.calls("/style")) == 3


def test_many_addresses_leave_memory_bounded(
    styles: Styles, ehr: Any, registered: Any
) -> None:
    for number in range(210):
        styles.of(registered(ehr), f"https://stranger.example/{number}", patience=5)
    assert len(styles._kept) <= 200


def test_style_that_is_still_on_its_way_is_not_asked_for_again(
    styles: Styles, ehr: Any, registered: Any, answer: Any
) -> None:
    release = threading.Event()

    def slowly(request: Any, one: Any) -> Any:
        release.wait(60)
        return answer.of(GREEN)

    ehr.on("/style", slowly)
    registration, url = registered(ehr), f"{ehr.root}/style"
    assert styles.of(registration, url) is None
    assert styles.of(registration, url) is None
    release.set()
    assert styles.of(registration, url, patience=5) is not None
    assert len(ehr.calls("/style")) == 1


@pytest.mark.parametrize("told", [True, False])
def test_style_of_a_launch_is_that_of_its_ehr(
    app: Any, ehr: Any, answer: Any, told: bool
) -> None:
    if told:
        ehr.token_answer = {"smart_style_url": f"{ehr.root}/style"}
    ehr.on("/style", answer.of(GREEN))
    style = app.client.style(app.launch(ehr).context, patience=5)
    assert (style is not None) is told
