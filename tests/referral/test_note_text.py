"""Plain text, cleaned of what no record should hold."""

import pytest

from plugin.referral.text import clean_text, one_line


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        pytest.param("a\r\nb\rc", "a\nb\nc", id="line-ends"),
        pytest.param("a\u2028b\u2029c\x85d\x0be", "a\nb\nc\nd\ne", id="odd-line-ends"),
        pytest.param("a\u00a0b\u202fc\u3000d", "a b c d", id="odd-spaces"),
        pytest.param("a\x00b\x1b[31mc\x7f\x9b", "ab[31mc", id="controls"),
        pytest.param("a\ud800b", "ab", id="half-a-pair"),
        pytest.param("a\uffffb\ufdd0c\U0001fffed", "abcd", id="noncharacters"),
        pytest.param("\ufeffa", "a", id="byte-order-mark"),
        pytest.param("a\u202egnp\u2066b", "agnpb", id="turning-marks"),
        pytest.param("a  \t\nb \n", "a\nb", id="trailing-space"),
        pytest.param("a\n\n\n\n\n\nb", "a\n\n\nb", id="many-empty-lines"),
        pytest.param(
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
            id="persian-joiner-stays",
        ),
        pytest.param("e\u0301 \U0001f468\u200d\U0001f469", None, id="marks-and-emoji"),
        pytest.param("\tindented", "indented", id="outer-space"),
        pytest.param("1\t2", "1\t2", id="tab-within"),
        pytest.param("", "", id="empty"),
    ],
)
def test_clean_text(text: str, cleaned: str | None) -> None:
    assert clean_text(text) == (text if cleaned is None else cleaned)


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [
        pytest.param("a \n  b", 10, "a b", id="flat"),
        pytest.param("a" * 10, 10, "a" * 10, id="fits"),
        pytest.param("abcde fghij", 7, "abcde…", id="cut-without-a-trailing-space"),
        pytest.param("\x00", 5, "", id="nothing-left"),
    ],
)
def test_one_line(text: str, limit: int, short: str) -> None:
    assert one_line(text, limit) == short
