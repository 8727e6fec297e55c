"""What was logged is read back by each tracker's own library."""

from __future__ import annotations

import json
import struct

import pytest

import shapebias as sb

CELLS = 3


def mlflow_run(name):
    from mlflow import MlflowClient

    client = MlflowClient()
    experiment = client.get_experiment_by_name("shapebias")
    (run,) = client.search_runs([experiment.experiment_id], f"attributes.run_name = '{name}'")
    return client, run


def test_mlflow_has_parameters_numbers_tables_figures_and_the_page(logged, numbers):
    client, run = mlflow_run("my-run")
    assert run.info.status == "FINISHED"
    assert run.data.params["models"] == "small"
    assert run.data.params["seed"] == "0"
    assert run.data.params["conditions"] == "; ".join(each.title for each in logged.study.conditions)
    metrics = run.data.metrics
    legal = {name.replace("=", "_").replace(",", "_"): value for name, value in numbers.items()}
    assert {name: metrics[name] for name in legal} == pytest.approx(legal)
    assert any(name.startswith("shape-bias/") for name in metrics)
    assert (metrics["cells/finished"], metrics["cells/failed"], metrics["cells/images"]) == (CELLS, 0, 56)
    files = {each.path for each in client.list_artifacts(run.info.run_id)}
    assert {"report.html", "study.toml", "figures", "tables"} <= files
    assert "figures/accuracy.png" in {each.path for each in client.list_artifacts(run.info.run_id, "figures")}
    table = json.loads(open(client.download_artifacts(run.info.run_id, "tables/accuracy.json")).read())  # noqa: PTH123, SIM115
    expected = logged.results.metric("accuracy")
    assert table["columns"] == [*expected.columns]
    assert [row[table["columns"].index("value")] for row in table["data"]] == pytest.approx([*expected["value"]])
    text = open(client.download_artifacts(run.info.run_id, "study.toml")).read()  # noqa: PTH123, SIM115
    assert sb.Study.from_toml(text) == logged.study


def test_mlflow_has_the_epochs_of_a_training(logged):
    client, run = mlflow_run(logged.recipe.model.title)
    assert run.info.status == "FINISHED"
    assert (run.data.params["epochs"], run.data.params["attack"]) == ("2", logged.recipe.attack.title)
    for name, field in {
        "train/loss": "loss",
        "validation/accuracy": "clean",
        "validation/robust_accuracy": "robust",
    }.items():
        history = sorted((each.step, each.value) for each in client.get_metric_history(run.info.run_id, name))
        expected = [getattr(epoch, field) for epoch in logged.trained.history]
        assert [step for step, _ in history] == [1, 2]
        assert [value for _, value in history] == pytest.approx(expected)


def test_names_of_mlflow_stay_different():
    from shapebias_tracking.mlflow_tracker import legal_names

    names = legal_names({"a=1": 0, "a,1": 0, "b": 0, "c" * 300: 0, "c" * 299: 0})
    assert names["b"] == "b"
    assert len(set(names.values())) == 5
    assert all(len(name) <= 250 and "=" not in name for name in names.values())


def events(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(str(folder), size_guidance={"images": 0, "scalars": 0, "tensors": 0})
    reader.Reload()
    return reader


def test_tensorboard_has_scalars_images_text_and_the_page(logged, numbers):
    folder = logged.folder / "tensorboard" / "my-run"
    reader = events(folder)
    found = {name: reader.Scalars(name)[-1].value for name in numbers}
    assert found == pytest.approx(numbers, rel=1e-6)
    assert [event.value for event in reader.Scalars("cells/finished")] == [1, 2, 3]
    assert "figures/accuracy" in reader.Tags()["images"]
    assert reader.Images("figures/accuracy")[0].width > 100
    text = reader.Tensors("tables/accuracy/text_summary")[0].tensor_proto.string_val[0].decode()
    assert text.startswith("| dataset | model | condition |")
    assert b"small" in reader.Tensors("parameters/text_summary")[0].tensor_proto.string_val[0]
    assert (folder / "report.html").read_text(encoding="utf-8").startswith("<!")
    assert sb.Study.from_toml((folder / "study.toml").read_text(encoding="utf-8")) == logged.study


def test_tensorboard_has_the_epochs_of_a_training(logged):
    (folder,) = (logged.folder / "tensorboard").glob("cnn*")
    reader = events(folder)
    assert [each.step for each in reader.Scalars("train/loss")] == [1, 2]
    expected = [epoch.robust for epoch in logged.trained.history]
    assert [each.value for each in reader.Scalars("validation/robust_accuracy")] == pytest.approx(expected, rel=1e-6)


def wandb_log(path):
    """Yield the records of an offline run: LevelDB's log format behind a header of 7 bytes."""
    content, position, whole = path.read_bytes(), 7, b""
    while position < len(content):
        if 32768 - position % 32768 < 7:  # no header fits into the rest of the block
            position += 32768 - position % 32768
            continue
        _checksum, length, kind = struct.unpack_from("<IHB", content, position)
        whole += content[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # whole, or the last piece
            yield whole
            whole = b""


def wandb_runs(logged):
    """Read the offline runs: configuration and rows of the history, by the run's name."""
    from wandb.proto.wandb_internal_pb2 import Record

    runs = {}
    for path in sorted((logged.folder / "wandb").rglob("*.wandb")):
        records = [Record.FromString(data) for data in wandb_log(path)]
        (run,) = (record.run for record in records if record.WhichOneof("record_type") == "run")
        config = {item.key: json.loads(item.value_json) for item in run.config.update}
        rows = [
            {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
            for record in records
            if record.WhichOneof("record_type") == "history"
        ]
        runs[run.display_name] = config, rows
    return runs


def test_wandb_has_config_history_tables_figures_and_the_page(logged, numbers):
    config, history = wandb_runs(logged)["my-run"]
    assert config["models"] == "small"
    values = {name: value for row in history for name, value in row.items()}
    assert {name: values[name] for name in numbers} == pytest.approx(numbers)
    assert [row["cells/finished"] for row in history if "cells/finished" in row] == [1, 2, 3]
    assert values["tables/accuracy/_type"] == "table-file"
    assert values["figures/accuracy/_type"] == "image-file"
    assert values["report/_type"] == "html-file"


def test_wandb_has_the_epochs_of_a_training(logged):
    _, history = wandb_runs(logged)[logged.recipe.model.title]
    rows = [row for row in history if "train/loss" in row]
    assert [row["step"] for row in rows] == [1, 2]
    assert [row["train/loss"] for row in rows] == pytest.approx([epoch.loss for epoch in logged.trained.history])
