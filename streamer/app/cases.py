"""A session taken out as a case, and a case decided again."""

import secrets
from dataclasses import replace
from pathlib import Path

from streamer.adapters.mlflow_translation import translated
from streamer.adapters.redis_sessions import RedisConnection
from streamer.app.looking import Known, now_of, session_keys
from streamer.core import case_codec
from streamer.core.case import Case, Difference, differences, recorded
from streamer.core.case import Settings as Deciding
from streamer.core.redact_case import Changed, redacted
from streamer.core.sampling import draw
from streamer.errors import ConfigurationError, StreamerError
from streamer.settings import Settings


async def case_of(redis: RedisConnection, settings: Settings, known: Known) -> Case:
    """The session as it is now, with its words."""
    store, scope = redis.handle(), known.session.scope
    found = await store.session(known.session.key)
    if found is None:
        raise StreamerError("the session has gone meanwhile")
    state = found[1]
    case = Case(
        session=known.session,
        settings=Deciding(
            limits=settings.limits(),
            rules=settings.core_rules(),
            caps=settings.turns.caps(),
            session_keys=session_keys(settings)[scope.source],
            judges=[spec.name for spec in settings.judge_specs()],
        ),
        state=state,
        facts=await store.facts(scope, sorted(state.members)),
        log=known.kept.log,
        number=draw(known.session.key),
        at_ms=(await now_of(redis, settings)).redis_ms,
    )
    return replace(case, decided=recorded(case, translated))


def write(case: Case, file: Path, *, with_text: bool) -> tuple[Case, list[Difference]]:
    """The case as it was written, and where it already decides otherwise than was recorded. Raises StreamerError where
    it would decide otherwise without its words: it is not written then."""
    if not with_text:
        try:
            case = redacted(case, secrets.token_bytes(32), translated)
        except Changed as changed:
            raise StreamerError(
                f"without its words this session would be decided otherwise ({changed}): --with-text keeps them, if "
                "they may leave the house"
            ) from None
    try:
        file.write_text(case_codec.to_json(case))
    except OSError as error:
        raise ConfigurationError(f"--export {file}: {error.strerror}") from None
    return case, differences(case, translated)


def replay(file: Path) -> tuple[Case, list[Difference]]:
    """A case that somebody has kept, and where this version decides otherwise."""
    try:
        case = case_codec.from_json(file.read_text())
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror}") from None
    except (case_codec.NoCase, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: {error}") from None
    return case, differences(case, translated)
