"""The feed that tests of alerts are made of is one that streamer writes."""

import json
from importlib.resources import files

import jsonschema
import pytest

from streamer.core.alerts.observation import observed
from tests import alert_feed

SCHEMA = json.loads(files("streamer").joinpath("schema/assessments-v1.json").read_text())


@pytest.mark.parametrize(
    "value",
    [
        alert_feed.verdict("s", 10**12, "unresolved"),
        alert_feed.failure("s", 10**12, "refused"),
        alert_feed.retracted("s", 10**12),
        alert_feed.closing("s", 10**12, "deferred"),
    ],
    ids=lambda value: value["kind"],
)
def test_every_kind_is_valid_and_observed(value: dict[str, object]) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(value)
    seen = observed(value)
    assert seen is not None
    assert seen.kind == value["kind"]
