"""The patient's stated wishes, and which of them a programme meets."""

from collections.abc import Mapping, Sequence

from plugin.directory.meeting import Occurrence
from plugin.matching.recommendation import Preferences
from plugin.matching.wishes import Candidate

# How feeds mark a meeting for a group of people, beside the word itself.
_TAGS: Mapping[str, frozenset[str]] = {
    "women": frozenset({"women", "w"}),
    "men": frozenset({"men", "m"}),
    "young_people": frozenset({"young-people", "young people", "y", "yp"}),
    "lgbtq": frozenset({"lgbtq", "lgbtq+", "lgbt", "g", "l", "glbt"}),
    "beginners": frozenset({"beginners", "newcomer", "newcomers", "be", "beg"}),
    "veterans": frozenset({"veterans", "veteran", "vets"}),
}


def stated_wishes(candidate: Candidate, preferences: Preferences) -> dict[str, bool]:
    """Each wish that was stated, and whether it is met. Nothing is inferred."""
    program = candidate.program
    wishes: dict[str, bool] = {}
    if preferences.spiritual == "secular_only":
        wishes["secular"] = program.spirituality == 0
    elif preferences.spiritual == "faith":
        wishes["faith"] = program.spirituality == 3
    elif preferences.spiritual == "spiritual_ok":
        wishes["spiritual"] = program.spirituality <= 2
    if preferences.modality == "online":
        wishes["online"] = bool({"online", "phone"} & set(program.formats))
    elif preferences.modality == "in-person":
        wishes["in person"] = "in-person" in program.formats
    if preferences.language:
        wishes["language"] = (
            program.any_language
            or preferences.language.lower().split("-")[0] in program.languages
        )
    if preferences.names_times and candidate.meetings:
        wishes["day and time"] = any(
            is_wished_time(meeting, preferences) for meeting in candidate.meetings
        )
    for name, words in _TAGS.items():
        if getattr(preferences, name):
            wishes[name.replace("_", " ")] = _is_for(words, candidate)
    return wishes


def is_wished_time(meeting: Occurrence, preferences: Preferences) -> bool:
    """Whether a meeting falls on a day and at a time that suit, by its own clock."""
    starts = meeting.starts
    if preferences.weekdays and not preferences.weekdays & 1 << starts.weekday():
        return False
    minute = starts.hour * 60 + starts.minute
    begin, end = preferences.earliest, preferences.latest
    if begin <= end:
        return begin <= minute < end
    return minute >= begin or minute < end


def at_wished_times(
    meetings: Sequence[Occurrence], preferences: Preferences, most: int
) -> tuple[Occurrence, ...]:
    """Those that suit; where none does, the first of all, so that none are hidden."""
    if not preferences.names_times:
        return tuple(meetings[:most])
    suited = [m for m in meetings if is_wished_time(m, preferences)]
    return tuple((suited or list(meetings))[:most])


def _is_for(words: frozenset[str], candidate: Candidate) -> bool:
    program = candidate.program
    tags = {tag.lower() for tag in program.tags} | {program.gender}
    if words & tags:
        return True
    return any(words & _tags(meeting) for meeting in candidate.meetings)


def _tags(meeting: Occurrence) -> set[str]:
    return {tag.lower() for tag in meeting.tags}
