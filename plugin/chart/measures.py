"""The scores that are asked of an EHR: what each LOINC code measures.

Panels are asked for too, since some servers keep the items as components of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measure:
    """What a LOINC code measures, and the values that can be."""

    name: str
    low: float
    high: float
    low_is_worse: bool = False


MEASURES: Mapping[str, Measure] = {
    "44261-6": Measure("PHQ-9", 0, 27),
    "44260-8": Measure("PHQ-9 item 9", 0, 3),
    "89204-2": Measure("PHQ-9 for teens", 0, 27),
    "55758-7": Measure("PHQ-2", 0, 6),
    "70274-6": Measure("GAD-7", 0, 21),
    "75626-2": Measure("AUDIT-C", 0, 12),
    "75624-7": Measure("AUDIT", 0, 40),
    "82667-7": Measure("DAST-10", 0, 10),
    "39156-5": Measure("BMI", 5, 150, low_is_worse=True),
    "93246-7": Measure("C-SSRS wish to be dead", 0, 1),
    "93247-5": Measure("C-SSRS suicidal thoughts", 0, 1),
    "93248-3": Measure("C-SSRS thoughts of method", 0, 1),
    "93249-1": Measure("C-SSRS intent", 0, 1),
    "93250-9": Measure("C-SSRS plan with intent", 0, 1),
    "93267-3": Measure("C-SSRS lifetime behaviour", 0, 1),
    "93269-9": Measure("C-SSRS behaviour, past 3 months", 0, 1),
    "93374-7": Measure("Suicide risk level", 0, 3),
}
PANELS = ("44249-1", "93373-9", "93245-9")
LOINC_CODES = (*MEASURES, *PANELS)
