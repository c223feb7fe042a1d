"""What the codes of a feed mean, in clinicians' words.

A code has a meaning only beside its fellowship: B is a book in AA and a business owner
in Debtors Anonymous, Y the young in AA and Alateen in Al-Anon. The words have places in
a bit field of the search index: a new word is added at the end.
Source: Code for Recovery, Meeting Guide types; 12 Step Meeting List, programme types;
BMLT, formats and their world ids.
"""

from collections.abc import Iterable, Mapping
from functools import cache, lru_cache

from plugin.directory.languages import LANGUAGE_NAMES, LANGUAGES, SPOKEN

# In this order for ever: the place of a word is its bit.
WORDS = (
    "open",
    "closed",
    "beginners",
    "women",
    "men",
    "young-people",
    "lgbtq",
    "transgender",
    "non-binary",
    "seniors",
    "people-of-color",
    "indigenous",
    "veterans",
    "wheelchair",
    "sign-language",
    "child-friendly",
    "childcare",
    "secular",
    "meditation",
    "speaker",
    "discussion",
    "steps",
    "traditions",
    "literature",
    "dual-diagnosis",
    "medication-friendly",
    "parents",
    "adult-children",
    "teens",
    "with-alanon",
    "with-alateen",
    "outdoors",
    "smoking",
    "fragrance-free",
    "professionals",
    "proof-of-attendance",
    "facilitated",
    "by-phone",
    "no-video",
    "restricted",
    "anorexia",
    "with-aa",
    "candlelight",
    "hearing-loop",
    "deaf",
    "faith",
    "questions",
)

_BITS = {word: 1 << place for place, word in enumerate(WORDS)}

# What means the same in every fellowship that uses it.
_EVERYWHERE = {
    "O": "open",
    "C": "closed",
    "M": "men",
    "W": "women",
    "LGBTQ": "lgbtq",
    "LGBTQIA": "lgbtq",
    "POC": "people-of-color",
    "NDG": "indigenous",
    "SEN": "seniors",
    "NB": "non-binary",
    "ASL": "sign-language",
    "X": "wheelchair",
    "XB": "wheelchair",
    "CF": "child-friendly",
    "BA": "childcare",
    "BE": "beginners",
    "BEG": "beginners",
    "LIT": "literature",
    "MED": "meditation",
    "OUT": "outdoors",
    "SM": "smoking",
    "SP": "speaker",
    "ST": "steps",
    "FF": "fragrance-free",
    "VET": "veterans",
}

_MEETING_GUIDE = {
    "11": "meditation",
    "12x12": "steps",
    "A": "secular",
    "ABSI": "literature",
    "AL": "with-alateen",
    "AL-AN": "with-alanon",
    "B": "literature",
    "BI": "lgbtq",
    "CAN": "candlelight",
    "D": "discussion",
    "DD": "dual-diagnosis",
    "DR": "literature",
    "G": "lgbtq",
    "GR": "literature",
    "L": "lgbtq",
    "LS": "literature",
    "N": "indigenous",
    "P": "professionals",
    "POA": "proof-of-attendance",
    "T": "transgender",
    "TR": "traditions",
    "Y": "young-people",
    "DB": "",
    "BRK": "",
    "H": "",
    "XT": "",
    "D-HOH": "deaf",
}

_NA = {
    "CW": "child-friendly",
    "DISC": "discussion",
    "GL": "lgbtq",
    "BT": "literature",
    "IP": "literature",
    "IW": "literature",
    "JFT": "literature",
    "LC": "literature",
    "SPAD": "literature",
    "SWG": "steps",
    "STEP": "steps",
    "TRAD": "traditions",
    "CPT": "traditions",
    "SPK": "speaker",
    "TOP": "discussion",
    "QA": "questions",
    "RA": "restricted",
    "SMOK": "smoking",
    "CAN": "candlelight",
    "Y": "young-people",
    "OPEN": "open",
    "CLOSED": "closed",
    "WCHR": "wheelchair",
    "Ag": "secular",
    "SL": "sign-language",
    "GEN": "",
    "NS": "",
    "VAR": "",
}

_DHARMA = {
    "BB": "literature",
    "CC": "childcare",
    "8F": "literature",
    "IS": "discussion",
    "IW": "discussion",
    "MI": "meditation",
    "WA": "wheelchair",
}

# Programme ids are those of the knowledge base.
_OWN: Mapping[str, Mapping[str, str]] = {
    "aa": _MEETING_GUIDE,
    "secular_aa": _MEETING_GUIDE,
    "ca": _MEETING_GUIDE,
    "cma": {"T": "transgender", "Y": "young-people"},
    "alanon": {
        "AC": "adult-children",
        "Y": "teens",
        "A": "secular",
        "AA": "with-aa",
        "AL": "with-alateen",
        "G": "lgbtq",
        "L": "lgbtq",
        "POA": "parents",
        "T": "transgender",
        "YA": "young-people",
    },
    "alateen": {"Y": "teens"},
    "aca": {
        "T": "literature",
        "G": "lgbtq",
        "S": "speaker",
        "SP": "",
        "Y": "literature",
        "B": "beginners",
        "D": "discussion",
    },
    "coda": {
        "A": "secular",
        "B": "literature",
        "CAN": "candlelight",
        "AL-AN": "with-alanon",
        "AL": "with-alateen",
        "D": "discussion",
        "G": "lgbtq",
        "L": "lgbtq",
        "QA": "questions",
        "T": "transgender",
        "TEEN": "teens",
        "TR": "traditions",
        "Y": "young-people",
    },
    "da": {"B": "", "P": "", "N": "", "AR": "", "TI": ""},
    "eda": {
        "11": "meditation",
        "12x12": "steps",
        "A": "secular",
        "B": "literature",
        "T": "transgender",
        "TO": "discussion",
        "TR": "traditions",
        "Y": "young-people",
    },
    "ga": {
        "20": "beginners",
        "B": "literature",
        "CAN": "candlelight",
        "D": "discussion",
        "DR": "literature",
        "TOP": "discussion",
        "TR": "traditions",
        "Y": "young-people",
    },
    "na": _NA,
    "ha": _NA,
    "oa": {
        "11TH": "meditation",
        "B": "literature",
        "D": "discussion",
        "NEWB": "beginners",
        "TEEN": "teens",
        "SD": "speaker",
    },
    "recovery_dharma": _DHARMA,
    "refuge": _DHARMA,
    "slaa": {
        "AN": "anorexia",
        "B": "literature",
        "BA": "childcare",
        "D": "discussion",
        "NC": "beginners",
        "TR": "traditions",
    },
    "aca_sia": {"12x12": "steps", "B": "literature", "T": "transgender"},
}

# Languages that a code of the same letters is not, in this fellowship.
_NOT_LANGUAGES: Mapping[str, frozenset[str]] = {
    "aca": frozenset({"S"}),
    "da": frozenset({"AR"}),
    "recovery_dharma": frozenset({"IS"}),
    "refuge": frozenset({"IS"}),
    "slaa": frozenset({"HR"}),
    "na": frozenset({"SL", "S"}),
    "ha": frozenset({"SL", "S"}),
}
_OTHER_LANGUAGES: Mapping[str, Mapping[str, str]] = {
    "aca": {"SP": "es"},
    "recovery_dharma": {"ES": "es"},
    "refuge": {"ES": "es"},
}


def canonical(code: str) -> str:
    """The code as its list writes it; some publishers send small letters."""
    code = code.strip()
    return "12x12" if code.lower() == "12x12" else code.upper()


@lru_cache(maxsize=8192)
def word_of(program: str, code: str) -> str:
    """The clinicians' word for a fellowship's code; "" where it has none."""
    own = _OWN.get(program, {}).get(code)
    return _EVERYWHERE.get(code, "") if own is None else own


@lru_cache(maxsize=8192)
def language_of(program: str, code: str) -> str:
    """The language that a fellowship's code names, as ISO 639-1; else ""."""
    own = _OTHER_LANGUAGES.get(program, {}).get(code)
    if own is not None:
        return own
    if code in _NOT_LANGUAGES.get(program, frozenset()):
        return ""
    return SPOKEN.get(code, "")


def words_of(program: str, codes: Iterable[str]) -> tuple[str, ...]:
    """The words of a row's codes, each once, in the order of `WORDS`."""
    return in_order({word for code in codes if (word := word_of(program, code))})


def languages_of(program: str, codes: Iterable[str]) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(spoken for c in codes if (spoken := language_of(program, c)))
    )


def in_order(words: Iterable[str]) -> tuple[str, ...]:
    chosen = set(words)
    return tuple(word for word in WORDS if word in chosen) if chosen else ()


@lru_cache(maxsize=65536)
def bits_of(words: tuple[str, ...]) -> int:
    """The bit field of known words."""
    return sum(_BITS.get(word, 0) for word in set(words))


@lru_cache(maxsize=4096)
def language_bits(languages: tuple[str, ...]) -> int:
    """The bit field of the languages; one that has no place in it counts as none."""
    return sum(1 << LANGUAGES.index(one) for one in set(languages) if one in LANGUAGES)


@cache
def language_words() -> Mapping[str, str]:
    """From the word that is shown for a language to its code: spanish -> es."""
    return {name: code for code, name in LANGUAGE_NAMES.items()}


def shown(words: Iterable[str], languages: Iterable[str]) -> tuple[str, ...]:
    """The tags that a person reads; a meeting in English does not say so."""
    spoken = (LANGUAGE_NAMES.get(one, "") for one in languages if one != "en")
    return (*words, *(name for name in spoken if name))


def is_word(tag: str) -> bool:
    return tag in _BITS
