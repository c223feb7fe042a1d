"""What the orders that are about to be signed are: a referral to groups, a medicine."""

from dataclasses import replace

from plugin.chart.chart import Chart
from plugin.clock import Clock
from plugin.knowledge.knowledge import Knowledge
from plugin.knowledge.rules import Ingredient
from plugin.matching.facts import facts_of

# Medicines for alcohol use that ask no question and change no matching, and so do not
# stand among the ingredients of the knowledge base. RxNorm ingredient codes.
_FOR_ALCOHOL = (
    Ingredient(
        id="acamprosate",
        kind="moud",
        name="acamprosate",
        rxnorm=frozenset({"82819"}),
        snomed=frozenset(),
        names=("acamprosate", "campral"),
        asks_needs=("alcohol",),
        ask="",
    ),
    Ingredient(
        id="disulfiram",
        kind="moud",
        name="disulfiram",
        rxnorm=frozenset({"3554"}),
        snomed=frozenset(),
        names=("disulfiram", "antabuse"),
        asks_needs=("alcohol",),
        ask="",
    ),
)


def names_support_group(drafts: Chart) -> bool:
    """Whether one of the orders is a referral to a support group."""
    return bool(drafts.referrals)


def for_substance_use(drafts: Chart, knowledge: Knowledge, clock: Clock) -> bool:
    """Whether one of the orders is a medicine for alcohol or opioid use."""
    ingredients = {
        key: one for key, one in knowledge.ingredients.items() if one.kind == "moud"
    } | {one.id: one for one in _FOR_ALCOHOL}
    looked_for = replace(knowledge, ingredients=ingredients)
    return bool(facts_of(as_taken(drafts), looked_for, clock(), None).medicines)


def as_taken(drafts: Chart) -> Chart:
    """The drafts as if they were signed: matching looks at medicines that are taken."""
    return replace(
        drafts,
        medications=tuple(replace(m, status="active") for m in drafts.medications),
    )
