"""The Grafana board, written from one table: python -m tools.board > deploy/grafana/streamer.json

Rule: a panel answers a question that somebody on call has, in the order in which they have it: is it alive, is it
current, what do the judges say, what does it cost, what breaks. Its description says what to make of it.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS, ROW_HEIGHT, HEIGHT, STAT_HEIGHT = 24, 1, 8, 4


class Panel(NamedTuple):
    title: str
    says: str
    queries: tuple[tuple[str, str], ...]
    """Expression and legend."""
    unit: str = "short"
    stat: bool = False
    """The last value, large; else its course over time."""


def _rate(metric: str, by: str) -> str:
    return f"sum by ({by}) (rate(streamer_{metric}_total[5m]))"


def _quantile(share: float, metric: str) -> str:
    return f"histogram_quantile({share}, sum by (le) (rate(streamer_{metric}_bucket[5m])))"


def _delay(title: str, says: str, metric: str) -> Panel:
    return Panel(title, says, ((_quantile(0.5, metric), "half"), (_quantile(0.95, metric), "19 of 20")), "s")


def _rates(title: str, says: str, metric: str, by: str) -> Panel:
    return Panel(title, says, ((_rate(metric, by), " ".join(f"{{{{{name}}}}}" for name in by.split(", "))),), "ops")


SHARE = "sum by (judge, value) (increase(streamer_verdicts_total[1h]))"
OF_ALL = "on (judge) group_left sum by (judge) (increase(streamer_verdicts_total[1h]))"

ROWS: dict[str, tuple[Panel, ...]] = {
    "Is it alive?": (
        Panel("Processes", "That answer Prometheus.", (('sum(up{job="streamer"})', ""),), stat=True),
        Panel(
            "Services",
            "0: the last call was not answered.",
            (("min by (service) (streamer_service_up)", "{{service}}"),),
            stat=True,
        ),
        Panel(
            "Last probe",
            "Since a synthetic conversation came back with its verdict; an alert fires at 15 min.",
            (("time() - max(streamer_probe_success_timestamp_seconds)", ""),),
            "s",
            stat=True,
        ),
        Panel(
            "Held back",
            "1: so it is. An old configuration claims nothing; a full Redis reads nothing.",
            (
                ("max(streamer_paused)", "paused"),
                ("max(streamer_fuse_blown)", "fuse"),
                ("max(streamer_ingest_held)", "redis full"),
                ("max(streamer_outdated)", "outdated"),
                ("1 - min(streamer_reload_ok)", "reload refused"),
            ),
            stat=True,
        ),
        Panel(
            "Redis memory",
            "Above 60 % the fastest partitions wait, above 80 % nothing is read.",
            (("max(streamer_redis_memory_share)", ""),),
            "percentunit",
            stat=True,
        ),
        Panel(
            "Clock",
            "Redis' time less the worker's; it stops above 2 s.",
            (("max(abs(streamer_clock_skew_ms))", ""),),
            "ms",
            stat=True,
        ),
    ),
    "Is it current?": (
        Panel(
            "Watermark, behind now",
            "No session closes before it: the quiet gap is measured on it.",
            (("time() - max by (source) (streamer_watermark_ms) / 1000", "{{source}}"),),
            "s",
        ),
        Panel(
            "What holds the watermark back",
            "By partition and cause.",
            (
                (
                    "max by (source, topic, partition, cause) (streamer_watermark_held_seconds) > 0",
                    "{{topic}}/{{partition}} {{cause}}",
                ),
            ),
            "s",
        ),
        Panel(
            "Records unread",
            "Between what is saved and the partitions' ends.",
            (
                ("sum by (topic) (streamer_lag_records)", "{{topic}}"),
                ("sum(streamer_monitor_lag_records)", "feed, by the monitor"),
            ),
        ),
        Panel(
            "Due and under way",
            "Due sessions wait for a judge worker.",
            (("max(streamer_sessions_due)", "due"), ("max(streamer_sessions_in_flight)", "under way")),
        ),
        Panel(
            "Longest wait for a claim", "Of a session that is due.", (("max(streamer_due_for_seconds_max)", ""),), "s"
        ),
        _delay("From the quiet gap's end to the claim", "Streamer's own lateness.", "close_lateness_seconds"),
        _delay("From the last turn to the verdicts", "The quiet gap included.", "verdict_delay_seconds"),
        _delay(
            "Spans on their way to Kafka",
            "Above the quiet gap, sessions are judged without their last turns.",
            "span_delay_seconds",
        ),
        _rates("Sessions closed", "By reason.", "closings", "reason"),
        Panel(
            "The probe's steps",
            "Seconds since it was sent.",
            (("max by (step) (streamer_probe_step_seconds)", "{{step}}"),),
            "s",
        ),
    ),
    "What do the judges say?": (
        Panel(
            "Share of each verdict, last hour",
            "Of all verdicts, re-scored sessions too: that of conversations is what streamer series says.",
            ((f"{SHARE} / {OF_ALL}", "{{judge}}: {{value}}"),),
            "percentunit",
        ),
        Panel(
            "Episodes open",
            "Spikes that were raised and are not resolved (streamer alerts list).",
            (("max(streamer_episodes_open)", "open"), ("max(streamer_series)", "series")),
        ),
        Panel(
            "Share refused by the model, last hour",
            "What is refused is in no share.",
            (("streamer:refused_share", "{{judge}}"),),
            "percentunit",
        ),
        _rates("Not read", "Closings that a judge did not read, by rule.", "left_out", "judge, reason"),
        _rates("Notices", "By channel and outcome.", "notifications", "channel, outcome"),
    ),
    "What does it cost?": (
        Panel(
            "US dollars a day",
            "At the pace of the last hour; models of unknown price are not in it.",
            (("86400 * sum(rate(streamer_model_cost_usd_total[1h]))", ""),),
            "currencyUSD",
        ),
        _rates("Tokens", "Paid for.", "model_tokens", "kind"),
        _rates("Model calls", "By how they ended.", "model_calls", "judge, outcome"),
        _rates("Answers that were not bought again", "Saved ones.", "answers_reused", "judge"),
        _delay("Duration of a model call", "Of those that were answered.", "model_call_seconds"),
        Panel(
            "Waiting for money",
            "Judgements deferred, an hour.",
            (
                ("sum by (judge) (increase(streamer_deferred_total[1h]))", "{{judge}}"),
                ("sum(increase(streamer_spending_limit_reached_total[1h]))", "calls not made"),
            ),
        ),
    ),
    "What breaks?": (
        _rates("Dead letters", "By reason (streamer dlq list).", "dead_letters", "source, reason"),
        _rates("Judge failures", "By kind.", "judge_failures", "judge, kind"),
        Panel(
            "Owed for more than an hour", "By what is owed.", (("max by (owed) (streamer_entries_stuck)", "{{owed}}"),)
        ),
        Panel(
            "Writes left open",
            "By workers that have not come back.",
            (("max(streamer_open_intents) - max(streamer_sessions_in_flight)", ""),),
        ),
        _rates("Rows in MLflow", "refused: token, user or workspace.", "rows", "action"),
        Panel(
            "Claims that came to nothing",
            "Now and then is a restart; a steady rate is a worker that is too slow or killed.",
            (
                ("sum(rate(streamer_claims_abandoned_total[5m]))", "abandoned"),
                ("sum(rate(streamer_ownership_lost_total[5m]))", "lost"),
                ("sum(rate(streamer_stale_completions_total[5m]))", "stale"),
            ),
            "ops",
        ),
        Panel(
            "Verdicts without a trace",
            "The first trace is not in MLflow yet, or never.",
            (
                ("sum(rate(streamer_first_trace_waits_total[5m]))", "waits"),
                ("sum(rate(streamer_no_trace_total[5m]))", "none"),
            ),
            "ops",
        ),
        Panel(
            "Feed",
            "Publishings that Kafka did not acknowledge.",
            (
                ("sum(rate(streamer_feed_failures_total[5m]))", "failed"),
                ("sum(rate(streamer_feed_records_total[5m]))", "records"),
            ),
            "ops",
        ),
        _rates("Dropped without a session", "Parked traces that no span named in time.", "parked_expired", "reason"),
    ),
}


def board() -> dict[str, Any]:
    """As Grafana's dashboards are provisioned (schema version 39, Grafana 11 and 12)."""
    variable = {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"}
    return {
        "uid": "streamer",
        "title": "streamer",
        "schemaVersion": 39,
        "tags": ["streamer"],
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [variable]},
        "panels": list(_panels()),
    }


def _panels() -> Iterator[dict[str, Any]]:
    number, y = 0, 0
    for title, panels in ROWS.items():
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": title,
            "collapsed": False,
            "panels": [],
            "gridPos": _at(0, y, COLUMNS, 1),
        }
        y += ROW_HEIGHT
        width = 4 if panels[0].stat else 8
        height = STAT_HEIGHT if panels[0].stat else HEIGHT
        for n, panel in enumerate(panels):
            number += 1
            across = COLUMNS // width
            yield _panel(number, panel, _at(n % across * width, y + n // across * height, width, height))
        y += -(-len(panels) // (COLUMNS // width)) * height


def _at(x: int, y: int, width: int, height: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": width, "h": height}


def _panel(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    targets = [
        {"refId": chr(ord("A") + n), "datasource": SOURCE, "expr": expr, "legendFormat": legend or "__auto"}
        for n, (expr, legend) in enumerate(panel.queries)
    ]
    return {
        "id": number,
        "type": "stat" if panel.stat else "timeseries",
        "title": panel.title,
        "description": panel.says,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": targets,
    }


if __name__ == "__main__":
    json.dump(board(), sys.stdout, ensure_ascii=False, indent=1)
    sys.stdout.write("\n")
