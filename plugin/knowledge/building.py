"""From the rows of the data files to the values of the knowledge base."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any, TypeVar

from plugin.knowledge.knowledge import Knowledge
from plugin.knowledge.needs import (
    Code,
    Derivation,
    NeedEntry,
    Screen,
    index_of,
    words_of,
)
from plugin.knowledge.programs import (
    Ages,
    Citation,
    Exclusion,
    HelpLine,
    Program,
    Requirement,
    SingleSessionEntry,
    Study,
    View,
    short_form,
)
from plugin.knowledge.rules import (
    CodeGroup,
    CodeTrigger,
    GroupIndex,
    Ingredient,
    MedicineTrigger,
    OverdoseLine,
    Removes,
    Rule,
    ScoreTrigger,
    TogetherTrigger,
    Weights,
    trigger_index_of,
)

Json = dict[str, Any]
T = TypeVar("T")


def build(data: Mapping[str, Json]) -> Knowledge:
    """Takes: the decoded data files by name.

    Raises: KeyError, TypeError, ValueError or re.error, for data out of shape.
    """
    about, rules = data["knowledge"], data["rules"]
    needs = _by_id(data["needs"]["needs"], _need)
    citations = _by_id(data["citations"]["citations"], _citation)
    groups = _by_id(data["code_groups"]["code_groups"], _code_group)
    all_rules = _by_id(rules["rules"], lambda row: _rule(row, needs))
    return Knowledge(
        version=about["version"],
        released=about["released"],
        site=about.get("site", ""),
        needs=needs,
        programs=_by_id(
            data["programs"]["programs"], lambda row: _program(row, citations)
        ),
        single_sessions=_by_id(data["single_sessions"]["single_sessions"], _session),
        help_lines=_by_id(data["help_lines"]["help_lines"], _help_line),
        emergency_numbers=data["help_lines"]["emergency_numbers"],
        rules=all_rules,
        citations=citations,
        code_groups=groups,
        groups=GroupIndex(tuple(groups.values())),
        ingredients=_by_id(data["medicines"]["ingredients"], _ingredient),
        weights=_weights(data["weights"]),
        index=index_of(tuple(needs.values())),
        triggers=trigger_index_of(all_rules.values()),
        need_words=words_of((n.id, n.words) for n in needs.values()),
        rule_words=words_of((r.id, r.words) for r in all_rules.values()),
        always=tuple(rules["always"]),
        overdose_lines=tuple(
            OverdoseLine(tuple(line["needs"]), line["text"])
            for line in rules["overdose_lines"]
        ),
        overdose_on=tuple(rules["overdose_on"]),
        encounter_diagnosis_days=about["encounter_diagnosis_days"],
        attributes=about["attributes"],
        demographics=about["demographics"],
        sources=tuple(about["sources"]),
    )


def _by_id(rows: Iterable[Json], make: Callable[[Json], T]) -> dict[str, T]:
    made: dict[str, T] = {}
    for row in rows:
        if row["id"] in made:
            raise ValueError(f"the id {row['id']} twice")
        made[row["id"]] = make(row)
    return made


def _plain(codes: Iterable[str]) -> tuple[str, ...]:
    return tuple(code.replace(".", "") for code in codes)


def _need(row: Json) -> NeedEntry:
    derived = row.get("derived")
    return NeedEntry(
        id=row["id"],
        name=row["name"],
        group=row["group"],
        in_a_sentence=row.get("in_a_sentence", ""),
        people=row.get("people", ""),
        icd10cm=tuple(Code(**c) for c in row["icd10cm"]),
        snomed=tuple(Code(**c) for c in row["snomed"]),
        remission_icd10cm=tuple(Code(**c) for c in row["remission_icd10cm"]),
        remission_snomed=tuple(Code(**c) for c in row["remission_snomed"]),
        exclude_icd10cm=tuple(row["exclude_icd10cm"]),
        beats=tuple(row["beats"]),
        words=tuple(row["words"]),
        screens=tuple(Screen(**s) for s in row["screens"]),
        unless_text=row["unless_text"],
        needs_text=row["needs_text"],
        unless_group=row.get("unless_group", ""),
        min_age=row["min_age"],
        derived=Derivation(
            tuple(tuple(group) for group in derived["all_of"]),
            derived["icd10cm_pattern"],
            derived["confidence"],
        )
        if derived
        else None,
        limits=row["limits"],
    )


def _program(row: Json, citations: Mapping[str, Citation]) -> Program:
    known: Json = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in row.items()
        if key not in _PROGRAM_PARTS
    }
    return Program(
        **known,
        needs={n["need"]: n["role"] for n in row["needs"]},
        psychiatric=View(**row["medication"]["psychiatric"]),
        moud=View(**row["medication"]["moud"]),
        age=Ages(**row["age"]),
        evidence={e["need"]: _study(e, citations) for e in row["evidence"]},
        exclusions=tuple(Exclusion(**e) for e in row["exclusions"]),
        requires=Requirement(**row["requires"]) if row["requires"] else None,
    )


def _study(row: Json, citations: Mapping[str, Citation]) -> Study:
    """One that cites what is not known is found by the check of references."""
    cited = [citations[c] for c in row["citations"] if c in citations]
    return Study(
        row["need"],
        row["grade"],
        tuple(row["citations"]),
        row.get("note", ""),
        ", ".join(list(dict.fromkeys(c.short for c in cited))[:2]),
        tuple(c.full for c in cited),
    )


_PROGRAM_PARTS = {"needs", "medication", "age", "evidence", "exclusions", "requires"}


def _citation(row: Json) -> Citation:
    return Citation(**row, short=short_form(row["reference"]))


def _session(row: Json) -> SingleSessionEntry:
    return SingleSessionEntry(
        **{
            **row,
            "targets": tuple(row["targets"]),
            "citations": tuple(row["citations"]),
            "languages": tuple(row["languages"]),
            "requires": tuple(row["requires"]),
            "age": Ages(**row["age"]),
            "exclusions": tuple(Exclusion(**e) for e in row["exclusions"]),
        }
    )


def _help_line(row: Json) -> HelpLine:
    checked = row["last_checked"]
    return HelpLine(
        **{
            **row,
            "countries": tuple(row["countries"]),
            "languages": tuple(row["languages"]),
            "last_checked": date.fromisoformat(checked) if checked else None,
        }
    )


def _rule(row: Json, needs: Mapping[str, NeedEntry]) -> Rule:
    known: Json = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in row.items()
        if key not in _RULE_PARTS
    }
    removes = row["removes"]
    return Rule(
        **known,
        codes=tuple(_code_trigger(t, needs) for t in row["codes"]),
        scores=tuple(
            ScoreTrigger(**{**t, "answers": tuple(t["answers"])}) for t in row["scores"]
        ),
        medicines=tuple(MedicineTrigger(**t) for t in row["medicines"]),
        together=tuple(
            TogetherTrigger(t["level"], tuple(t["needs"]), tuple(t["groups"]))
            for t in row["together"]
        ),
        removes=Removes(
            tuple(removes["programs"]),
            tuple(removes["needs"]),
            tuple(removes["sessions"]),
            removes["audience"] or "",
        ),
    )


_RULE_PARTS = {"codes", "scores", "medicines", "together", "removes"}


def _code_trigger(row: Json, needs: Mapping[str, NeedEntry]) -> CodeTrigger:
    snomed = set(row["snomed"])
    for need in row["snomed_of_needs"]:
        entry = needs[need]
        snomed |= {c.code for c in (*entry.snomed, *entry.remission_snomed)}
    return CodeTrigger(
        level=row["level"],
        icd10cm=_plain(row["icd10cm"]),
        not_icd10cm=_plain(row["not_icd10cm"]),
        pattern=row["pattern"],
        snomed=frozenset(snomed),
        when=tuple(row["when"]),
        within_days=row["within_days"],
        older_than_days=row["older_than_days"],
        with_group=row["with_group"] or "",
    )


def _code_group(row: Json) -> CodeGroup:
    return CodeGroup(
        row["id"],
        row["name"],
        _plain(row["icd10cm"]),
        frozenset(row["snomed"]),
        row.get("days"),
    )


def _ingredient(row: Json) -> Ingredient:
    return Ingredient(
        id=row["id"],
        kind=row["kind"],
        name=row["name"],
        rxnorm=frozenset(row["rxnorm"]) | frozenset(row["products"]),
        snomed=frozenset(row["snomed"]),
        names=tuple(row["names"]),
        asks_needs=tuple(row["asks_needs"]),
        ask=row["ask"],
        stance_matters=row["stance_matters"],
    )


def _weights(row: Json) -> Weights:
    reach, offer = row["reach"], row["offer"]
    return Weights(
        version=row["version"],
        note=row["note"],
        features=row["features"],
        friendly=row["medication"]["friendly"],
        unsupportive=row["medication"]["unsupportive"],
        role=row["role"],
        further_need=row["further_need"],
        further_need_cap=row["further_need_cap"],
        grade=row["grade"],
        unknown=row["unknown"],
        full_hours=reach["full_hours"],
        zero_hours=reach["zero_hours"],
        full_km=reach["full_km"],
        zero_km=reach["zero_km"],
        strong=row["words"]["strong"],
        good=row["words"]["good"],
        offer_least=offer["least"],
        offer_most=offer["most"],
        offer_floor=offer["floor"],
    )
