"""Single-session interventions: ranked apart from groups."""

from plugin.knowledge.knowledge import Knowledge
from plugin.knowledge.programs import SingleSessionEntry
from plugin.matching.eligibility import excluded_by
from plugin.matching.recommendation import Evidence, Need, SingleSession
from plugin.matching.sentences import joined, sentence
from plugin.matching.wishes import Situation, whom


def sessions_of(situation: Situation) -> tuple[SingleSession, ...]:
    """Those a fired rule adds come first; then what can be done in the visit."""
    added = _added_by_rules(situation)
    order = {name: place for place, name in enumerate(added)}
    rows = []
    for entry in situation.knowledge.single_sessions.values():
        reasons = _reasons(entry, situation, added)
        if reasons and _suits(entry, situation):
            rows.append((entry, reasons))
    rows.sort(
        key=lambda row: (
            order.get(row[0].id, len(order)),
            not row[0].in_visit,
            row[0].grade,
            row[0].id,
        )
    )
    return tuple(
        _session(entry, reasons, situation.knowledge) for entry, reasons in rows
    )


def _added_by_rules(situation: Situation) -> dict[str, str]:
    """Sessions that fired rules ask for, with the rule's title."""
    added: dict[str, str] = {}
    for fired in situation.safety.fired:
        for session in fired.rule.adds_sessions:
            added.setdefault(
                session,
                sentence(
                    "%(warning)s (rule %(rule)s)",
                    warning=sentence(fired.rule.title),
                    rule=fired.rule.id,
                ),
            )
    return added


def _reasons(
    entry: SingleSessionEntry, situation: Situation, added: dict[str, str]
) -> tuple[str, ...]:
    reasons: list[str] = []
    if entry.id in added:
        reasons.append(
            sentence("Asked for by a warning: %(warning)s.", warning=added[entry.id])
        )
    served = [n for n in situation.needs.values() if _serves(entry, n)]
    if served:
        named = joined((_named(n, situation) for n in served[:2]), ", ")
        reasons.append(sentence("For %(needs)s.", needs=named))
    if not reasons and entry.youth_default and _is_young(situation):
        reasons.append(sentence("A first step for young people, whatever the need."))
    if not reasons:
        return ()
    if entry.note:
        reasons.append(entry.note)
    return tuple(reasons)


def _serves(entry: SingleSessionEntry, need: Need) -> bool:
    if need.id not in entry.targets:
        return False
    return need.stage == "active" or not entry.active_only


def _named(need: Need, situation: Situation) -> str:
    codes = situation.codes[need.id]
    name = whom(need, situation.knowledge)
    return joined((name, f"({codes})")) if codes else name


def _is_young(situation: Situation) -> bool:
    age = situation.facts.age
    return age is not None and age < 18 and bool(situation.needs)


def _suits(entry: SingleSessionEntry, situation: Situation) -> bool:
    if not entry.age.hold(situation.facts.age):
        return False
    if "lgbtq" in entry.requires and not situation.preferences.lgbtq:
        return False
    removed = {s for f in situation.safety.fired for s in f.rule.removes.sessions}
    if entry.id in removed:
        return False
    return all(excluded_by(e, situation) is None for e in entry.exclusions)


def _session(
    entry: SingleSessionEntry, reasons: tuple[str, ...], knowledge: Knowledge
) -> SingleSession:
    references = tuple(knowledge.citation(c).full for c in entry.citations)
    return SingleSession(
        id=entry.id,
        name=entry.name,
        minutes=entry.minutes,
        reasons=reasons,
        evidence=Evidence(entry.grade, entry.citations, entry.note, references),
        url=entry.url,
    )
