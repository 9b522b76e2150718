"""Judges that are code: a function or a Scorer of a module, or one that MLflow has registered.

Rule: whatever of a scorer names its model is made to ask ours, so that its calls go through the choke point. What a
function asks by itself, past MLflow's judges, nobody here sees. Code that is kept in MLflow is run only where its hash
is allowed: who may write to MLflow may not thereby run code here.
"""

import hashlib
import json
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from streamer.adapters.mlflow_judges.bridge import MODEL
from streamer.core.judges import JudgeSpec
from streamer.core.registered import SOURCE, described
from streamer.errors import ConfigurationError


def own_code(spec: JudgeSpec) -> Callable[..., Any]:
    """The function that the path names. ConfigurationError where it is none that reads sessions."""
    module, _, name = (spec.path or "").partition(":")
    found = getattr(_module(spec, module), name, None)
    if found is None:
        raise ConfigurationError(f"judge {spec.name}: {module} has no {name}")
    return on_sessions(spec, found)


def _module(spec: JudgeSpec, name: str) -> ModuleType:
    """Run anew for each version of a judge, so that a reload takes what the file says now; what it imports is not."""
    root = Path(spec.file).parents[name.count(".")]
    if str(root) not in sys.path:
        sys.path.append(str(root))
    found = spec_from_file_location(name, spec.file)
    if found is None:
        raise ConfigurationError(f"judge {spec.name}: {spec.file} is no Python module")
    module = module_from_spec(found)
    try:
        if parent := name.rpartition(".")[0]:
            import_module(parent)
        source = Path(spec.file).read_bytes()  # past Python's cache of bytecode, which goes by size and second
        code = compile(source, spec.file, "exec")
        sys.modules[name] = module
        exec(code, module.__dict__)
    except Exception as error:
        raise ConfigurationError(f"judge {spec.name}: {spec.file} cannot be run: {error!r}") from error
    if hashlib.sha256(source).hexdigest() != spec.source_hash:
        raise ConfigurationError(f"judge {spec.name}: {spec.file} has changed since the settings were read: again")
    return module


def registered(spec: JudgeSpec) -> Callable[..., Any]:
    """MLflow's scorer from its definition."""
    if spec.definition is None:
        raise ConfigurationError(f"judge {spec.name}: MLflow was not asked for its definition")
    from mlflow.genai.scorers import Scorer

    found = described(spec.definition)
    if not found.reads_sessions:
        raise ConfigurationError(f"judge {spec.name}: this scorer reads single traces, not sessions")
    said = json.loads(spec.definition)
    if found.kind == "code":
        return on_sessions(spec, _from_source(spec, said, found.code_hash))
    if found.kind == "other":
        raise ConfigurationError(
            f"judge {spec.name}: a scorer of this kind is not made from MLflow's registry here; name it in a module of "
            'your own, with type = "code"'
        )
    for data in ("builtin_scorer_pydantic_data", "instructions_judge_pydantic_data"):
        if said.get(data):
            said[data] = {**said[data], "model": MODEL}
    return on_sessions(spec, Scorer.model_validate({**said, "name": spec.name}))


def _from_source(spec: JudgeSpec, said: dict[str, Any], code_hash: str) -> Callable[..., Any]:
    """As MLflow makes it again, once somebody has allowed it. ConfigurationError names what to allow."""
    name = str(said.get("name"))
    if f"{name}:{code_hash}" not in spec.allow:
        raise ConfigurationError(
            f"judge {spec.name}: scorer {name} is code that is kept in MLflow, where others may change it. Read it "
            f'(streamer check prints it); to run exactly this: allow = ["{name}:{code_hash}"]'
        )
    from mlflow.genai.scorers import scorer
    from mlflow.genai.scorers.scorer_utils import recreate_function

    body, signature, function = (str(said[part]) for part in (SOURCE[2], SOURCE[1], SOURCE[0]))
    made: Callable[..., Any] = scorer(recreate_function(body, signature, function), name=spec.name)
    return made


def on_sessions(spec: JudgeSpec, found: Any) -> Callable[..., Any]:  # noqa: ANN401
    """A Scorer that is called with a session. A bare function is taken for one."""
    from mlflow.genai.scorers import Scorer, scorer

    if not isinstance(found, Scorer):
        if not callable(found):
            raise ConfigurationError(f"judge {spec.name}: {spec.path} is neither a function nor an MLflow scorer")
        found = scorer(found)
    if not found.is_session_level_scorer:
        raise ConfigurationError(f"judge {spec.name}: it takes single traces; one of sessions takes `session`")
    judge: Callable[..., Any] = _asking_us(found)
    return judge


def _asking_us(found: Any) -> Any:  # noqa: ANN401
    """A judge of MLflow's with our provider as its model; code that has no model as it is."""
    if getattr(found, "model", None) in (None, MODEL):
        return found
    from mlflow.genai.scorers import Scorer

    said = found.model_dump()
    for data in ("builtin_scorer_pydantic_data", "instructions_judge_pydantic_data"):
        if said.get(data):
            said[data] = {**said[data], "model": MODEL}
            return Scorer.model_validate(said)
    return found
