"""The words of the note and of the orders, in each language a site may write in.

No sentence is built from parts of another, none guesses the patient's gender, and none
says that something was done which the clinician has not said.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_ENGLISH: Final = {
    # The orders and the note's own fields: neutral, since a proxy may read them.
    "order.instruction": (
        "Please follow the hand-out from your visit. Do not stop any medicine without"
        " calling us first."
    ),
    "note.title": "Clinical note",
    "note.description": "Clinical note of a visit",
    # The note.
    "heading": "Self-help group referral, {date}",
    "heading.unnamed": "Support group referral, {date}",
    "beside": (
        "Self-help groups were discussed as an addition to current care. The treatment"
        " plan and all medicines stay as they are."
    ),
    "beside.unnamed": (
        "A support group was discussed as an addition to current care. The treatment"
        " plan and all medicines stay as they are. Details were given to the patient."
    ),
    "reasons": "Reasons: {reasons}.",
    "chosen.one": "Chosen with the patient:",
    "chosen.two": "Chosen with the patient, in this order:",
    "choice.meeting": "{number}. {program}: {when}, {how}. {where}",
    "choice.meeting.nowhere": "{number}. {program}: {when}, {how}.",
    "choice.open": "{number}. {program}: no meeting fixed yet.",
    "in-person": "in person",
    "online": "online",
    "hybrid": "in person or online",
    "carried": (
        "Referral to support group (SNOMED CT 711281004). This note carries the"
        " referral: this record takes no orders from the app."
    ),
    "plan": "Plan:",
    "plan.call": (
        "- Clinician and patient, in the visit if wanted: call the group together; a"
        " first name only."
    ),
    "plan.first": ("- Patient, {day}: go to the chosen meeting; listening is enough."),
    "plan.first.open": (
        "- Patient, by {day}: choose a first meeting; listening is enough."
    ),
    "plan.wait": (
        "- Patient, when settled: choose a meeting and go; listening is enough."
    ),
    "plan.sample": (
        "- Patient, by {day}: try several meetings before judging whether the group"
        " helps."
    ),
    "plan.medicines": (
        "- Keep taking medicines. If a group advises stopping, call the clinic first."
    ),
    "plan.week": "- Clinic, {day}: ask about attendance, and reasons if not.",
    "plan.safe": "- Contact only in the way that the patient has agreed to.",
    "plan.review": (
        "- Clinician, about {month} and {quarter}: review attendance, whether it"
        " helped, reasons if not."
    ),
    "plan.unnamed": (
        "Planned: clinic to ask how it went in a week; clinician to review in about"
        " one and three months."
    ),
    "risk": "Risk assessment: see the clinician's documentation.",
    "warnings": "Addressed today:",
    "warning": "- {title}: {text}",
    "withdrawal.low": "Withdrawal history: asked; low risk.",
    "withdrawal.plan": "Withdrawal history: a medical withdrawal plan comes first.",
    "withdrawal.not_asked": "Withdrawal history: not asked today.",
    "follow_up": "Follow-up contact: {date}.",
    "interpreter.used": "Interpreter: used.",
    "interpreter.needed": "Interpreter: needed; use in this visit not recorded.",
    "agreement.named": "The patient agreed to naming the groups and reasons here.",
    "agreement.unnamed": "The patient agreed to a referral without details here.",
    "consent": "Written consent on file: {reference}.",
    # The later note of a referral that was taken back: neutral, as the first may be.
    "correction.cancelled": (
        "The support group referral signed on {signed} was cancelled on {date}. This"
        " note adds to the note of that referral."
    ),
    "correction.error": (
        "The support group referral signed on {signed} was signed in error, and is"
        " taken back on {date}. This note replaces the note of that referral. Please"
        " do not act on that note."
    ),
    "correction.reason.patient_declined": "The patient does not want it any more",
    "correction.reason.not_suitable": "It does not suit the patient",
    "correction.reason.signed_in_error": "Signed in error",
    "correction.reason.other": "Not stated",
}

_SPANISH: Final = {
    "order.instruction": (
        "Siga la hoja que recibió en su visita. No deje ningún medicamento sin"
        " llamarnos antes."
    ),
    "note.title": "Nota clínica",
    "note.description": "Nota clínica de una visita",
    "heading": "Derivación a un grupo de ayuda mutua, {date}",
    "heading.unnamed": "Derivación a un grupo de apoyo, {date}",
    "beside": (
        "Se habló de los grupos de ayuda mutua como complemento de la atención actual."
        " El plan de tratamiento y todos los medicamentos siguen igual."
    ),
    "beside.unnamed": (
        "Se habló de un grupo de apoyo como complemento de la atención actual. El plan"
        " de tratamiento y todos los medicamentos siguen igual. Los detalles se"
        " entregaron en persona."
    ),
    "reasons": "Motivos: {reasons}.",
    "chosen.one": "Elección hecha en la visita:",
    "chosen.two": "Elección hecha en la visita, por orden:",
    "choice.meeting": "{number}. {program}: {when}, {how}. {where}",
    "choice.meeting.nowhere": "{number}. {program}: {when}, {how}.",
    "choice.open": "{number}. {program}: aún sin reunión fijada.",
    "in-person": "en persona",
    "online": "en línea",
    "hybrid": "en persona o en línea",
    "carried": (
        "Derivación a un grupo de apoyo (SNOMED CT 711281004). Esta nota contiene la"
        " derivación: esta historia clínica no admite órdenes de la aplicación."
    ),
    "plan": "Plan:",
    "plan.call": (
        "- Profesional y paciente, en la visita si se desea: llamar juntos al grupo;"
        " solo el nombre de pila."
    ),
    "plan.first": "- Paciente, {day}: ir a la reunión elegida; basta con escuchar.",
    "plan.first.open": (
        "- Paciente, hasta {day}: elegir una primera reunión; basta con escuchar."
    ),
    "plan.wait": (
        "- Paciente, cuando esté estable: elegir una reunión e ir; basta con escuchar."
    ),
    "plan.sample": (
        "- Paciente, hasta {day}: probar varias reuniones antes de decidir si el grupo"
        " ayuda."
    ),
    "plan.medicines": (
        "- Seguir con los medicamentos. Si un grupo aconseja dejarlos, llamar antes a"
        " la clínica."
    ),
    "plan.week": (
        "- Clínica, {day}: preguntar por la asistencia y, si no hubo, por qué."
    ),
    "plan.safe": "- Contactar solo de la forma acordada en la visita.",
    "plan.review": (
        "- Profesional, hacia {month} y {quarter}: revisar asistencia, si ayudó y, si"
        " no, por qué."
    ),
    "plan.unnamed": (
        "Previsto: la clínica preguntará cómo fue en una semana; revisión profesional"
        " al cabo de uno y tres meses."
    ),
    "risk": "Evaluación de riesgo: véase la documentación clínica.",
    "warnings": "Tratado hoy:",
    "warning": "- {title}: {text}",
    "withdrawal.low": "Antecedentes de abstinencia: preguntados; riesgo bajo.",
    "withdrawal.plan": (
        "Antecedentes de abstinencia: primero un plan médico de desintoxicación."
    ),
    "withdrawal.not_asked": "Antecedentes de abstinencia: no preguntados hoy.",
    "follow_up": "Contacto de seguimiento: {date}.",
    "interpreter.used": "Intérprete: presente.",
    "interpreter.needed": "Intérprete: necesario; su uso en la visita no consta.",
    "agreement.named": "Hay acuerdo para nombrar aquí los grupos y los motivos.",
    "agreement.unnamed": "Hay acuerdo para una derivación sin detalles aquí.",
    "consent": "Consentimiento escrito archivado: {reference}.",
    "correction.cancelled": (
        "La derivación a un grupo de apoyo firmada el {signed} se canceló el {date}."
        " Esta nota completa la nota de esa derivación."
    ),
    "correction.error": (
        "La derivación a un grupo de apoyo firmada el {signed} se firmó por error y"
        " queda sin efecto el {date}. Esta nota sustituye a la nota de esa derivación."
        " No se guíe por aquella nota."
    ),
    "correction.reason.patient_declined": "Ya no se desea",
    "correction.reason.not_suitable": "No es adecuada en este caso",
    "correction.reason.signed_in_error": "Firmada por error",
    "correction.reason.other": "Sin indicar",
}

PHRASES: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {"en": MappingProxyType(_ENGLISH), "es": MappingProxyType(_SPANISH)}
)


def phrase(key: str, language: str) -> str:
    """The words for `key`; English where the language has no catalogue."""
    return PHRASES.get(language[:2].lower(), PHRASES["en"])[key]
