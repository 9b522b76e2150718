"""Where a record has to go to be read as a tenant's, and where people find a trace."""

from streamer.core.wire.records import Header
from streamer.errors import ConfigurationError
from streamer.settings import Settings, Source, without_credentials
from streamer.settings.table import STARS


def whose(source: Source, tenant: str | None) -> tuple[str, list[Header]]:
    """The tenant, and the headers that a record of theirs needs. ConfigurationError if the source has no such one."""
    if source.tenant_resource or tenant in (None, source.tenant):
        return tenant or source.tenant, []
    if source.tenant_header:
        return tenant or "", [(source.tenant_header, (tenant or "").encode())]
    raise ConfigurationError(
        f"--tenant {tenant!r}: all of source {source.name} is of tenant {source.tenant} (tenant_header and "
        "tenant_resource of its [[sources]] table tell tenants apart)"
    )


def topic_of(source: Source, topic: str | None) -> str:
    """The one that was named, or the source's first. ConfigurationError if the source does not read it."""
    if topic is not None:
        if source.reads(topic):
            return topic
        raise ConfigurationError(f"--topic {topic}: source {source.name} does not read it ({', '.join(source.topics)})")
    plain = next((name for name in source.topics if not name.startswith("^")), None)
    if plain is None:
        raise ConfigurationError(f"source {source.name} names its topics by a regex: name one with --topic")
    return plain


def trace_page(settings: Settings, experiment_id: str, trace_id: str) -> str:
    """In MLflow's pages, as people reach them. Whoever opens it says who they are: no link carries a password."""
    address = without_credentials(settings.alerting.mlflow_url or settings.mlflow.tracking_uri)
    base = address.replace(f"{STARS}@", "").partition("?")[0].rstrip("/")
    return f"{base}/#/experiments/{experiment_id}/traces?selectedEvaluationId={trace_id}"
