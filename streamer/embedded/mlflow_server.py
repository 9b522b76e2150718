"""MLflow's own tracking server in one process: `mlflow server` is several, and each imports MLflow anew.

    python -m streamer.embedded.mlflow_server --port PORT --home FOLDER
    python -m streamer.embedded.mlflow_server --prepare    keeps an empty database, which is migrated for seconds

Rule: application and store are MLflow's. Left out are its job runner, which nothing here needs, and its other workers:
several would add 44 ms to every request on a kept connection (measured on 3.17.2).
"""

import argparse
import os
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

EMPTY = Path(sys.prefix) / "share" / f"mlflow-{version('mlflow')}-empty.db"
"""Belongs to the environment, and to the version that is installed in it."""
ARTIFACTS = "mlflow-artifacts:/"


def prepare() -> None:
    """Makes EMPTY. Everything that the demo imports has been compiled once, too."""
    import mlflow.genai.judges
    import mlflow.server.fastapi_app  # noqa: F401
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    EMPTY.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=EMPTY.parent) as folder:
        made = Path(folder) / "mlflow.db"
        SqlAlchemyStore(f"sqlite:///{made}", ARTIFACTS)
        made.replace(EMPTY)


def serve(port: int, home: Path) -> None:
    """Runs until SIGTERM."""
    from mlflow.server import constants

    os.environ |= {
        constants.BACKEND_STORE_URI_ENV_VAR: f"sqlite:///{home / 'mlflow.db'}",
        constants.ARTIFACT_ROOT_ENV_VAR: ARTIFACTS,
        constants.ARTIFACTS_DESTINATION_ENV_VAR: str(home / "artifacts"),
        constants.SERVE_ARTIFACTS_ENV_VAR: "true",
        "_MLFLOW_SGI_NAME": "uvicorn",
    }
    if EMPTY.exists() and not (home / "mlflow.db").exists():
        shutil.copyfile(EMPTY, home / "mlflow.db")
    import uvicorn

    uvicorn.run("mlflow.server.fastapi_app:app", host="127.0.0.1", port=port, log_level="warning")


def main() -> None:
    parser = argparse.ArgumentParser(description="MLflow's tracking server on SQLite, in one process")
    parser.add_argument("--port", type=int)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--prepare", action="store_true")
    args = parser.parse_args()
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    # MLflow adds its security middleware only where it sees that it is being served.
    import uvicorn  # noqa: F401

    if args.prepare:
        prepare()
    else:
        serve(args.port, args.home)


if __name__ == "__main__":
    main()
