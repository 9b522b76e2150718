"""Mistakes, each of which the laws must find: a checker never seen failing is not believed.

A plant swaps one class of the system for one with a single rule broken. Those that simpler designs make come first.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.simulation.cluster import Parts
from tests.simulation.mistakes import (
    AnswersNotSaved,
    BuysWithoutLooking,
    CommitsBeforeSaving,
    CompletesAnyToken,
    CompletesAnyVersion,
    DeletesByName,
    DropsUnreadable,
    ErrorsPatch,
    FailuresCountAsTold,
    FallbackRests,
    FeedAfterFailureOnly,
    FeedTrustsLedger,
    IgnoresUnreadPartitions,
    IngestMovesLeased,
    NeverRetracts,
    NoIntents,
    NoRenewal,
    OldGenerationClaims,
    PausesTheSlowest,
    ReconnectsSilently,
    RemovedJudgeOwes,
    RowsForgotten,
    ShorterTranscript,
    SkipsWhatFailed,
    StaysAfterFailOver,
    SweepsAnyVersion,
    TrustsCachedEnd,
    WakesOwnIdOnly,
    count_tokens,
)
from tests.simulation.mistakes_closing import (
    ClosesByFewestTurns,
    ClosesBySmallestGap,
    CountsAgeForever,
    CountsTurnsForever,
    EndsAtOnce,
    InterimIsFinal,
    InterimStands,
)
from tests.simulation.mistakes_erasing import ErasureForgetsRows, ErasureKeepsAnswers
from tests.simulation.mistakes_of_rules import (
    AlwaysRenews,
    AsksEveryJudge,
    FilteredStaysInterim,
    ForgetsInclusion,
    SamplesByAttempt,
    SamplesByJudge,
)
from tests.simulation.terms import LIMITS

MOVES_ON = {
    "p_late_root": 1.0,
    "p_conflict": 0.25,
    "p_rootless": 0.5,
    "p_pause_hot": 0.2,
    "p_fail": 0.0,
    "p_outage": 0.0,
    "p_failover": 0.0,
}
"""A trace leaves a session whose claim has told the feed of it and was then lost: what it told is more than is true."""


@dataclass(frozen=True)
class Plant:
    mistake: str
    law: str
    """One of these laws finds it, whichever comes first in a run."""
    parts: Callable[[], Parts]


PLANTS: dict[str, Plant] = {
    "wake_own_id": Plant(
        "phase 2 wakes only the candidates named in this record", "S5 S1 L1", lambda: Parts(ingest=WakesOwnIdOnly)
    ),
    "no_retraction": Plant(
        "a session left without turns keeps its rows", "S4 feed", lambda: Parts(judge=NeverRetracts)
    ),
    "eof_flag": Plant(
        "progress is now while the last fetch found nothing", "S8", lambda: Parts(ingest=TrustsCachedEnd)
    ),
    "no_renewal": Plant("leases are not renewed", "S7 L1", lambda: Parts(held=NoRenewal)),
    "delete_old_one": Plant(
        "delete the row of the last completed claim; no set of rows", "S4 S5", lambda: Parts(store=RowsForgotten)
    ),
    "rows_without_intents": Plant(
        # Of writers that sleep in the middle there must be many: a session that is left out or kept writes no row.
        "rows are kept, intents are not",
        "S4 S5",
        lambda: Parts(store=NoIntents, harsh={"p_pause_hot": 0.15}),
    ),
    "commit_first": Plant(
        "offsets are committed before the save", "S2 S1 L1", lambda: Parts(ingest=CommitsBeforeSaving)
    ),
    "pause_slowest": Plant(
        "while Redis is filling up the slowest partition is paused, not those ahead of it",
        "L1",
        lambda: Parts(ingest=PausesTheSlowest, harsh={"p_pressure": 0.8, "p_stall": 0.06}),
    ),
    "skip_failed": Plant("what could not be saved is skipped", "S1 S2 S5 L1", lambda: Parts(ingest=SkipsWhatFailed)),
    "drop_unreadable": Plant("an unreadable record is dropped", "S1", lambda: Parts(ingest=DropsUnreadable)),
    "no_seek_back": Plant(
        "ingest goes on after a failure or a fail-over", "S1 S2 S5 L1", lambda: Parts(ingest=StaysAfterFailOver)
    ),
    "token_plus_one": Plant("token = old + 1, without the time", "S3", lambda: Parts(prepare=count_tokens)),
    "ingest_moves_leased": Plant(
        "facts put a leased session into quiet", "index", lambda: Parts(store=IngestMovesLeased)
    ),
    "complete_any_token": Plant(
        "completion does not compare the token", "S4 S5 S7 L1 index", lambda: Parts(store=CompletesAnyToken)
    ),
    "complete_any_version": Plant(
        "completion does not compare the version", "S5", lambda: Parts(store=CompletesAnyVersion)
    ),
    "sweep_any_version": Plant(
        "the sweep does not compare the trace's version", "S1 S5", lambda: Parts(store=SweepsAnyVersion)
    ),
    "answer_not_saved": Plant("an answer is used without being saved", "S7", lambda: Parts(store=AnswersNotSaved)),
    "buy_without_looking": Plant(
        "saved answers are not looked up before buying", "S7", lambda: Parts(choke_point=BuysWithoutLooking)
    ),
    "silent_reconnect": Plant(
        "a replaced primary goes unnoticed", "S1 S5 L1 L2", lambda: Parts(store=ReconnectsSilently)
    ),
    "unread_partition": Plant(
        "a partition without progress does not hold the watermark back",
        "S8",
        lambda: Parts(store=IgnoresUnreadPartitions),
    ),
    "old_generation": Plant(
        "the configuration's generation is not compared", "config", lambda: Parts(store=OldGenerationClaims)
    ),
    "smallest_gap": Plant(
        "a claim closes by the smallest gap, not by its rule's", "early S8", lambda: Parts(judge=ClosesBySmallestGap)
    ),
    "stale_turns": Plant(
        "a trace that has grown is read as it was kept", "S5 L1", lambda: Parts(judge=ShorterTranscript)
    ),
    "error_patches": Plant("an error is PATCHed like a verdict", "S6", lambda: Parts(writing=ErrorsPatch)),
    "delete_by_name": Plant(
        "the writer deletes every row of the judge's name", "S10", lambda: Parts(writing=DeletesByName)
    ),
    "fallback_rests": Plant("a row on the next earliest trace is final", "S5 S4", lambda: Parts(writing=FallbackRests)),
    "feed_trusts_ledger": Plant(
        "what the ledger calls delivered is not published again",
        "feed",
        lambda: Parts(
            publishing=FeedTrustsLedger,
            harsh=MOVES_ON,
        ),
    ),
    "feed_unacknowledged": Plant(
        "a verdict that the feed did not take counts as delivered",
        "feed",
        lambda: Parts(publishing=FeedAfterFailureOnly),
    ),
    "failure_untold": Plant(
        "a failure that the feed did not take is never told",
        "feed",
        lambda: Parts(publishing=FailuresCountAsTold, harsh={"p_fail": 0.15, "p_crash": 0.0, "p_pause": 0.0}),
    ),
    "removed_judge_owes": Plant(
        "what a judge that was taken away owed stays owed, and its sessions are due for ever",
        "L1 L2",
        lambda: Parts(judge=RemovedJudgeOwes, harsh={"p_judge": 0.3}),
    ),
    "end_before_settle": Plant(
        "an explicit end closes at once",
        "early S8",
        lambda: Parts(judge=EndsAtOnce, limits=replace(LIMITS, settle_ms=0)),
    ),
    "interim_is_final": Plant(
        "a session that was judged for the time being is at rest", "interim", lambda: Parts(store=InterimIsFinal)
    ),
    "interim_stands": Plant(
        "an interim verdict is not told and written again as the last word",
        "interim",
        lambda: Parts(scoring=InterimStands),
    ),
    "filtered_stays_interim": Plant(
        "what a judge said for the time being stays so when a rule leaves it out",
        "interim",
        lambda: Parts(scoring=FilteredStaysInterim, harsh={"p_plan_missing": 0.5}),
    ),
    "turns_forever": Plant(
        "turns are counted from the beginning, not from the last closing",
        "early",
        lambda: Parts(judge=CountsTurnsForever),
    ),
    "fewest_turns": Plant(
        "a claim closes by the smallest number of turns of any rule", "early", lambda: Parts(judge=ClosesByFewestTurns)
    ),
    "opened_forever": Plant(
        "the maximum age is counted from the very first fact", "early", lambda: Parts(store=CountsAgeForever)
    ),
    "sample_by_attempt": Plant("each claim draws the sample anew", "sampling", lambda: Parts(scoring=SamplesByAttempt)),
    "sample_by_judge": Plant("each judge has a sample of its own", "sampling", lambda: Parts(scoring=SamplesByJudge)),
    "inclusion_forgotten": Plant(
        "what was judged falls out of the sample under another rule",
        "sampling",
        lambda: Parts(scoring=ForgetsInclusion, harsh={"p_plan_missing": 0.5}),
    ),
    "always_renews": Plant("a re-score policy is not kept", "policy", lambda: Parts(scoring=AlwaysRenews)),
    "asks_every_judge": Plant("a rule's judges are not kept", "filter", lambda: Parts(scoring=AsksEveryJudge)),
    "erasure_forgets_rows": Plant(
        "an erasure drops what Redis knew of rows", "erased S4", lambda: Parts(eraser=ErasureForgetsRows)
    ),
    "erasure_keeps_answers": Plant(
        "what was bought before an erasure is kept", "erased", lambda: Parts(eraser=ErasureKeepsAnswers)
    ),
    "intents_for_ever": Plant(
        "intents are never dropped by age", "L2", lambda: Parts(limits=replace(LIMITS, zombie_ms_max=10**9))
    ),
}
"""`law` names every law that may find it first."""
