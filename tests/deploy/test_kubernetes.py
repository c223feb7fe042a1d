"""The Kubernetes manifests: true to the API's schemas, and to what the app needs."""

import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
# The oldest that runs `preStop.sleep`, and the newest whose schemas are here.
VERSIONS = ("1.30.0", "1.37.0")

Manifest = dict[str, Any]


def pods(manifests: Sequence[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """The pod template of everything that runs."""
    for one in manifests:
        spec = one.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            yield one["metadata"]["name"], spec["template"]


def one(manifests: Sequence[Manifest], kind: str, name: str) -> Manifest:
    (found,) = [
        m for m in manifests if (m["kind"], m["metadata"]["name"]) == (kind, name)
    ]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_fits_the_api(
    manifests: Sequence[Manifest], version: str
) -> None:
    import kubernetes_validate  # compiles its grammars

    assert len(manifests) >= 12
    for manifest in manifests:
        kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.slow
def test_a_mistake_would_be_seen(manifests: Sequence[Manifest]) -> None:
    import kubernetes_validate

    app = one(manifests, "Deployment", "selfhelp-app")
    broken = yaml.safe_load(yaml.safe_dump(app).replace("readinessProbe", "readiness"))
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSIONS[0], strict=True)


def test_kustomizations_name_files_that_are_there() -> None:
    for folder in ("base", "example"):
        listed = yaml.safe_load((FOLDER / folder / "kustomization.yaml").read_text())
        for name in listed["resources"]:
            assert (FOLDER / folder / name).exists(), name
        others = {p.name for p in (FOLDER / folder).glob("*.yaml")}
        assert others - set(listed["resources"]) == {"kustomization.yaml"}


def test_the_image_s_tag_is_the_app_s_version() -> None:
    listed = yaml.safe_load((FOLDER / "base" / "kustomization.yaml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert [image["newTag"] for image in listed["images"]] == [project["version"]]


def test_every_pod_is_confined(manifests: Sequence[Manifest]) -> None:
    found = list(pods(manifests))
    assert {name for name, _ in found} == {
        "selfhelp-app",
        "selfhelp-worker",
        "selfhelp-migrations",
        "selfhelp-feeds",
    }
    for _name, pod in found:
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert "memory" in container["resources"]["limits"]


def test_no_secret_is_shipped(manifests: Sequence[Manifest]) -> None:
    assert not [m for m in manifests if m["kind"] == "Secret"]
    for _name, pod in pods(manifests):
        for container in pod["spec"]["containers"]:
            for variable in container["env"]:
                secret = variable["name"] == "PGPASSWORD"
                assert ("valueFrom" in variable) is secret


def test_selectors_find_the_pods_they_mean(manifests: Sequence[Manifest]) -> None:
    labels = {name: pod["metadata"]["labels"] for name, pod in pods(manifests)}
    app, worker = labels["selfhelp-app"], labels["selfhelp-worker"]

    def fits(selector: dict[str, str], given: dict[str, str]) -> bool:
        return selector.items() <= given.items()

    service = one(manifests, "Service", "selfhelp")["spec"]["selector"]
    assert fits(service, app)
    assert not fits(service, worker)
    for name, wanted in (("selfhelp-app", app), ("selfhelp-worker", worker)):
        budget = one(manifests, "PodDisruptionBudget", name)["spec"]["selector"]
        assert fits(budget["matchLabels"], wanted)
        deployment = one(manifests, "Deployment", name)["spec"]["selector"]
        assert fits(deployment["matchLabels"], wanted)
    everything = one(manifests, "NetworkPolicy", "selfhelp")["spec"]["podSelector"]
    assert all(fits(everything["matchLabels"], given) for given in labels.values())
    target = one(manifests, "HorizontalPodAutoscaler", "selfhelp-app")["spec"]
    assert target["scaleTargetRef"]["name"] == "selfhelp-app"


def test_the_app_is_asked_whether_it_lives_and_whether_it_is_ready(
    manifests: Sequence[Manifest],
) -> None:
    (container,) = one(manifests, "Deployment", "selfhelp-app")["spec"]["template"][
        "spec"
    ]["containers"]
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    # The app answers /readyz within five seconds, whatever its database does.
    assert container["readinessProbe"]["timeoutSeconds"] > 5


def test_the_app_has_the_time_that_it_takes_to_stop(
    manifests: Sequence[Manifest],
) -> None:
    from plugin.commands.serve import _GRACE

    spec = one(manifests, "Deployment", "selfhelp-app")["spec"]["template"]["spec"]
    waits = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert spec["terminationGracePeriodSeconds"] >= _GRACE + waits


def test_the_ingress_sends_nobody_to_what_is_inside(
    manifests: Sequence[Manifest],
) -> None:
    (rule,) = one(manifests, "Ingress", "selfhelp")["spec"]["rules"]
    served = {
        path["path"]: path["backend"]["service"]["name"]
        for path in rule["http"]["paths"]
    }
    assert served["/metrics"] == served["/readyz"] == "selfhelp-nowhere"
    assert served["/"] == "selfhelp"
