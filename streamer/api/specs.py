"""Which judges are meant."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from streamer.core.judges import JudgeSpec
from streamer.errors import ConfigurationError
from streamer.settings import Settings
from streamer.settings.judges import JudgeTable, spec_named

Judge = str | Mapping[str, Any] | JudgeSpec
"""A judge of the configuration by name, one of MLflow's by type (`conversation_completeness`), or a table as under
`[[judges]]`: `{"type": "make_judge", "name": "tone", "instructions": "… {{ conversation }}", "labels": [...]}`."""


def specs_of(settings: Settings, judges: Sequence[Judge], model: str | None) -> list[JudgeSpec]:
    """ConfigurationError for one that is unknown, wrong, or there twice."""
    if isinstance(judges, str | Mapping | JudgeSpec):
        raise ConfigurationError(f"judges is a list, as in judges=[{judges!r}]")
    specs = [_spec(settings, one, model) for one in judges]
    names = [spec.name for spec in specs]
    if not specs or len(set(names)) < len(names):
        raise ConfigurationError(f"name each judge once, and one at least: {', '.join(names) or 'there is none'}")
    return specs


def _spec(settings: Settings, judge: Judge, model: str | None) -> JudgeSpec:
    if isinstance(judge, JudgeSpec):
        return judge
    if isinstance(judge, str):
        return spec_named(settings.judges, judge, model)
    try:
        return JudgeTable.model_validate({**judge, **({"model": model} if model else {})}).spec()
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'it'}: {e['msg']}" for e in error.errors())
    raise ConfigurationError(f"judge {judge.get('name') or judge.get('type')!r}: {wrong}")
