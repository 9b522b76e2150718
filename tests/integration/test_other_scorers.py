"""MLflow's own scorers, active on the same experiment, are found as MLflow's server tells of them."""

import json
import secrets

import pytest
from mlflow.entities import GatewayEndpointModelConfig, GatewayModelLinkageType
from mlflow.genai.scorers import RelevanceToQuery, UserFrustration
from mlflow.store.tracking.rest_store import RestStore
from mlflow.utils.rest_utils import MlflowHostCreds

from streamer.adapters.mlflow_assessments import MlflowAccess, MlflowAssessments, OnlineScorer

pytestmark = pytest.mark.real


async def test_scorers_that_mlflow_runs_itself_are_found(mlflow_url: str) -> None:
    unique = secrets.token_hex(4)
    server = RestStore(lambda: MlflowHostCreds(mlflow_url))
    experiment = server.create_experiment(f"scorers-{unique}")
    model = _gateway_model(server, unique)
    for scorer, rate in (
        (UserFrustration(name="frustrated", model=model), 0.5),
        (UserFrustration(name="stopped", model=model), 0.0),
        (RelevanceToQuery(name="of_one_trace", model=model), 1.0),
    ):
        server.register_scorer(experiment, scorer.name, json.dumps(scorer.model_dump()))
        server.upsert_online_scoring_config(experiment, scorer.name, rate)
    rows = MlflowAssessments(MlflowAccess(url=mlflow_url))

    found = sorted(await rows.online_scorers([experiment]), key=lambda one: one.name)
    assert found == [
        OnlineScorer(experiment_id=experiment, name="frustrated", sample_rate=0.5, reads_session=True),
        OnlineScorer(experiment_id=experiment, name="of_one_trace", sample_rate=1.0, reads_session=False),
    ]
    await rows.close()


def _gateway_model(server: RestStore, unique: str) -> str:
    """MLflow runs scorers only on models of its gateway; this one is never called."""
    secret = server.create_gateway_secret(f"key-{unique}", {"api_key": "none"}, provider="openai")
    model = server.create_gateway_model_definition(f"model-{unique}", secret.secret_id, "openai", "gpt-4o-mini")
    config = GatewayEndpointModelConfig(model.model_definition_id, GatewayModelLinkageType.PRIMARY, 1.0)
    server.create_gateway_endpoint(f"chat-{unique}", [config], usage_tracking=False)
    return f"gateway:/chat-{unique}"
