"""The real data behind the committed models: how its columns become numbers, for training and for the golden files."""

from pathlib import Path

import numpy as np
import pandas as pd
import xgboost as xgb

HERE = Path(__file__).resolve().parent
DATA = HERE.parent / "node_modules" / "vega-datasets" / "data"

# A flight is late when it arrives more than this many minutes behind its plan.
LATE_MINUTES = 15


class Encoding:
    """The features of a model in order, and the category lists that give a category its code."""

    def __init__(self, features: list[dict]):
        self.features = features

    def matrix(self, frame: pd.DataFrame) -> np.ndarray:
        """Rows by features, float32; missing values and unknown categories are NaN."""
        return np.column_stack([self._column(frame, feature) for feature in self.features])

    def dmatrix(self, frame: pd.DataFrame, label=None) -> xgb.DMatrix:
        types = ["c" if feature["type"] == "category" else "q" for feature in self.features]
        names = [feature["name"] for feature in self.features]
        return xgb.DMatrix(
            self.matrix(frame), label=label, feature_names=names, feature_types=types, enable_categorical=True
        )

    @staticmethod
    def _column(frame: pd.DataFrame, feature: dict) -> np.ndarray:
        values = frame[feature["column"]]
        kind = feature["type"]
        if kind == "number":
            return values.to_numpy(dtype=np.float32, na_value=np.nan)
        if kind == "category":
            codes = values.map({name: code for code, name in enumerate(feature["categories"])})
            return codes.to_numpy(dtype=np.float32, na_value=np.nan)
        # "hour", "month" or "weekday" (Monday is 0).
        return getattr(values.dt, kind).to_numpy(dtype=np.float32)


def number(column: str) -> dict:
    return {"name": column, "column": column, "type": "number"}


def derived(column: str, part: str) -> dict:
    return {"name": part, "column": column, "type": part}


def category(column: str, values: pd.Series) -> dict:
    return {"name": column, "column": column, "type": "category", "categories": sorted(values.dropna().unique())}


def flights() -> tuple[pd.DataFrame, Encoding]:
    frame = pd.read_parquet(DATA / "flights-3m.parquet")
    frame["late"] = np.where(frame["delay"] > LATE_MINUTES, "late", "on_time")
    date = [derived("date", part) for part in ("hour", "weekday", "month")]
    places = [category(column, frame[column]) for column in ("origin", "destination")]
    return frame, Encoding([number("distance"), *date, *places])


def penguins() -> tuple[pd.DataFrame, Encoding]:
    frame = pd.read_json(DATA / "penguins.json")
    # One penguin's sex is given as a dot, which stands for unknown.
    frame["Sex"] = frame["Sex"].replace(".", None)
    numbers = ["Beak Length (mm)", "Beak Depth (mm)", "Flipper Length (mm)", "Body Mass (g)"]
    categories = [category(column, frame[column]) for column in ("Island", "Sex")]
    return frame, Encoding([*(number(column) for column in numbers), *categories])
