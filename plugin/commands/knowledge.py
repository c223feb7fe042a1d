"""`selfhelp knowledge`: check the rules and the texts, and print a rule's sheet."""

import re
from pathlib import Path
from typing import Annotated

import typer

from plugin.commands.endings import BadInput, Findings
from plugin.knowledge.load import load_knowledge, read_data

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)

_CODE = re.compile(r"[A-TV-Z][0-9][0-9A-Z]\.?[0-9A-Z]{0,4}")


@app.command()
def check(
    site: Annotated[
        Path | None, typer.Option(help="The hospital's own file, to be checked too.")
    ] = None,
    icd10cm: Annotated[
        Path | None,
        typer.Option(
            "--icd10cm", help="A list of ICD-10-CM codes, one at the start of a line."
        ),
    ] = None,
) -> None:
    """Check rules and texts against their schemas, codes and citations."""
    from plugin.knowledge.check import findings
    from plugin.knowledge.check_texts import text_findings
    from plugin.knowledge.texts import read_texts

    data = read_data()
    found = findings(data, _listed(icd10cm) if icd10cm else None)
    if not found:
        found = text_findings(read_texts(), load_knowledge())
    own = f", with {load_knowledge(site).site}" if site is not None else ""
    for line in found:
        print(line)
    if found:
        raise Findings(f"{len(found)} findings: mend the data files named above.")
    version = data["knowledge"]["version"]
    looked_up = "looked up" if icd10cm else "well formed (not looked up)"
    print(f"Knowledge {version}{own}: nothing found. ICD-10-CM codes {looked_up}.")


@app.command()
def sheet(
    rule: Annotated[str, typer.Argument(help="The rule's id, for example S6b.")],
) -> None:
    """Print what a rule rests on: source, developer, version, known limits."""
    from plugin.knowledge.sheets import sheet_of

    knowledge = load_knowledge()
    if rule not in knowledge.rules:
        known = ", ".join(knowledge.rules)
        raise BadInput(f"There is no rule {rule[:20]}. Known are {known}.")
    for name, value in sheet_of(rule, knowledge).lines():
        print(f"{name}: {value}")


def _listed(file: Path) -> set[str]:
    try:
        lines = file.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{file} cannot be read as text.") from error
    found = {
        match.group(0).replace(".", "")
        for line in lines
        if (match := _CODE.match(line.strip()))
    }
    if not found:
        raise BadInput(f"{file} holds no ICD-10-CM code at the start of a line.")
    return found
