"""A scripted model that the library's calls go to."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamer.embedded.scripted_model import ScriptedModel, serve


@pytest.fixture
def model_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Its log: a line per call. Beside it stands in `faults` where faults are ordered."""
    log = tmp_path / "calls.jsonl"
    server = serve(ScriptedModel(log, latency_ms=0), 0)
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("OPENAI_API_BASE", f"{address}/v1")
    (tmp_path / "faults").write_text(f"{address}/faults")
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.chdir(tmp_path)
    yield log
    server.shutdown()
    serving.join()
    server.server_close()
