"""MLflow's Sessions pages, with the guide's rows and ours, as pictures: `make screens` runs this, with Chromium.

Rule: what can be read off the page is asserted; the pictures are for somebody to look at.
"""

from pathlib import Path

import pytest

from tests.mlflow_guide.chromium import browser, program
from tests.mlflow_guide.stage import Stage

pytestmark = pytest.mark.real
THEIRS = ("conversation_completeness", "user_frustration", "outcome_met", "politeness")
EXPAND = '[data-component-id="shared.model-trace-explorer.toggle-assessment-expanded"]'
PICTURES = Path(__file__).parent.parent.parent / ".cache" / "screens"


@pytest.fixture(scope="session")
def chromium() -> str:
    """Looked for before anything is started."""
    return program()


async def test_the_sessions_pages_show_both_and_ours_once(chromium: str, stage: Stage, tmp_path: Path) -> None:
    await stage.bench.judge(write=True)
    PICTURES.mkdir(parents=True, exist_ok=True)
    page = f"{str(stage.bench.mlflow.base_url).rstrip('/')}/#/experiments/{stage.bench.experiment}"
    async with browser(tmp_path / "chromium", 1600, 1000) as shown:
        await shown.open(f"{page}/traces?groupBy=session", "late-parcel", "mended-invoice", "opening-hours")
        await shown.picture(PICTURES / "sessions.png")
        text = await shown.open(f"{page}/chat-sessions/late-parcel", "Where is my parcel?", *THEIRS)
        await shown.picture(PICTURES / "session.png")
        for name in THEIRS:
            assert text.count(name) == 1, text  # one card, in which MLflow counts every row of a value
        said = dict(zip(THEIRS, (text.split(name, 1)[1].split()[:2] for name in THEIRS), strict=True))
        # Three of the first two names: one of ours, two of the guide's (all sessions, one session).
        assert said["conversation_completeness"] == ["No", "3"], text
        assert said["user_frustration"] == ["Unresolved", "3"], text
        assert said["outcome_met"] == ["No", "2"], text
        await shown.click(EXPAND)
        await shown.picture(PICTURES / "session-opened.png")
        assert (await shown.wait("Session assessments")).count("openai:/gpt-4.1-mini") == 3
    print(f"pictures: {PICTURES}")
