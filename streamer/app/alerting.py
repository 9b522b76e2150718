"""The monitor and what tells people: who meets whom. The Faust application is imported only where it runs."""

import asyncio
from collections.abc import Callable

from streamer.adapters.kafka.alerts import KafkaChannel
from streamer.adapters.kafka.lag import lag
from streamer.adapters.kafka.publisher import KafkaPublisher
from streamer.adapters.kafka.reader import members
from streamer.adapters.notifier import Alertmanager, AppriseChannel, Webhook
from streamer.adapters.redis_sessions import RedisConnection
from streamer.adapters.redis_sessions.episodes import RedisEpisodes
from streamer.adapters.redis_sessions.series import RedisSeries
from streamer.adapters.system_clock import SystemClock
from streamer.alert_ports import Channel
from streamer.app.addressing import trace_page
from streamer.app.building import Process, Role, publisher_for, when_there
from streamer.core.alerts.lane import LanePolicy
from streamer.core.alerts.rule import AlertRule, labels_of
from streamer.loops.delivering import Delivering
from streamer.loops.folding import Folding
from streamer.loops.notify import Notify, Told
from streamer.loops.storytelling import Link, Storyteller
from streamer.loops.striking import strike
from streamer.settings import Settings
from streamer.settings.alerting import ChannelTable

CURRENT_FOR_MS = 15_000
"""A monitor without a backlog says so every two seconds."""


def rules_of(settings: Settings) -> tuple[AlertRule, ...]:
    """Those of [[alerts]], or one for each judge whose bad labels are known."""
    return settings.alert_rules()


def policy_of(settings: Settings) -> LanePolicy:
    rules = rules_of(settings)
    known = {spec.name: labels_of(spec) for spec in settings.judge_specs()}
    ruled = {rule.judge: rule.labels for rule in reversed(rules)}
    return LanePolicy(
        rules=rules,
        labels=known | ruled,
        series_max=settings.alerting.series_max,
        text=settings.alerting.text != "none",
    )


async def start_alerting(process: Process, roles: frozenset[Role]) -> None:
    """Adds the loops of these roles to the process; the feed's topic is waited for, as services are."""
    assert process.redis is not None
    before = set(process.loops)
    if "monitor" in roles:
        await _add_monitor(process, process.redis)
    if "notify" in roles:
        _add_notify(process, process.redis)
    for name in process.loops.keys() - before:
        process.health.beat(name)


async def _add_monitor(process: Process, redis: RedisConnection) -> None:
    from streamer.monitor.app import FaustReader
    from streamer.monitor.credentials import translated
    from streamer.monitor.watchdog import Watchdog

    settings, connection = process.settings, process.settings.kafka.connection()
    credentials = translated(connection)
    publisher = publisher_for(process, "the monitor's dead letters")
    partitions = await when_there(process, "kafka", publisher.partitions)
    store = RedisSeries(redis.shared)
    episodes = RedisEpisodes(redis.shared)

    async def strike_from_alerts(tenant: str, session_id: str) -> None:
        await strike(store, episodes, tenant, session_id)

    folding = Folding(
        policy_of(settings),
        store,
        publisher,
        process.clock,
        process.metrics,
        process.journal,
        strike=strike_from_alerts,
    )
    group, topic = settings.kafka.monitor_group, settings.feed.topic
    reader = FaustReader(settings.kafka.bootstrap, credentials, group, topic, partitions, folding.fold)

    async def behind(mine: frozenset[int]) -> int:
        """Nobody is behind in what another worker reads."""
        if not mine and await asyncio.to_thread(members, connection, group) > 1:
            return 0
        places = [(topic, partition) for partition in mine or range(await publisher.partitions())]
        return await asyncio.to_thread(lag, connection, group, places)

    def take(settings: Settings) -> None:
        folding.policy = policy_of(settings)

    process.taking.append(take)
    process.ending.add("the monitor", reader.stop)
    await reader.start()

    async def tell_current() -> None:
        await episodes.set_current(CURRENT_FOR_MS)

    watchdog = Watchdog(reader, behind, lambda: folding.late_ms, tell_current, process.clock, process.metrics)
    process.loops["monitor"] = watchdog.step


def _add_notify(process: Process, redis: RedisConnection) -> None:
    settings = process.settings
    episodes = RedisEpisodes(redis.shared)
    told = told_of(settings)
    clock, metrics, journal = process.clock, process.metrics, process.journal
    series, teller, rules = RedisSeries(redis.shared), storyteller_of(redis, settings), rules_of(settings)
    notify = Notify(series, episodes, told, teller, clock, metrics, journal, rules)

    def take(settings: Settings) -> None:
        notify.rules = rules_of(settings)

    process.taking.append(take)
    process.loops["notify"] = notify.step
    for table in settings.channels:
        channel = channel_of(settings, table, clock)
        process.ending.add(f"channel {table.name}", channel.close)
        delivering = Delivering(
            channel,
            episodes,
            clock,
            metrics,
            journal,
            per_minute=table.per_minute,
            resend_ms=settings.alerting.resend_ms,
        )
        process.loops[f"channel-{table.name}"] = delivering.step


def told_of(settings: Settings) -> list[Told]:
    return [Told(channel.name, channel.severity) for channel in settings.channels]


def storyteller_of(redis: RedisConnection, settings: Settings) -> Storyteller:
    text = settings.alerting.text != "none"
    return Storyteller(RedisSeries(redis.shared), _link(settings), gap_ms=settings.sessions.idle_gap_ms, text=text)


def channel_of(settings: Settings, table: ChannelTable, clock: SystemClock) -> Channel:
    """ConfigurationError where the destination cannot be one."""
    secret = settings.alerting.secrets.get(table.name)
    plain = secret.get_secret_value() if secret else ""
    make: dict[str, Callable[[], Channel]] = {
        "kafka": lambda: KafkaChannel(
            table.name, table.topic, KafkaPublisher(settings.kafka.connection(), settings.feed.topic)
        ),
        "alertmanager": lambda: Alertmanager(
            table.name, table.url or "", plain or None, clock.now_ms, settings.alerting.resend_ms
        ),
        "webhook": lambda: Webhook(table.name, table.url or "", plain, clock.now_ms),
        "apprise": lambda: AppriseChannel(table.name, plain),
    }
    return make[table.type]()


def _link(settings: Settings) -> Link:
    """To a trace in MLflow's pages, where the tenant's experiment is known."""
    mlflow = settings.mlflow

    def link(tenant: str, trace_id: str) -> str:
        experiment = mlflow.experiments.get(tenant) or next(iter(mlflow.experiment_ids), "")
        return trace_page(settings, experiment, trace_id) if experiment and trace_id else ""

    return link
