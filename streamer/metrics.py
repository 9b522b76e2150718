"""Every metric's name once, with kind, unit, labels and one sentence. Prometheus sees them with the prefix `streamer_`.

Rule: a name or a label that is not here is refused, and a name that nobody tells is not here, since a gauge that stands
at 0 for ever is a false statement. So documentation and alerts cannot drift from the code.
Labels hold configured or enumerated words, never a session's, a user's or a trace's name: their number must stay small.
"""

from typing import Literal, NamedTuple

PREFIX = "streamer_"
SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
"""From the tick of a claim (0.1 s) over a model's answer (seconds) to an outage."""


class Metric(NamedTuple):
    kind: Literal["counter", "gauge", "histogram"]
    unit: str
    labels: tuple[str, ...]
    sentence: str


def _counter(unit: str, sentence: str, *labels: str) -> Metric:
    return Metric("counter", unit, labels, sentence)


def _gauge(unit: str, sentence: str, *labels: str) -> Metric:
    return Metric("gauge", unit, labels, sentence)


def _seconds(sentence: str, *labels: str) -> Metric:
    return Metric("histogram", "seconds", labels, sentence)


METRICS: dict[str, Metric] = {
    # ingest
    "records": _counter("records", "Kafka records read.", "source"),
    "spans": _counter("spans", "Spans in the records read that were kept.", "source"),
    "fragments": _counter("fragments", "Fragments saved in Redis, repetitions included.", "source"),
    "session_ends": _counter("events", "Sessions that a log event said are over.", "source"),
    "records_out_of_scope": _counter("records", "Records that a rule of `keep` left out.", "rule"),
    "problems": _counter("problems", "What could not be read; its record is a dead letter.", "reason"),
    "dead_letters": _counter(
        "records", "Records set aside, by the first reason; read again, counted again.", "source", "reason"
    ),
    "dead_letters_split": _counter("records", "Dead letters too large for their topic, written in parts.", "source"),
    "dead_letters_cut": _counter(
        "records", "Dead letters whose headers were too large for their topic and are left out.", "source"
    ),
    "fuse_blown": _gauge(
        "flag", "1 while a topic is not read because hardly anything on it can be decoded.", "source", "topic"
    ),
    "traces_erased": _counter(
        "traces", "Traces, by save, that came again after `streamer forget` erased them.", "source"
    ),
    "traces_refused": _counter("traces", "Traces, by save, of a session that has `traces_max` already.", "source"),
    "lag_records": _gauge(
        "records", "Records between the saved position and the partition's end.", "topic", "partition"
    ),
    "offset_gap_records": _counter("records", "Committed offsets that Kafka had already deleted.", "source"),
    "ingest_held": _gauge("flag", "1 while nothing is read because Redis is nearly full.", "source"),
    "partitions_paused": _gauge(
        "partitions", "Partitions that wait for the slowest one because Redis is filling up.", "source"
    ),
    "redis_memory_share": _gauge("share", "Used memory over maxmemory, greatest of all primaries; 0 without a limit."),
    "ingest_interrupted": _counter("passes", "Passes that failed and went back to the committed offsets.", "source"),
    "watermark_ms": _gauge("ms", "Record time before which everything is saved, Unix ms; -1: unknown.", "source"),
    "watermark_held_seconds": _gauge(
        "seconds",
        "How far the watermark is behind now, by the partition that holds it back and why; 0 once it no longer does.",
        "source",
        "topic",
        "partition",
        "cause",
    ),
    # sessions
    "releases": _counter("claims", "Claims that found the session not closed yet and put it back."),
    "claims_abandoned": _counter("claims", "Claims given up after a failure; the lease runs out and another finishes."),
    "ownership_lost": _counter("claims", "Claims that another worker took over."),
    "stale_completions": _counter("claims", "Completions that were refused because the claim was not in force."),
    "closings": _counter("sessions", "Sessions closed, once each time they had grown.", "reason"),
    "closed_ms": _gauge("ms", "When this worker last closed a session, Unix ms."),
    "close_lateness_seconds": _seconds("From the quiet gap's end, by the record's time, to the claim that closed."),
    "span_delay_seconds": _seconds(
        "From the end of a session's last span to its last record, at each closing that it had grown for.", "source"
    ),
    "verdict_delay_seconds": _seconds("From a session's last turn to its verdicts, where the closing placed them all."),
    "unreadable_traces": _counter("traces", "Traces, by claim, in which no span could be read: they give no turn."),
    "late_traces": _counter(
        "traces",
        "Traces, by claim, that spans came to after the sweep: read (the root, better evidence), left (not shown).",
        "outcome",
    ),
    "sessions_unread": _counter(
        "sessions", "Sessions that no judge can be given: facts_expired, shared_session_id.", "kind"
    ),
    "retractions": _counter("sessions", "Sessions left without turns, whose rows were deleted."),
    "paused": _gauge("flag", "1 while `streamer pause` is in force."),
    "outdated": _gauge("flag", "1 while a newer configuration is in force and this worker claims nothing."),
    "configuration_generation": _gauge("number", "The configuration that this worker goes by, as Redis counts them."),
    "configuration_hash": _gauge("number", "The same on every worker with the same judges and rules: its hash."),
    "reload_ok": _gauge("flag", "0 while the file of the last SIGHUP was refused and the old settings are in force."),
    # judging
    "model_calls": _counter("calls", "Calls to a model, by how they ended.", "judge", "outcome"),
    "model_call_seconds": _seconds("Duration of calls that were answered.", "judge"),
    "model_tokens": _counter("tokens", "Tokens paid for.", "kind"),
    "model_cost_usd": _counter("usd", "US dollars paid, where the model's price is known."),
    "answers_reused": _counter("answers", "Saved answers used instead of buying them again.", "judge"),
    "spending_limit_reached": _counter("calls", "Calls not made because the day's money was spent."),
    "deferred": _counter("judgements", "Judgements that wait for money.", "judge"),
    "verdicts": _counter("verdicts", "Usable answers, by value (numbers and free text: `other`).", "judge", "value"),
    "left_out": _counter(
        "judgements",
        "Closings that a judge did not read, by rule: filtered, sampled_out, rescore_never …",
        "judge",
        "reason",
    ),
    "judge_failures": _counter("judgements", "Judgements without a usable answer.", "judge", "kind"),
    # delivery
    "rows": _counter("rows", "Rows in MLflow: created, exists, patched, deleted, refused.", "action"),
    "first_trace_waits": _counter("claims", "Claims whose verdicts wait for the first trace to reach MLflow."),
    "no_trace": _counter("claims", "Claims of sessions of which MLflow has no trace."),
    "feed_records": _counter("records", "Feed records that Kafka acknowledged."),
    "feed_failures": _counter("publishings", "Publishings that Kafka did not acknowledge; tried again."),
    # audit
    "traces_swept": _counter("traces", "Traces whose raw spans were dropped after judging."),
    "parked_expired": _counter(
        "traces", "Parked traces dropped: no_session (no span named one in time), refused (traces_max).", "reason"
    ),
    "sessions_forgotten": _counter(
        "sessions",
        "Sessions at rest that were removed: age (return_ms is over), memory (Redis is filling up).",
        "reason",
    ),
    "sessions_due": _gauge("sessions", "Sessions that a claim would find now."),
    "due_for_seconds_max": _gauge("seconds", "How long the session that waits longest for a claim has been due."),
    "sessions_in_flight": _gauge("sessions", "Sessions that a worker holds."),
    "open_intents": _gauge("writers", "Writers that may still write to MLflow, of sessions that are not at rest."),
    "entries_stuck": _gauge(
        "judgements", "Owed for more than an hour after the quiet gap: retrying, deferred, row, feed.", "owed"
    ),
    # streamer probe
    "probes": _counter("probes", "Synthetic conversations sent: succeeded, failed.", "outcome"),
    "probe_success_timestamp_seconds": _gauge(
        "seconds", "When the last probe came back, Unix time; 0: none has since this process started."
    ),
    "probe_step_seconds": _gauge("seconds", "From sending the last probe to this step.", "step"),
    # alerts
    "monitor_records": _counter("records", "Feed records folded into their series, repetitions included."),
    "monitor_dead_letters": _counter("records", "Feed records that the monitor cannot read.", "reason"),
    "monitor_conflicts": _counter("batches", "Lanes that another worker changed meanwhile; folded again."),
    "monitor_lag_records": _gauge("records", "Feed records that the monitor of this process has not folded yet."),
    "monitor_moved_ms": _gauge("ms", "When the monitor of this process last folded something, Unix ms."),
    "monitor_delay_seconds": _seconds(
        "From a record's time on the feed to when it is folded, the oldest of each batch."
    ),
    "series": _gauge("series", "Series that are remembered, over all tenants and judges."),
    "episodes": _counter("episodes", "Episodes that were opened or resolved, re-openings included.", "state"),
    "episodes_open": _gauge("episodes", "Episodes open now, muted ones included."),
    "notifications": _counter(
        "notifications", "Notices sent: delivered, failed (tried again), dropped (a week old).", "channel", "outcome"
    ),
    "notifications_owed": _gauge("notifications", "Notices that wait for their channel.", "channel"),
    # the process
    "clock_skew_ms": _gauge("ms", "Redis' time less this machine's; above 2,000 either way the process stops."),
    "service_up": _gauge("flag", "1 while the last call to the service was answered.", "service"),
}
