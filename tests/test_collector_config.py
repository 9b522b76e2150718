"""deploy/collector: the shipped configuration names only what ocb.yaml builds; addresses are the environment's."""

import re
from typing import Any

import yaml

from tests.services.collector import DIST, OCB, SHIPPED, VERSION
from tests.test_compose import SERVICES

TEXT = (SHIPPED / "config.yaml").read_text()
CONFIG: dict[str, Any] = yaml.safe_load(TEXT)
BUILD: dict[str, Any] = yaml.safe_load(OCB.read_text())
KINDS = ("receivers", "processors", "exporters")
VARIABLE = re.compile(r"\$\{env:(\w+)(?::-([^}]*))?\}")


def built(kind: str) -> set[str]:
    """Names of what ocb.yaml builds, as its modules write them: `otlphttp` of …/exporter/otlphttpexporter."""
    modules = [component["gomod"].split()[0].rpartition("/")[2] for component in BUILD[kind]]
    return {module.removesuffix(kind.removesuffix("s")) for module in modules}


def as_module(component: str) -> str:
    """`otlp_http/mlflow` is the second `otlphttp` of a configuration."""
    return component.partition("/")[0].replace("_", "")


def test_pipelines_name_only_components_that_are_configured_and_built() -> None:
    assert CONFIG["service"]["pipelines"]
    for name, pipeline in CONFIG["service"]["pipelines"].items():
        for kind in KINDS:
            assert set(pipeline[kind]) <= set(CONFIG[kind]), f"{name}: {kind} without a configuration"
            assert {as_module(component) for component in pipeline[kind]} <= built(kind), f"{name}: not in ocb.yaml"


def test_extensions_are_configured_and_built() -> None:
    assert set(CONFIG["service"]["extensions"]) <= set(CONFIG["extensions"])
    assert {as_module(component) for component in CONFIG["service"]["extensions"]} <= built("extensions")


def test_every_component_has_the_version_of_the_image_in_compose() -> None:
    assert SERVICES["collector"]["image"].endswith(f":{VERSION}")
    modules = [component["gomod"] for kind in (*KINDS, "extensions") for component in BUILD[kind]]
    assert {module.split()[1] for module in modules} == {f"v{DIST['version']}"}


def test_every_address_has_a_default_on_the_loopback_and_compose_sets_none_that_is_unknown() -> None:
    defaults = dict(VARIABLE.findall(TEXT))
    assert all(defaults.values()), defaults
    addresses = {name: value for name, value in defaults.items() if ":" in value}
    assert all("127.0.0.1:" in value for value in addresses.values()), addresses
    assert set(SERVICES["collector"]["environment"]) <= set(defaults)


def test_the_page_for_operators_lists_every_variable() -> None:
    page = (SHIPPED.parent.parent / "docs" / "operations.md").read_text()
    missing = [f"`{name}`" for name in dict(VARIABLE.findall(TEXT)) if f"`{name}`" not in page]
    assert not missing, f"docs/operations.md, The Collector: {missing}"
