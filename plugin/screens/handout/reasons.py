"""What a group is for in a patient's words: on the hand-out only where it is wanted."""

from __future__ import annotations

from collections.abc import Iterable

from plugin.screens.words import Words


def plain_needs(needs: Iterable[str], words: Words) -> list[str]:
    """Each need in plain words, once. One without plain words is left out."""
    known = _plain(words)
    return list(dict.fromkeys(known[need] for need in needs if need in known))


def _plain(words: Words) -> dict[str, str]:
    say = words.say
    drugs, eating = say("drug use"), say("eating")
    low, worry = say("low mood"), say("worry")
    family = say("someone close to you")
    return {
        "alcohol": say("drinking"),
        "opioid": drugs,
        "cocaine": drugs,
        "stimulant": drugs,
        "cannabis": drugs,
        "sedative": drugs,
        "other_drugs": drugs,
        "dual_diagnosis": say("drinking or drug use, and mood"),
        "nicotine": say("smoking"),
        "gambling": say("gambling"),
        "gaming": say("time on games or the internet"),
        "sexual_compulsivity": say("sex"),
        "debt_spending": say("debts and spending"),
        "binge_eating": eating,
        "anorexia": eating,
        "bulimia": eating,
        "eating_other": eating,
        "depression": low,
        "perinatal": say("mood around birth"),
        "bipolar": say("ups and downs of mood"),
        "anxiety": worry,
        "panic_agoraphobia": say("panic"),
        "social_anxiety": say("shyness and fear of people"),
        "specific_phobia": say("a strong fear"),
        "ocd": say("thoughts or habits that will not stop"),
        "stress_burnout": say("stress"),
        "general_distress": say("hard times"),
        "anger": say("anger"),
        "ptsd": say("hard things that happened"),
        "acute_trauma": say("hard things that happened"),
        "psychosis": say("voices or unusual thoughts"),
        "hearing_voices": say("voices or unusual thoughts"),
        "bpd": say("strong feelings"),
        "personality_other": say("strong feelings"),
        "adhd": say("attention"),
        "autism": say("autism"),
        "grief": say("a loss"),
        "insomnia": say("sleep"),
        "mecfs": say("long tiredness"),
        "chronic_pain": say("pain"),
        "self_harm": say("hurting yourself"),
        "suicidality": say("thoughts of suicide"),
        "family_addiction": family,
        "adult_child": family,
        "codependency": family,
        "family_mental_illness": family,
        "caregiver": say("caring for someone"),
        "loneliness": say("being alone"),
        "domestic_abuse": say("safety in a relationship"),
        "childhood_sexual_abuse": say("hard things that happened"),
    }
