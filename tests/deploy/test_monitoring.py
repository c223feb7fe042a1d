"""Alerts and dashboard speak of numbers that the app really gives."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from plugin.audit.checkpoint import FILE_NAME
from plugin.foundation import Foundation, lay
from plugin.operations.health import Health
from plugin.operations.metrics import Metrics
from plugin.operations.readings import Readings
from plugin.settings import Checkpoints, Ehr, Settings
from plugin.store.directory_tables import feeds
from plugin.store.engine import writing

# What Prometheus makes itself.
_ITS_OWN = {"up"}
_LABELS_OF_ITS_OWN = {"job", "instance", "le"}
_SERIES = re.compile(
    r"\b((?:selfhelp|process)_[a-z_]+|up)\b(?:{([^}]*(?:{[^}]*})?[^}]*)})?"
)
_MATCHER = re.compile(r'([a-z_]+)(=~|!~|!=|=)"([^"]*)"')


@pytest.fixture(scope="module")
def foundation(tmp_path_factory: pytest.TempPathFactory) -> Foundation:
    folder = tmp_path_factory.mktemp("watched")
    (folder / "kept").mkdir()
    (folder / "kept" / FILE_NAME).write_text("{}\n")
    settings = Settings(
        public_url="https://selfhelp.example.org",
        database_url=f"sqlite:///{folder / 'selfhelp.db'}",
        ehrs=(Ehr(id="general", issuer="https://ehr.example/r4", client_id="a"),),
        master_keys=(bytes(range(32)),),
        audit_keys=(bytes(range(32, 64)),),
        checkpoints=Checkpoints(directory=str(folder / "kept")),
    )
    laid = lay(settings)
    laid.prepare()
    blank = dict.fromkeys(
        ("licence", "timezone", "reason", "etag", "last_modified", "digest"), ""
    )
    row = {"id": "ours", "program": "aa", "format": "csv", "source": "f.csv"}
    numbers = {"demo": False, "live": 1, "state": "good", "fetched_at": 1, "lease": 0}
    with writing(laid.engine) as connection:
        connection.execute(
            feeds.insert().values(row | blank | numbers | {"language": "en"})
        )
    return laid


@pytest.fixture(scope="module")
def given(foundation: Foundation) -> dict[str, dict[str, set[str]]]:
    """Every series that the app gives, with its labels and the values seen."""
    metrics = Metrics(Readings(foundation, Health(foundation)))
    metrics.answered("GET", "/launches/{launch_id}/", 200, 0.1)
    metrics.called("general", "ok", 0.1)
    found: dict[str, dict[str, set[str]]] = {}
    for family in text_string_to_metric_families(metrics.text().decode()):
        for sample in family.samples:
            labels = found.setdefault(sample.name, {})
            for name, value in sample.labels.items():
                labels.setdefault(name, set()).add(value)
    return found


def expressions(
    alerts: Sequence[dict[str, Any]], dashboard: dict[str, Any]
) -> list[str]:
    shown = [t["expr"] for panel in dashboard["panels"] for t in panel["targets"]]
    return [rule["expr"] for rule in alerts] + shown


def test_every_series_that_is_named_exists(given, alerts, dashboard) -> None:
    named = set()
    for expression in expressions(alerts, dashboard):
        for series, matchers in _SERIES.findall(expression):
            named.add(series)
            if series in _ITS_OWN:
                continue
            assert series in given, expression
            for label, _, _ in _MATCHER.findall(matchers):
                assert label in set(given[series]) | _LABELS_OF_ITS_OWN, expression
    ours = {name for name in given if name.startswith("selfhelp_")}
    untold = {n for n in ours - named if not n.endswith(("_created", "_sum", "_count"))}
    assert untold == set()


def test_checks_and_states_that_are_named_exist(given, alerts, dashboard) -> None:
    known = {"check": given["selfhelp_check_ok"]["check"]}
    known["write status"] = given["selfhelp_write_jobs"]["status"]
    for expression in expressions(alerts, dashboard):
        for series, matchers in _SERIES.findall(expression):
            for label, _, value in _MATCHER.findall(matchers):
                wanted = set(value.split("|"))
                if label == "check":
                    assert wanted <= known["check"], expression
                if (series, label) == ("selfhelp_write_jobs", "status"):
                    assert wanted <= known["write status"], expression


def test_outcomes_that_are_named_exist(alerts) -> None:
    source = Path("plugin/operations/ehr_calls.py")
    text = (Path(__file__).resolve().parents[2] / source).read_text()
    for rule in alerts:
        for _, _, value in re.findall(r'(outcome)(=~|=)"([^"]*)"', rule["expr"]):
            for outcome in value.split("|"):
                assert f'"{outcome}"' in text, rule["alert"]


def test_every_alert_says_what_to_do(alerts) -> None:
    assert len({rule["alert"] for rule in alerts}) == len(alerts) >= 10
    for rule in alerts:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert set(rule["annotations"]) == {"summary", "action"}
        assert re.fullmatch(r"\d+[mh]", rule["for"])


def test_panels_have_places_of_their_own(dashboard) -> None:
    places = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in dashboard["panels"]]
    assert len(set(places)) == len(places)
    assert len({p["id"] for p in dashboard["panels"]}) == len(places)
