"""Flows of the real `datarobot` client, as its users write them, against a server of Sluice.

Reads flows from its standard input, a line `[FLOW, BASE, SETTINGS]` of JSON each, and prints what happened, as one line of JSON.
"""

import io
import json
import os
import sys
import threading
import time
import traceback

# What the client says itself is no answer; where it says it is settled as it is imported.
ANSWERS, sys.stdout = sys.stdout, sys.stderr

import datarobot as dr
import pandas as pd
from datarobot.models.batch_prediction_job import BatchPredictionJob, BatchPredictionJobDefinition

COLUMN = "flight_id"
CLIENT = None


def intake(settings):
    return {"type": "localFile", "file": settings["file"]}


def told(job):
    status = job.get_status()
    return {"id": job.id, "status": status["status"], "details": status["status_details"], "spec": status["job_spec"]}


def ids(jobs):
    # Mappings in some versions of the client, jobs in others.
    return [job["id"] if isinstance(job, dict) else job.id for job in jobs]


def score(settings):
    """A file, waited for, and its result."""
    job = BatchPredictionJob.score(
        settings["deployment"], intake_settings=intake(settings), passthrough_columns=[COLUMN], num_concurrent=2
    )
    job.wait_for_completion()
    return {**told(job), "result": job.get_result_when_complete().decode()}


def score_data_frame(settings):
    job = BatchPredictionJob.score(
        settings["deployment"],
        intake_settings={"type": "localFile", "file": pd.read_csv(settings["file"])},
        passthrough_columns_set="all",
        include_prediction_status=True,
        column_names_remapping={"delay_PREDICTION": "late_by"},
    )
    job.wait_for_completion()
    return {**told(job), "result": job.get_result_when_complete().decode()}


def score_to_file(settings):
    job = BatchPredictionJob.score_to_file(
        settings["deployment"],
        settings["file"],
        settings["output"],
        passthrough_columns=[COLUMN],
        csv_settings={"delimiter": ",", "encoding": "utf-8"},
    )
    return told(job)


def score_pandas(settings):
    frame = pd.read_csv(settings["file"])
    frame.index = range(7, 7 + len(frame))
    job, scored = BatchPredictionJob.score_pandas(settings["deployment"], frame)
    same = all(scored[name].equals(frame[name]) for name in frame.columns)
    return {
        **told(job),
        "columns": list(scored.columns),
        "indexes": [int(index) for index in scored.index],
        "predictions": [float(value) for value in scored["delay_PREDICTION"]],
        "untouched": bool(same),
    }


class Slow(io.RawIOBase):
    """A file that comes slowly, and says when its last byte was read."""

    def __init__(self, path, chunk, pause):
        self.file = open(path, "rb")
        self.chunk = chunk
        self.pause = pause
        self.ended = None

    def readable(self):
        return True

    def read(self, size=-1):
        time.sleep(self.pause)
        data = self.file.read(self.chunk)
        if not data and self.ended is None:
            self.ended = time.monotonic()
        return data


class Watched(io.BytesIO):
    first = None

    def __init__(self):
        super().__init__()
        self.came = threading.Event()

    def write(self, data):
        if self.first is None and data:
            self.first = time.monotonic()
            self.came.set()
        return super().write(data)


def download_while_uploading(settings):
    """The upload goes on in its thread while the result is downloaded."""
    job_reply = CLIENT.post(
        "batchPredictions/",
        data={
            "deploymentId": settings["deployment"],
            "intakeSettings": {"type": "localFile"},
            "outputSettings": {"type": "localFile"},
            "passthroughColumns": [COLUMN],
            "lingerMs": 0,
        },
    )
    job = BatchPredictionJob.get(job_reply.json()["id"])
    source = Slow(settings["file"], 2000, 0.3)
    size = os.path.getsize(settings["file"])
    link = job_reply.json()["links"]["csvUpload"]

    output = Watched()

    def chunks():
        sent = 0
        while True:
            data = source.read()
            if not data:
                return
            yield data
            sent += len(data)
            # On a busy machine rows take their time to come back; the upload does not end before they do.
            if sent == size:
                output.came.wait(30)

    replies = []
    upload = threading.Thread(
        target=lambda: replies.append(
            CLIENT.request("PUT", link, headers={"content-type": "text/csv"}, data=chunks()).status_code
        )
    )
    upload.start()
    job.download(output)
    upload.join()
    return {
        **told(job),
        "upload": replies,
        "result": output.getvalue().decode(),
        "first_before_end": output.first < source.ended,
    }


def lists_and_ends(settings):
    """list_by_status, delete, and what an ended job says."""
    waiting = CLIENT.post(
        "batchPredictions/",
        data={
            "deploymentId": settings["deployment"],
            "intakeSettings": {"type": "localFile"},
            "outputSettings": {"type": "localFile"},
        },
    )
    job = BatchPredictionJob.get(waiting.json()["id"])
    before = ids(BatchPredictionJob.list_by_status(["INITIALIZING"]))
    everything = len(BatchPredictionJob.list_by_status())
    job.delete()
    after = ids(BatchPredictionJob.list_by_status(["INITIALIZING"]))
    aborted = ids(BatchPredictionJob.list_by_status(["ABORTED", "COMPLETED"]))
    try:
        job.delete()
        second = "nothing"
    except dr.errors.ClientError as error:
        second = error.status_code
    try:
        job.wait_for_completion(max_wait=10)
        ended = "no error"
    except Exception as error:  # whatever the client makes of it
        ended = type(error).__name__ + ": " + str(error)
    return {
        **told(job),
        "before": job.id in before,
        "after": job.id in after,
        "aborted": job.id in aborted,
        "everything": everything,
        "second": second,
        "ended": ended,
    }


def errors(settings):
    """What the client makes of what is wrong; none of it may hang."""
    found = {}

    def told_by(name, work):
        began = time.monotonic()
        try:
            work()
            found[name] = "no error"
        except Exception as error:  # whatever the client makes of it
            found[name] = type(error).__name__ + ": " + str(error)
        found[name + "_seconds"] = time.monotonic() - began

    deployment = settings["deployment"]
    told_by("deployment", lambda: BatchPredictionJob.score("nothing", intake_settings=intake(settings)))
    told_by(
        "setting",
        lambda: BatchPredictionJob.score(deployment, intake_settings=intake(settings), max_explanations=1000),
    )
    told_by("azure", lambda: BatchPredictionJob.score_azure(deployment, "https://a/b/c", "https://a/b/d"))
    told_by("job", lambda: BatchPredictionJob.get("0" * 24))

    def broken():
        with open(settings["output"], "w") as text:
            text.write('a,b\n1,"2\n')
        BatchPredictionJob.score_to_file(deployment, settings["output"], settings["output"] + ".scored")

    told_by("broken_file", broken)
    lost = BatchPredictionJob.get(ids(BatchPredictionJob.list_by_status(["ABORTED"]))[0])
    told_by("wait", lambda: lost.wait_for_completion(max_wait=20))
    told_by("result", lambda: lost.get_result_when_complete(max_wait=20))
    found["reason"] = lost.get_status()["status_details"]
    return found


def score_again(settings):
    first = BatchPredictionJob.score(
        settings["deployment"], intake_settings=intake(settings), passthrough_columns=[COLUMN]
    )
    first.wait_for_completion()
    again = BatchPredictionJob.score_from_existing(first.id)
    with open(settings["file"], "rb") as rows:
        link = again.get_status()["links"]["csv_upload"]
        CLIENT.request("PUT", link, headers={"content-type": "text/csv"}, data=rows)
    again.wait_for_completion()
    return {
        **told(again),
        "first": first.id,
        "same": first.get_result_when_complete() == again.get_result_when_complete(),
    }


def score_s3(settings):
    # Credentials go by their ID alone; there is no field for the address of a server, so that of Sluice's own environment is taken.
    job = BatchPredictionJob.score_s3(
        settings["deployment"], settings["source"], settings["destination"], credential="keys", passthrough_columns=[COLUMN]
    )
    job.wait_for_completion()
    return told(job)


def secrets(settings):
    """Credentials and data stores: made, found, used by a job, and forgotten."""
    basic = dr.Credential.create_basic(name="warehouse", user=settings["user"], password=settings["password"])
    s3 = dr.Credential.create_s3(
        name="bucket", aws_access_key_id="AKIA", aws_secret_access_key=settings["password"], description="of a test"
    )
    made = dr.DataStore.create("jdbc", "mine", "any", "jdbc:postgresql://db.example.com/sales")
    names = {one.credential_id: one.name for one in dr.Credential.list()}
    stores = {one.id: one.canonical_name for one in dr.DataStore.list()}
    store = dr.DataStore.get("warehouse")
    job = BatchPredictionJob.score(
        settings["deployment"],
        intake_settings={"type": "jdbc", "data_store_id": store.id, "credential_id": basic.credential_id, "table": "rows"},
        output_settings={
            "type": "jdbc",
            "data_store_id": store.id,
            "credential_id": basic.credential_id,
            "table": "scored",
            "statement_type": "create_table",
        },
    )
    job.wait_for_completion()
    found = dr.Credential.get(s3.credential_id)
    for one in (basic, s3):
        one.delete()
    left = [one.credential_id for one in dr.Credential.list()]
    return {
        **told(job),
        "names": [names[basic.credential_id], names[s3.credential_id]],
        "stores": [stores["warehouse"], stores[made.id]],
        "url": store.params.jdbc_url,
        "type": found.credential_type,
        "description": found.description,
        "gone": basic.credential_id not in left and s3.credential_id not in left,
    }


def definitions(settings):
    """Made, listed, run, scheduled, changed and removed."""
    spec = {
        "num_concurrent": 2,
        "deployment_id": settings["deployment"],
        "intake_settings": {"type": "jdbc", "data_store_id": settings["store"], "table": settings["table"]},
        "output_settings": {"type": "localFile"},
        "monitoring_batch_prefix": "by the client",
    }
    made = BatchPredictionJobDefinition.create(enabled=False, batch_prediction_job=spec, name="by the client")
    found = BatchPredictionJobDefinition.get(made.id)
    names = [one.name for one in BatchPredictionJobDefinition.list()]
    job = found.run_once()
    result = job.get_result_when_complete(max_wait=60).decode()
    batches = dr.client.get_client().get(f"deployments/{settings['deployment']}/monitoringBatches/").json()
    every_monday = {"minute": [0], "hour": [0], "month": ["*"], "day_of_month": ["*"], "day_of_week": ["mon"]}
    scheduled = found.run_on_schedule(every_monday)
    enabled, days = scheduled.enabled, scheduled.schedule["day_of_week"]
    changed = scheduled.update(enabled=False, name="renamed")
    try:
        BatchPredictionJobDefinition.create(enabled=False, batch_prediction_job=spec, name="renamed")
        twice = "no error"
    except dr.errors.ClientError as error:
        twice = str(error)
    other = BatchPredictionJobDefinition.create(True, spec, "with a schedule", every_monday)
    for one in (other, changed):
        one.delete()
    return {
        **told(job),
        "names": names,
        "batches": [one["batchName"].replace(job.id, "ID") for one in batches["data"]],
        "result": result,
        "enabled": enabled,
        "days": days,
        "changed": [changed.name, changed.enabled],
        "twice": twice,
        "other": other.enabled,
        "left": len(BatchPredictionJobDefinition.list()),
    }


def monitoring(settings):
    """What a deployment tells of itself, of the rows it scored, and of what came true."""
    deployment = dr.Deployment.get(settings["deployment"])
    deployment.submit_actuals(
        [{"association_id": "1", "actual_value": 3}, {"association_id": "2", "actual_value": 4, "was_acted_on": False}]
    )
    over_time = deployment.get_accuracy_over_time(metric=dr.enums.ACCURACY_METRIC.MAE)
    stats = deployment.get_service_stats(response_time_quantile=0.9, slow_requests_threshold=1000)
    deployment.update_drift_tracking_settings(feature_drift_enabled=False)
    untracked = deployment.get_drift_tracking_settings()["feature_drift"]["enabled"]
    deployment.update_drift_tracking_settings(feature_drift_enabled=True)
    return {
        "deployments": [one.id for one in dr.Deployment.list()],
        "servers": [one.url for one in dr.PredictionServer.list()],
        "target": deployment.model["target_name"],
        "accuracy": deployment.get_accuracy().metric_values["MAE"],
        "over_time": [over_time.summary["value"], over_time.summary["sample_size"]],
        "results": [one["association_id"] for one in deployment.get_prediction_results(actuals_present=True)],
        "features": [[one.name, one.sample_size] for one in deployment.get_feature_drift()],
        "metric": deployment.get_feature_drift(metric="hellinger")[0].metric,
        "target_rows": deployment.get_target_drift().sample_size,
        "predictions": stats["totalPredictions"],
        "requests": stats["totalRequests"],
        "requests_over_time": deployment.get_service_stats_over_time(metric="totalRequests").summary["value"],
        "ids": deployment.get_association_id_settings()["column_names"],
        "untracked": untracked,
        "needed": [[one["name"], one["feature_type"]] for one in deployment.get_features()],
    }


def datasets(settings):
    (found,) = dr.Dataset.list()
    dataset = dr.Dataset.get(found.id)
    dataset.get_file(file_path=settings["output"])
    return {"name": dataset.name, "state": dataset.processing_state, "rows": dataset.row_count}


def dataset_uploads(settings):
    """Made of a file and of data in memory, scored, given another version and another name, and removed."""
    made = dr.Dataset.create_from_file(file_path=settings["file"], categories=["PREDICTION"])
    frame = pd.DataFrame({"id": [3, 4], "c": ["a, b", 'say "x"']})
    in_memory = dr.Dataset.create_from_in_memory_data(data_frame=frame)
    records = dr.Dataset.create_from_in_memory_data(records=[{"id": 5, "c": "ä"}, {"id": 6, "c": "b"}])
    found = dr.Dataset.get(in_memory.id)
    again = dr.Dataset.create_version_from_in_memory_data(made.id, data_frame=frame)
    job = BatchPredictionJob.score(
        settings["deployment"],
        intake_settings={"type": "dataset", "dataset": found},
        passthrough_columns_set="all",
    )
    job.wait_for_completion()
    older = BatchPredictionJob.score(
        settings["deployment"],
        intake_settings={"type": "dataset", "dataset": made},
        passthrough_columns_set="all",
    )
    older.wait_for_completion()
    found.modify(name="by the client")
    names = [one.name for one in dr.Dataset.list()]
    for one in (made, found, records):
        dr.Dataset.delete(one.id)
    return {
        **told(job),
        "name": made.name,
        "rows": [made.row_count, in_memory.row_count, again.row_count],
        "same": [again.id == made.id, again.version_id == made.version_id],
        "result": job.get_result_when_complete().decode(),
        "older": older.get_result_when_complete().decode(),
        "names": names,
        "left": [one.name for one in dr.Dataset.list()],
    }


def main():
    global CLIENT
    for line in sys.stdin:
        flow, base, settings = json.loads(line)
        CLIENT = dr.Client(token="a-token-of-somebody", endpoint=base)
        try:
            answer = {"told": globals()[flow](settings)}
        except Exception:
            answer = {"raised": traceback.format_exc()}
        print(json.dumps(answer), file=ANSWERS, flush=True)


main()
