"""One step of an examination: what was found, and how to mend it."""

from dataclasses import dataclass
from typing import Literal

# `narrows`: the app works, with less. `failed`: no launch can succeed. `untried`:
# nothing can be said, for want of a document or of the live EHR.
Verdict = Literal["ok", "narrows", "failed", "untried"]


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    verdict: Verdict
    said: str
    mend: str = ""
