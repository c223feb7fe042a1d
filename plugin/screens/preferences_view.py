"""What the patient may prefer. Nothing is stated before somebody states it."""

from __future__ import annotations

from dataclasses import dataclass

from plugin.screens.draft import Draft
from plugin.screens.words import Words

# Languages that meetings are held in; the one that is stated is always among them.
SPOKEN = ("en", "es", "fr", "de", "pt", "pl", "zh", "ar")


@dataclass(frozen=True, slots=True)
class Wish:
    id: str
    text: str
    taken: bool


@dataclass(frozen=True, slots=True)
class PreferencesView:
    words: Words

    def values(self, draft: Draft, *, has_place: bool) -> dict[str, object]:
        say, stated = self.words.say, draft.preferences
        spiritual = [
            ("", say("not stated")),
            ("secular_only", say("Not spiritual")),
            ("spiritual_ok", say("Spiritual is fine")),
            ("faith", say("Faith-based")),
        ]
        modality = [
            ("", say("not stated")),
            ("in-person", say("In person")),
            ("online", say("Online")),
        ]
        wishes = [
            Wish("women", say("Women"), stated.women),
            Wish("men", say("Men"), stated.men),
            Wish("lgbtq", say("LGBTQ+"), stated.lgbtq),
            Wish("young_people", say("Young people"), stated.young_people),
            Wish("veterans", say("Veterans"), stated.veterans),
            Wish("beginners", say("Beginners"), stated.beginners),
        ]
        spoken = self._language_options(stated.language)
        said = [
            text for value, text in spiritual if value and value == stated.spiritual
        ]
        said += [text for value, text in modality if value and value == stated.modality]
        said += [text for value, text in spoken if value and value == stated.language]
        said += [wish.text for wish in wishes if wish.taken]
        return {
            "spiritual_options": spiritual,
            "chosen_spiritual": stated.spiritual or "",
            "modality_options": modality,
            "chosen_modality": stated.modality or "",
            "language_options": spoken,
            "chosen_language": stated.language or "",
            "wishes": wishes,
            "any_wish": any(wish.taken for wish in wishes),
            "preferences_line": ", ".join(said) or say("nothing stated"),
            "place_options": self._places(has_place=has_place),
            "chosen_place": draft.place,
        }

    def _language_options(self, stated: str | None) -> list[tuple[str, str]]:
        tags = dict.fromkeys((*SPOKEN, stated or ""))
        names = self.words.locale.languages
        return [("", self.words.say("not stated"))] + [
            (tag, str(names.get(tag, tag)).capitalize()) for tag in tags if tag
        ]

    def _places(self, *, has_place: bool) -> list[tuple[str, str]]:
        if has_place:
            return [
                ("home", self.words.say("Home, as in the chart")),
                ("none", self.words.say("Anywhere")),
            ]
        return [
            (
                "none",
                self.words.say("The chart has no place: distances are not known."),
            ),
        ]
