"""Definitions, deployments, monitoring and datasets by DataRobot's own client, unchanged.

Arguments: the endpoint and a token. The server has a deployment `d` with a baseline, an association ID `id` and `accuracy`, a data store `rows` with
a table `flights (id, c)` of two rows, and a dataset `flights`. Prints `ok` when all is as it should be.
"""
import sys

import datarobot as dr

endpoint, token = sys.argv[1], sys.argv[2]
dr.Client(endpoint=endpoint, token=token)

deployments = dr.Deployment.list()
assert [one.id for one in deployments] == ["d"], deployments
deployment = dr.Deployment.get("d")
assert deployment.label == "d" and deployment.model["target_name"] == "y", deployment.model
assert len(dr.PredictionServer.list()) == 1

spec = {
    "num_concurrent": 2,
    "deployment_id": "d",
    "intake_settings": {"type": "jdbc", "data_store_id": "rows", "table": "flights"},
    "output_settings": {"type": "localFile"},
}
definition = dr.BatchPredictionJobDefinition.create(enabled=False, batch_prediction_job=spec, name="by the client")
assert definition.name == "by the client" and not definition.enabled, definition
assert [one.name for one in dr.BatchPredictionJobDefinition.list()] == ["by the client"]
assert dr.BatchPredictionJobDefinition.get(definition.id).id == definition.id

job = definition.run_once()
result = job.get_result_when_complete(max_wait=60)
assert result == b"y_PREDICTION,id\n2,1\n4,2\n", result

schedule = {"minute": [0], "hour": [0], "month": ["*"], "day_of_month": ["*"], "day_of_week": ["mon"]}
scheduled = definition.run_on_schedule(schedule)
assert scheduled.enabled and scheduled.schedule["day_of_week"] == ["mon"], scheduled.schedule
renamed = scheduled.update(enabled=False, name="renamed")
assert renamed.name == "renamed" and not renamed.enabled
try:
    dr.BatchPredictionJobDefinition.create(enabled=False, batch_prediction_job=spec, name="renamed")
    raise AssertionError("the same name twice was taken")
except dr.errors.ClientError as error:
    assert "renamed" in str(error), error
other = dr.BatchPredictionJobDefinition.create(True, spec, "with a schedule", schedule)
assert other.enabled
other.delete()
renamed.delete()
assert dr.BatchPredictionJobDefinition.list() == []

deployment.submit_actuals([{"association_id": "1", "actual_value": 3}, {"association_id": "2", "actual_value": 4}])
assert abs(deployment.get_accuracy().metric_values["MAE"] - 0.5) < 1e-9
over_time = deployment.get_accuracy_over_time(metric=dr.enums.ACCURACY_METRIC.MAE)
assert abs(over_time.summary["value"] - 0.5) < 1e-9 and over_time.summary["sample_size"] == 2
assert len(deployment.get_prediction_results(actuals_present=True)) == 2
features = deployment.get_feature_drift()
assert [(one.name, one.sample_size) for one in features] == [("c", 2)], features
assert deployment.get_feature_drift(metric="hellinger")[0].metric == "hellinger"
assert deployment.get_target_drift().sample_size == 2
stats = deployment.get_service_stats(response_time_quantile=0.9, slow_requests_threshold=1000)
assert stats["totalPredictions"] == 2 and stats["totalRequests"] >= 1, stats.metrics
stats_over_time = deployment.get_service_stats_over_time(metric="totalRequests", bucket_size="P1D")
assert stats_over_time.summary["value"] == stats["totalRequests"]
assert deployment.get_association_id_settings()["column_names"] == ["id"]
deployment.update_drift_tracking_settings(feature_drift_enabled=False)
assert deployment.get_drift_tracking_settings()["feature_drift"]["enabled"] is False
deployment.update_drift_tracking_settings(feature_drift_enabled=True)
assert deployment.get_prediction_intervals_settings()["percentiles"] == []

(dataset,) = dr.Dataset.list()
assert dataset.name == "flights" and dataset.processing_state == "COMPLETED"
dataset = dr.Dataset.get(dataset.id)
path = sys.argv[3]
dataset.get_file(file_path=path)
with open(path, "rb") as file:
    assert file.read() == b"id,c\n1,a\n2,b\n"
print("ok")
