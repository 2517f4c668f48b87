"""Trains the models of this folder on real data and writes them with their deployment files. See README.md."""

import json

import numpy as np
import xgboost as xgb

from dataset import HERE, flights, penguins

COMMON = {"tree_method": "hist", "seed": 7, "nthread": 1}
# Rows held back from training, to say how good a model is.
TEST_SHARE = 0.1


def split(rows: int) -> tuple[np.ndarray, np.ndarray]:
    held_back = np.random.default_rng(7).random(rows) < TEST_SHARE
    return ~held_back, held_back


def save(booster: xgb.Booster, deployment: dict, features: list[dict]) -> None:
    name = deployment["id"]
    booster.save_model(HERE / f"{name}.json")
    text = json.dumps({**deployment, "features": features}, indent=1)
    (HERE / f"{name}.deployment.json").write_text(text + "\n")


def train_flights() -> None:
    frame, encoding = flights()
    train, test = split(len(frame))
    params = {**COMMON, "max_depth": 6, "min_child_weight": 2000, "max_cat_threshold": 48, "eta": 0.25}

    delay = xgb.train(
        {**params, "objective": "reg:squarederror"}, encoding.dmatrix(frame[train], frame["delay"][train]), 50
    )
    predicted = delay.predict(encoding.dmatrix(frame[test]))
    actual = frame["delay"][test]
    rmse, plain = np.sqrt(np.mean((predicted - actual) ** 2)), actual.std()
    print(f"flights: RMSE {rmse:.3f} minutes on {test.sum()} flights held back; {plain:.3f} when always the mean")
    low, high = np.quantile(predicted, [0.001, 0.999])
    deployment = {"id": "flights", "model": "flights.json", "target": "delay", "kind": "regression"}
    boundaries = {"predictionBoundaries": {"low": round(float(low), 3), "high": round(float(high), 3)}}
    save(delay, {**deployment, **boundaries}, encoding.features)

    is_late = (frame["late"] == "late").to_numpy(dtype=np.float32)
    late = xgb.train({**params, "objective": "binary:logistic"}, encoding.dmatrix(frame[train], is_late[train]), 50)
    print(f"flights-late: AUC {auc(late.predict(encoding.dmatrix(frame[test])), is_late[test]):.4f}")
    deployment = {"id": "flights-late", "model": "flights-late.json", "target": "late", "kind": "binary"}
    classes = {"classes": ["late", "on_time"], "threshold": 0.3}
    save(late, {**deployment, **classes}, encoding.features)


def auc(score: np.ndarray, positive: np.ndarray) -> float:
    ranks = np.empty(len(score))
    ranks[np.argsort(score, kind="stable")] = np.arange(1, len(score) + 1)
    count = positive.sum()
    return float((ranks[positive == 1].sum() - count * (count + 1) / 2) / (count * (len(score) - count)))


def train_penguins() -> None:
    frame, encoding = penguins()
    train, test = split(len(frame))
    classes = sorted(frame["Species"].unique())
    label = frame["Species"].map(classes.index).to_numpy()
    params = {**COMMON, "objective": "multi:softprob", "num_class": len(classes), "max_depth": 3, "eta": 0.3}
    booster = xgb.train(params, encoding.dmatrix(frame[train], label[train]), 20)
    right = (booster.predict(encoding.dmatrix(frame[test])).argmax(axis=1) == label[test]).sum()
    print(f"penguins: {right} of {test.sum()} penguins held back are named rightly")
    deployment = {"id": "penguins", "model": "penguins.json", "target": "species", "kind": "multiclass"}
    save(booster, {**deployment, "classes": classes}, encoding.features)


if __name__ == "__main__":
    train_flights()
    train_penguins()
