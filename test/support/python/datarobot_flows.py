"""Flows of the real `datarobot` client, as its users write them, against a server of Sluice.

datarobot_flows.py FLOW BASE SETTINGS    (settings as JSON); prints what happened, as one line of JSON.
"""

import io
import json
import sys
import threading
import time

import datarobot as dr
import pandas as pd
from datarobot.models.batch_prediction_job import BatchPredictionJob

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

    def write(self, data):
        if self.first is None and data:
            self.first = time.monotonic()
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
    link = job_reply.json()["links"]["csvUpload"]

    def chunks():
        while True:
            data = source.read()
            if not data:
                return
            yield data

    replies = []
    upload = threading.Thread(
        target=lambda: replies.append(
            CLIENT.request("PUT", link, headers={"content-type": "text/csv"}, data=chunks()).status_code
        )
    )
    upload.start()
    output = Watched()
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


def main():
    flow, base, settings = sys.argv[1:]
    global CLIENT
    CLIENT = dr.Client(token="a-token-of-somebody", endpoint=base)
    print(json.dumps(globals()[flow](json.loads(settings))))


main()
