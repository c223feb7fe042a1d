"""What is shipped for installations, read as data."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "load"))  # the fleet


def documents_in(file: Path) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(file.read_text("utf-8")) if one]


@pytest.fixture(scope="session")
def manifests() -> Sequence[dict[str, Any]]:
    """Every Kubernetes object of the base and of the example."""
    files = sorted((ROOT / "deploy" / "kubernetes").rglob("*.yaml"))
    found = [one for file in files for one in documents_in(file)]
    return [one for one in found if one["kind"] != "Kustomization"]


@pytest.fixture(scope="session")
def compose() -> dict[str, Any]:
    (document,) = documents_in(ROOT / "deploy" / "compose.yaml")
    return document


@pytest.fixture(scope="session")
def dashboard() -> dict[str, Any]:
    read = json.loads((ROOT / "deploy" / "monitoring" / "dashboard.json").read_text())
    assert isinstance(read, dict)
    return read


@pytest.fixture(scope="session")
def alerts() -> Sequence[dict[str, Any]]:
    (document,) = documents_in(ROOT / "deploy" / "monitoring" / "alerts.yaml")
    return [rule for group in document["groups"] for rule in group["rules"]]
