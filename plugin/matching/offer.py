"""The three to five that are put forward: the best, then a different approach."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from plugin.matching.ranking import Ranked, study_of
from plugin.matching.sentences import sentence
from plugin.matching.wishes import Situation


@dataclass(frozen=True, slots=True)
class Offer:
    ids: tuple[str, ...]
    notes: tuple[str, ...]


def offer(ranked: Sequence[Ranked], situation: Situation) -> Offer:
    """Takes: the programmes in rank order. Gives: at most five, never padded.

    What the patient picked is put forward wherever it suits, and so is what the chart
    speaks of in words, such as the group for relatives of those who gamble.
    """
    weights = situation.knowledge.weights
    called = {_id(r) for r in ranked if _is_called_for(r, situation)}
    good = [r for r in ranked if r.score >= weights.offer_floor or _id(r) in called]
    if not good:
        return Offer((), (_nothing(situation),) if situation.needs else ())
    chosen = [good[0]]
    for ranked_one in good:
        if _id(ranked_one) in called and len(chosen) < weights.offer_most:
            _take(chosen, [ranked_one])
    for among in (_of_another_kind(good, chosen), _covering_more(good, chosen)):
        if len(chosen) < weights.offer_most:
            _take(chosen, among)
    if situation.moud_matters:
        _put_friendly(chosen, good)
        del chosen[weights.offer_most :]
    while len(chosen) < weights.offer_least and (
        _take(chosen, _with_new_approach(good, chosen)) or _take(chosen, good)
    ):
        pass
    while len(chosen) < weights.offer_most and (
        _take(chosen, _with_better_evidence(good, chosen, situation))
        or _take(chosen, _covering_more(good, chosen))
        or _take(chosen, _made_for_a_need(good, chosen))
    ):
        pass
    return Offer(tuple(_id(r) for r in chosen), tuple(_notes(good, situation)))


def _is_called_for(ranked: Ranked, situation: Situation) -> bool:
    required = ranked.candidate.program.requires
    by_words = required is not None and required.kind == "text"
    return by_words or _id(ranked) in situation.preferences.picks


def _id(ranked: Ranked) -> str:
    return ranked.candidate.program.id


def _kind(ranked: Ranked) -> str:
    return ranked.candidate.program.kind


def _take(chosen: list[Ranked], among: Iterable[Ranked]) -> bool:
    """Add the first that is not chosen yet; say whether there was one."""
    taken = {_id(r) for r in chosen}
    found = next((r for r in among if _id(r) not in taken), None)
    if found is None:
        return False
    chosen.append(found)
    return True


def _of_another_kind(
    good: Sequence[Ranked], chosen: Sequence[Ranked]
) -> Iterable[Ranked]:
    kinds = {_kind(r) for r in chosen}
    return [] if len(kinds) > 1 else (r for r in good if _kind(r) not in kinds)


def _covering_more(
    good: Sequence[Ranked], chosen: Sequence[Ranked]
) -> Iterable[Ranked]:
    """Those that serve a need which none of the chosen does.

    As an adjunct only where nothing is built for the need, as in anorexia.
    """
    covered = {need for r in chosen for need in r.candidate.roles}
    for ranked in good:
        alone = ranked.candidate.adjunct_only
        roles = ranked.candidate.roles.items()
        if any((alone or role != "adjunct") and n not in covered for n, role in roles):
            yield ranked


def _with_better_evidence(
    good: Sequence[Ranked], chosen: Sequence[Ranked], situation: Situation
) -> Iterable[Ranked]:
    """Those built for a need, with better evidence for it than all that are chosen.

    What is best proven for a patient's need is never left off the list because other
    parts of the fit count more.
    """
    grade = situation.knowledge.weights.grade
    for ranked in good:
        for need in ranked.candidate.served:
            proven = grade[study_of(ranked.candidate, need).grade]
            rivals = (
                grade[study_of(r.candidate, need).grade]
                for r in chosen
                if need in r.candidate.served
            )
            built = ranked.candidate.roles.get(need.id) == "primary"
            if built and proven > max(rivals, default=0.0):
                yield ranked
                break


def _with_new_approach(
    good: Sequence[Ranked], chosen: Sequence[Ranked]
) -> Iterable[Ranked]:
    """Those that work in a way in which none of the chosen does."""
    seen = {word for r in chosen for word in r.candidate.program.approach}
    for ranked in good:
        if not set(ranked.candidate.program.approach) <= seen:
            yield ranked


def _made_for_a_need(
    good: Sequence[Ranked], chosen: Sequence[Ranked]
) -> Iterable[Ranked]:
    """Those made for one need alone, where none of the chosen is made for it.

    A fellowship of the patient's own problem is not crowded out by the broad ones.
    """
    have = {_only_purpose(r) for r in chosen}
    for ranked in good:
        purpose = _only_purpose(ranked)
        if purpose and purpose not in have:
            yield ranked


def _only_purpose(ranked: Ranked) -> str:
    """The one need of the patient that a programme is made for, else ""."""
    built = [
        n for n, role in ranked.candidate.program.needs.items() if role == "primary"
    ]
    return built[0] if len(built) == 1 and built[0] in ranked.candidate.roles else ""


def is_friendly(ranked: Ranked) -> bool:
    """Known, not only said, to be friendly to medication for opioid use disorder."""
    view = ranked.candidate.program.moud
    return view.stance == "friendly" and view.verified


def _put_friendly(chosen: list[Ranked], good: Sequence[Ranked]) -> None:
    """One of the first three is friendly to the medication."""
    if any(is_friendly(r) for r in chosen[:3]):
        return
    friendly = next((r for r in good if is_friendly(r)), None)
    if friendly is not None:
        chosen[:] = [r for r in chosen if r is not friendly]
        chosen[2:2] = [friendly]


def _nothing(situation: Situation) -> str:
    if situation.facts.age is not None and situation.facts.age < 18:
        return sentence(
            "No suitable group found for this age. Think of a local service."
        )
    return sentence("No suitable group found. Think of a local service.")


def _notes(good: Sequence[Ranked], situation: Situation) -> Iterable[str]:
    if len({_kind(r) for r in good}) < 2:
        yield sentence("Only one approach is known for these needs.")
    if situation.moud_matters and not any(is_friendly(r) for r in good):
        yield sentence(
            "No group known to be friendly to the medication serves these needs."
        )
