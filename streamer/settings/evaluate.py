"""The [evaluate] table: what `streamer evaluate` may spend and how hard it may work, beside the live path."""

from pydantic import Field

from streamer.core.lifecycle import DAY_MS
from streamer.settings.kinds import SomeMs, Usd, Whole
from streamer.settings.table import Table


class EvaluateTable(Table):
    usd_per_day: Usd = Field(5.0, description="of its own: an evaluation never spends what the live path needs")
    tokens_per_day: Whole = Field(2_000_000, ge=0, le=2**53, description="counts where a model's price is unknown")
    calls_per_minute: Whole | None = Field(
        None, ge=1, description="leaves room under the provider's limit; only models.concurrency limits it unless said"
    )
    sessions_at_once: Whole = Field(
        32, ge=1, description="more than a provider is called at once: reading takes as long as a quick model does"
    )
    answers_ms: SomeMs = Field(30 * DAY_MS, description="answers are kept so long: the same question costs nothing")
