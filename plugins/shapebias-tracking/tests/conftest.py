"""One study and one training, logged to all three trackers at once; nothing leaves the machine."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

import shapebias as sb


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """Point every tracker to a folder."""
    for name in ("mlflow", "wandb", "tensorboard"):
        pytest.importorskip(name, reason=f"{name} is not installed; pip install 'shapebias-tracking[{name}]'")
    folder = tmp_path_factory.mktemp("trackers")
    (folder / "wandb").mkdir()
    variables = {
        "SHAPEBIAS_TRACKERS": "mlflow, wandb, tensorboard",
        "SHAPEBIAS_TENSORBOARD_DIR": str(folder / "tensorboard"),
        "MLFLOW_TRACKING_URI": (folder / "mlflow").as_uri(),
        "MLFLOW_ALLOW_FILE_STORE": "true",
        "WANDB_MODE": "offline",
        "WANDB_DIR": str(folder / "wandb"),
        "WANDB_SILENT": "true",
        "WANDB_CONSOLE": "off",
        "WANDB_DISABLE_GIT": "true",
        "WANDB_DISABLE_CODE": "true",
        "WANDB_X_DISABLE_STATS": "true",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield folder


@pytest.fixture(scope="module")
def logged(settings):
    """Run a study and a training."""
    study = sb.Study(
        "stimuli:cue=conflict,images=56,size=32",
        "small=cnn:num_classes=8,width=4",
        ["clean", "saturate:p=8", "fgsm:eps=1/255,2/255"],
    )
    results = sb.run(study, settings / "my-run.h5")
    recipe = sb.Recipe("cnn:num_classes=8,width=4", "stimuli:images=56,size=32", "fgsm:eps=1/255", epochs=2)
    trained = sb.train(recipe, settings / "small.safetensors")
    return SimpleNamespace(study=study, results=results, recipe=recipe, trained=trained, folder=settings)


@pytest.fixture(scope="module")
def numbers(logged):
    """What must be found: accuracy and shape bias, computed from the stored answers by plain loops."""
    found = {}
    for answers in logged.results.answers():
        condition = answers.condition if answers.eps is None else f"{answers.condition} at eps {answers.eps:g}"
        name = f"small/{condition.replace('/', '_')}"
        right = sum(int(a) == int(b) for a, b in zip(answers.prediction, answers.labels, strict=True))
        found[f"accuracy/{name}"] = right / len(answers.labels)
    return found
