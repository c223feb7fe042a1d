"""The recommendation as plain text, for a terminal: safety first, then groups."""

from collections.abc import Iterable, Sequence
from textwrap import wrap

from plugin.directory.meeting import Occurrence
from plugin.knowledge.knowledge import Knowledge
from plugin.knowledge.linkage import LinkageText
from plugin.matching.recommendation import (
    ActiveReferral,
    Because,
    Need,
    Recommendation,
    Recommended,
)
from plugin.matching.recommendation import Warning as SafetyWarning

WIDTH = 78
_LEVEL = {"red": "RED", "amber": "AMBER", "info": "INFO"}


def recommendation_text(
    recommendation: Recommendation,
    knowledge: Knowledge,
    words: LinkageText | None = None,
) -> str:
    """Takes: the words of the active referral's steps; without them it is left out."""
    r = recommendation
    age = f"{r.age} years" if r.age is not None else "age not known"
    lines = [f"{age}, {r.gender}. Rules {r.knowledge_version}.", ""]
    lines += _section("Safety", _warnings(r, knowledge))
    lines += _section("Needs in the chart", (_need(n) for n in r.needs), "none found")
    lines += _section(
        "Groups to discuss, beside treatment",
        (line for p in _offered(r) for line in _card(p)),
        "no suitable group found",
    )
    rest = [p for p in r.programs if p.id not in r.offered]
    lines += _section("More that suit", (_short(p) for p in rest))
    lines += _section(
        "Single sessions",
        (f"{s.name}: {s.reasons[0]}" for s in r.single_sessions),
    )
    if words is not None and r.plan.steps:
        lines += _section(words.title, _plan(r.plan, words, knowledge))
    lines += _section("Left out", (f"{m.name}: {m.reason}" for m in r.removed))
    lines += _section("No need in the rules", _unmapped(r))
    lines += _section(
        "Could not be read", (f"entry {u.entry}: {u.reason}" for u in r.unreadable)
    )
    lines += _section("Note", r.notes)
    return "\n".join(lines).rstrip() + "\n"


def _section(title: str, rows: Iterable[str], empty: str = "") -> list[str]:
    found = list(rows)
    if not found and not empty:
        return []
    lines = [title.upper()]
    for row in found or [empty]:
        indent = "      " if row.startswith("    ") else "  "
        lines += wrap(
            row.strip(), WIDTH, initial_indent=indent, subsequent_indent=indent
        )
    return [*lines, ""]


def _warnings(r: Recommendation, knowledge: Knowledge) -> Iterable[str]:
    for warning in r.warnings:
        yield _warning(warning)
        for line in warning.crisis_lines:
            known = knowledge.help_lines.get(line)
            if known is not None:
                yield f"    {known.name}: {known.how} ({known.checked})"
    yield "No risk codes found is not a risk assessment."


def _warning(warning: SafetyWarning) -> str:
    codes = _codes(warning.because)
    shown = f" [{codes}]" if codes else ""
    return f"{_LEVEL[warning.level]}  {warning.title}{shown}: {warning.text}"


def _codes(lines: Sequence[Because]) -> str:
    return ", ".join(dict.fromkeys(b.code or b.display for b in lines))


def _need(need: Need) -> str:
    stage = "ask: " + need.question if need.stage == "ask" else need.stage
    return f"{need.name} [{_codes(need.because)}]: {stage}"


def _offered(r: Recommendation) -> Iterable[Recommended]:
    for program_id in r.offered:
        program = r.program(program_id)
        if program is not None:
            yield program


def _card(program: Recommended) -> Iterable[str]:
    later = " (not now)" if program.deferred else ""
    yield f"{program.name}{later}: {program.fit} fit, {', '.join(program.approach)}"
    for line in program.reasons:
        yield "    " + line
    for line in program.cautions:
        yield "    ! " + line
    for meeting in program.meetings:
        yield "    " + _meeting(meeting)


def _plan(
    plan: ActiveReferral, words: LinkageText, knowledge: Knowledge
) -> Iterable[str]:
    if plan.contact:
        yield f"! {words.contact[plan.contact]}"
    for step in plan.steps:
        due = step.due.isoformat() if step.due else words.when_settled
        done = " ".join(words.steps[step.id])
        yield f"[ ] {due}, {words.owners[step.owner]}: {done}"
    rests = [knowledge.citation(c).short for c in plan.citations]
    yield f"({', '.join(dict.fromkeys(rests))})"


def _short(program: Recommended) -> str:
    grade = program.evidence.grade
    return f"{program.name}: {program.fit} fit, evidence {grade}"


def _meeting(meeting: Occurrence) -> str:
    distance = f", {meeting.km:.1f} km" if meeting.km is not None else ""
    when = meeting.starts.strftime("%a %-d %b %H:%M")
    return f"{when}  {meeting.name} ({meeting.attendance}{distance})"


def _unmapped(r: Recommendation) -> Iterable[str]:
    counted: dict[str, int] = {}
    for problem in r.unmapped:
        counted[problem.display] = counted.get(problem.display, 0) + 1
    for display, times in counted.items():
        yield f"{display} ({times} times)" if times > 1 else display
