"""Makes the models that the real prediction servers of the tests serve, from rows that are made here too.

Run: python models.py FOLDER drum|mlserver|mlflow

The rows have three columns of numbers. y is 2a + 3b - c + 1 exactly, so that a linear regression predicts it exactly; `risk`
has the classes no and yes, `colour` has blue, green and red.
"""

import json
import pickle
import sys
from pathlib import Path

import numpy
import pandas
from sklearn.linear_model import LinearRegression, LogisticRegression

folder = Path(sys.argv[1])
server = sys.argv[2]

random = numpy.random.default_rng(7)
rows = pandas.DataFrame(random.uniform(-2, 2, (400, 3)), columns=["a", "b", "c"])
y = 2 * rows.a + 3 * rows.b - rows.c + 1
risk = numpy.where(rows.a + rows.b > 0.5, "yes", "no")
colour = numpy.array(["blue", "green", "red"])[numpy.digitize(rows.c, [-0.7, 0.7])]
models = {
    "regression": LinearRegression().fit(rows, y),
    "binary": LogisticRegression().fit(rows, risk),
    "multiclass": LogisticRegression().fit(rows, colour),
}

DRUM_HOOKS = '''
def score(data, model, **kwargs):
    import pandas

    rows = data[["a", "b", "c"]]
    if hasattr(model, "predict_proba"):
        return pandas.DataFrame(model.predict_proba(rows), columns=model.classes_)
    return pandas.DataFrame(model.predict(rows), columns=["Predictions"])
'''

# Named, as finding them out loads every model in a process of its own, which takes a minute.
REQUIREMENTS = ["scikit-learn", "pandas"]

for name, model in models.items():
    target = folder / name
    if server == "drum":
        target.mkdir(parents=True)
        (target / "model.pkl").write_bytes(pickle.dumps(model))
        (target / "custom.py").write_text(DRUM_HOOKS)
    elif server == "mlserver":
        import joblib

        target.mkdir(parents=True)
        joblib.dump(model.__class__().fit(rows.to_numpy(), {"regression": y, "binary": risk, "multiclass": colour}[name]),
                    target / "model.joblib")
        settings = {
            "name": name,
            "implementation": "mlserver_sklearn.SKLearnModel",
            "parameters": {"uri": "./model.joblib", "version": "v7"},
        }
        if name == "regression":
            settings["inputs"] = [{"name": "x", "datatype": "FP64", "shape": [-1, 3]}]
            settings["outputs"] = [{"name": "predict", "datatype": "FP64", "shape": [-1, 1]}]
        (target / "model-settings.json").write_text(json.dumps(settings))
    else:
        import mlflow

        class Probabilities(mlflow.pyfunc.PythonModel):
            """What scikit-learn's own flavour does not serve: the probabilities of the classes, by their names."""

            def __init__(self, inner):
                self.inner = inner

            def predict(self, context, model_input, params=None):
                return pandas.DataFrame(self.inner.predict_proba(model_input), columns=self.inner.classes_)

        plainly = {"serialization_format": "cloudpickle", "pip_requirements": REQUIREMENTS}
        if name == "regression":
            signature = mlflow.models.infer_signature(rows, y.to_numpy())
            mlflow.sklearn.save_model(model, target, signature=signature, **plainly)
        elif name == "binary":
            signature = mlflow.models.infer_signature(rows)
            mlflow.pyfunc.save_model(
                target, python_model=Probabilities(model), signature=signature, pip_requirements=REQUIREMENTS
            )
        else:
            mlflow.sklearn.save_model(model, target, pyfunc_predict_fn="predict_proba", **plainly)
