"""What MLflow and litellm must be told so that they neither fetch nor send anything at their first use."""

QUIET = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "MLFLOW_MODEL_CATALOG_URI": "",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
"""Environment, read when the libraries are imported. Without it each new process waits up to 7 s where there is no
network (measured on MLflow 3.17.2)."""
