"""Languages in which groups meet.

Source: ISO 639-1; Code for Recovery, Meeting Guide types, whose language codes are
mostly those of ISO in capitals.
"""

from collections.abc import Mapping

# In this order for ever: the place of a language is its bit in the search index.
LANGUAGE_NAMES: Mapping[str, str] = {
    "en": "english",
    "es": "spanish",
    "fr": "french",
    "de": "german",
    "pt": "portuguese",
    "it": "italian",
    "ru": "russian",
    "pl": "polish",
    "zh": "chinese",
    "ja": "japanese",
    "ko": "korean",
    "ar": "arabic",
    "fa": "persian",
    "he": "hebrew",
    "hi": "hindi",
    "pa": "punjabi",
    "ne": "nepali",
    "ml": "malayalam",
    "th": "thai",
    "tl": "tagalog",
    "tr": "turkish",
    "el": "greek",
    "nl": "dutch",
    "sv": "swedish",
    "no": "norwegian",
    "da": "danish",
    "fi": "finnish",
    "is": "icelandic",
    "et": "estonian",
    "lv": "latvian",
    "lt": "lithuanian",
    "uk": "ukrainian",
    "cs": "czech",
    "sk": "slovak",
    "sl": "slovenian",
    "hr": "croatian",
    "sr": "serbian",
    "hu": "hungarian",
    "ro": "romanian",
    "bg": "bulgarian",
    "ka": "georgian",
    "af": "afrikaans",
    "am": "amharic",
    "mt": "maltese",
    "vi": "vietnamese",
    "cy": "welsh",
    "ga": "irish",
    "id": "indonesian",
    "bn": "bengali",
    "ur": "urdu",
    "ta": "tamil",
    "te": "telugu",
    "sw": "swahili",
    "ht": "haitian creole",
    "mi": "maori",
    "ca": "catalan",
    "eu": "basque",
    "mn": "mongolian",
    "so": "somali",
    "kn": "kannada",
    "mr": "marathi",
    "gu": "gujarati",
}

LANGUAGES = tuple(LANGUAGE_NAMES)

# The Meeting Guide's codes. Eight are not the ISO code in capitals.
SPOKEN: Mapping[str, str] = {
    **{
        code: code.lower()
        for code in [
            "AF",
            "AM",
            "AR",
            "BG",
            "DA",
            "DE",
            "EL",
            "EN",
            "FA",
            "FI",
            "FR",
            "HE",
            "HI",
            "HR",
            "HU",
            "IS",
            "JA",
            "KA",
            "LT",
            "ML",
            "MT",
            "NE",
            "NL",
            "NO",
            "SK",
            "SL",
            "SV",
            "TH",
            "TL",
            "UK",
        ]
    },
    "S": "es",
    "ITA": "it",
    "KOR": "ko",
    "POL": "pl",
    "POR": "pt",
    "PUN": "pa",
    "RUS": "ru",
    "TUR": "tr",
}

# As people write them in the names of formats.
_WRITTEN: Mapping[str, str] = {
    **{name: code for code, name in LANGUAGE_NAMES.items()},
    "espanol": "es",
    "español": "es",
    "hispano": "es",
    "français": "fr",
    "francais": "fr",
    "farsi": "fa",
    "persiskt": "fa",
    "deutsch": "de",
    "português": "pt",
    "engelska": "en",
    "anglais": "en",
    "mandarin": "zh",
    "cantonese": "zh",
    "finlandais": "fi",
}


def written_languages(text: str) -> tuple[str, ...]:
    """The languages that a text names: "Lithuanian/Russian" names two."""
    words = text.lower().replace("/", " ").replace(",", " ").replace("-", " ").split()
    return tuple(dict.fromkeys(_WRITTEN[word] for word in words if word in _WRITTEN))


def language_code(text: str) -> str:
    """ISO 639-1 of a tag such as `en-US` or a name such as Spanish; "" for neither."""
    said = text.strip().lower()
    if said in LANGUAGE_NAMES:
        return said
    first = said.split("-")[0].split("_")[0]
    if len(first) == 2 and first.isalpha() and first.isascii():
        return first
    return _WRITTEN.get(said, "")
