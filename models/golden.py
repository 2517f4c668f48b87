"""Writes test/golden: rows of real data with what xgboost itself predicts for them. See README.md."""

import gzip
import json

import numpy as np
import pandas as pd
import xgboost as xgb

from dataset import HERE, Encoding, flights, penguins

ROWS = 10_000
EXPLAINED = 500
GOLDEN = HERE.parent / "test" / "golden"


def exact(values: np.ndarray) -> list:
    """Float32 numbers as the shortest decimals that give the same float32 again."""
    return [exact(v) if v.ndim else float(np.format_float_positional(v, unique=True)) for v in values]


def write(model: str, frame: pd.DataFrame, encoding: Encoding) -> None:
    booster = xgb.Booster(model_file=HERE / f"{model}.json")
    rows = encoding.dmatrix(frame)
    golden = {
        "model": f"{model}.json",
        "csv": frame.to_csv(index=False, lineterminator="\n"),
        "predictions": exact(booster.predict(rows)),
        "contributions": exact(booster.predict(encoding.dmatrix(frame[:EXPLAINED]), pred_contribs=True)),
    }
    text = json.dumps(golden, separators=(",", ":")).encode()
    # Without a time stamp the same content gives the same file.
    (GOLDEN / f"{model}.json.gz").write_bytes(gzip.compress(text, 9, mtime=0))


def golden_flights() -> None:
    frame, encoding = flights()
    sample = frame.iloc[np.sort(np.random.default_rng(11).choice(len(frame), ROWS, replace=False))]
    # In random order, so that the explained rows come from every month.
    sample = sample.sample(frac=1, random_state=11)[["date", "distance", "origin", "destination"]]
    for model in ("flights", "flights-late"):
        write(model, sample, encoding)


def golden_penguins() -> None:
    """There are only 344 penguins: theirs come first, then rows whose values are drawn, column by column, from theirs."""
    frame, encoding = penguins()
    measured = frame.drop(columns="Species")
    draw = np.random.default_rng(11)
    drawn = pd.DataFrame({column: draw.choice(measured[column], ROWS - len(measured)) for column in measured})
    # Drawing keeps the share of missing values, which is small: take more away, so that every default branch is tried.
    drawn = drawn.mask(draw.random(drawn.shape) < 0.1)
    write("penguins", pd.concat([measured, drawn], ignore_index=True), encoding)


if __name__ == "__main__":
    GOLDEN.mkdir(parents=True, exist_ok=True)
    golden_flights()
    golden_penguins()
