"""The order of work and whose failure is whose, with plugins that fail on purpose."""

from __future__ import annotations

from collections import Counter

import attrs
import pytest
import torch
from counting import counting
from torch import nn

import shapebias as sb
from shapebias.engine.identity import Recorder
from shapebias.engine.local_executor import LocalExecutor
from shapebias.engine.pieces import pieces
from shapebias.engine.plan import ComputeOptions, Plan, plan_works
from shapebias.errors import StudyError
from shapebias.images.first import FirstImages
from shapebias.plugins.catalog import Component
from shapebias.plugins.specs import AttackSpec, SaliencySpec, TransformSpec
from shapebias.runtime.progress import Interrupted
from shapebias.store import DatasetPart, Part

STIMULI = "stimuli:cue=conflict,images=24,size=32"


@attrs.frozen
class Counted:
    """Pass images on, count them, and fail from the n-th batch on."""

    good: int = 10**6
    seen: list[int] = attrs.field(factory=list, eq=False, metadata={"spelled": False})

    def _count(self, images):
        self.seen.append(len(images))
        if len(self.seen) > self.good:
            raise ZeroDivisionError("on purpose")
        return images


class Transform(Counted):
    def __call__(self, images, rng):
        return self._count(images)


class Attack(Counted):
    def __call__(self, model, images, labels, rng):
        return self._count(images)


class Maps(Counted):
    def __call__(self, model, images, targets, rng):
        return self._count(images)[:, 0]


def transform(**settings):
    return Component(TransformSpec("counted", Transform), Transform(**settings))


def attack(**settings):
    return Component(AttackSpec("counted-attack", Attack), Attack(**settings))


def maps(**settings):
    return Component(SaliencySpec("counted-maps", Maps), Maps(**settings))


class Nan(nn.Module):
    def forward(self, images):
        return torch.full((len(images), 8), float("nan"))


def statuses(results):
    return {(row.model, row.condition, row.saliency or ""): row.status for row in results.cells().itertuples()}


def test_answers_are_readable_where_the_first_model_failed(network, tmp_path):
    results = sb.run(sb.Study(STIMULI, {"bad": Nan(), "good": network}), tmp_path / "run.h5")
    assert results.cells()[["model", "status"]].to_numpy().tolist() == [["bad", "failed"], ["good", "done"]]
    assert results.metric("accuracy:top=1").n.tolist() == [24]


def test_a_stimulus_is_made_once_for_all_models(network, tmp_path):
    step = transform()
    study = sb.Study(STIMULI, {"a": network, "b": network, "c": network}, [[step]], "gradient")
    sb.run(study, tmp_path / "run.h5", batch_size=10)
    assert step.settings.seen == [10, 10, 4]


def test_an_attack_is_made_once_for_predictions_and_maps(network, tmp_path):
    step, method = attack(), maps()
    sb.run(sb.Study(STIMULI, {"net": network}, [[step]], [method, "gradient"]), tmp_path / "run.h5", batch_size=10)
    assert step.settings.seen == method.settings.seen == [10, 10, 4]


def test_nothing_more_is_computed_for_cells_that_failed(network, tmp_path):
    step = attack(good=1)
    results = sb.run(sb.Study(STIMULI, {"net": network}, [[step]]), tmp_path / "run.h5", batch_size=10)
    assert step.settings.seen == [10, 10]
    assert "ZeroDivisionError: on purpose" in results.failures[0].error
    step, method = attack(), maps(good=0)
    sb.run(sb.Study(STIMULI, {"bad": Nan()}, [[step]], [method]), tmp_path / "other.h5", batch_size=10)
    assert step.settings.seen == []  # a model without scores is not attacked


def test_a_cell_that_failed_before_the_attack_did_is_stored_as_failed(network, tmp_path):
    study = sb.Study(STIMULI, {"net": network}, [[attack(good=1)]], [maps(good=0), "gradient"])
    results = sb.run(study, tmp_path / "run.h5", batch_size=10)
    assert results.cells().status.tolist() == ["failed"] * 3


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize(
    "make",
    [
        lambda network: ({"net": network}, [[transform(good=1)], "clean"], []),
        lambda network: ({"net": network}, [[attack(good=1)], "clean"], [maps(good=0), "gradient"]),
        lambda network: ({"bad": Nan(), "net": network}, ["clean"], ["gradient"]),
        lambda network: ({"net": network}, ["clean"], [maps(good=2)]),
    ],
)
def test_progress_counts_every_image_of_every_cell_once(network, tmp_path, monkeypatch, make, parts):
    monkeypatch.setattr("shapebias.engine.plan._PART_IMAGES", 24 // parts)
    models, conditions, saliency = make(network)
    study = sb.Study(STIMULI, models, conditions, saliency)
    seen = []
    results = sb.run(study, tmp_path / "run.h5", batch_size=5, progress=seen.append)
    assert results.failures
    counts = [progress.done for progress in seen]
    assert counts == sorted(counts)
    assert counts[-1] == seen[-1].total == 24 * len(list(study.cells()))


def test_running_out_of_memory_in_a_transform_makes_batches_smaller(network, tmp_path):
    @attrs.frozen
    class Greedy:
        def __call__(self, images, rng):
            if len(images) > 3:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return images

    condition = [Component(TransformSpec("greedy", Greedy), Greedy())]
    results = sb.run(sb.Study(STIMULI, {"net": network}, ["clean", condition]), tmp_path / "run.h5", batch_size=16)
    assert results.failures == []
    assert torch.allclose(
        *(torch.from_numpy(results.logits(condition=name)) for name in ("clean", "greedy")), atol=1e-5
    )


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_caller_without_gradients_gets_the_same_attacks_and_maps(network, mode):
    study = (STIMULI, "pgd:eps=8/255,steps=2,keep=last")
    usual = sb.evaluate(network, *study, saliency="gradient")
    with mode():
        within = sb.evaluate(network, *study, saliency="gradient")
    assert within.failures == []
    assert (usual.saliency() == within.saliency()).all()
    assert (usual.logits() == within.logits()).all()


@pytest.mark.parametrize("option", ["batch_size", "chunk", "workers"])
def test_numbers_below_one_are_refused(network, tmp_path, option):
    with pytest.raises(StudyError, match=f"{option} is 0; give a whole number from 1 to "):
        sb.run(sb.Study(STIMULI, {"net": network}), tmp_path / "run.h5", **{option: 0})
    assert not list(tmp_path.iterdir())


def test_an_interruption_while_writing_stops_decoding_and_restores_the_network(network, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("shapebias.store.writer.Writer.write", interrupted)
    network.train()
    with pytest.raises(Interrupted) as caught:
        sb.run(sb.Study(STIMULI, {"net": network}), tmp_path / "run.h5")
    assert caught.value.args  # alive, and with it the frames of the run
    assert network.training


@pytest.mark.parametrize(("keep_images", "times"), [(True, 1), (False, 4)])
def test_a_worker_that_keeps_images_decodes_them_once_for_all_its_pieces(keep_images, times):
    dataset, networks = (
        counting(6),
        {f"net-{seed}": f"cnn:num_classes=2,width=2,depth=1,seed={seed}" for seed in (0, 1)},
    )
    study = sb.Study([dataset], networks, ["clean", "grayscale"])
    first_images = FirstImages()
    works = plan_works(study, Recorder(study, "float32").cells(), {}, first_images)
    options, executor = ComputeOptions("cpu"), LocalExecutor(keep_images)
    cut = pieces(works, 2)
    assert len(cut) == 4
    for number, piece in enumerate(cut):
        messages = list(executor.execute(Plan(study, options, (piece,)), describe=number == 0))
        assert [message.status for message in messages if isinstance(message, Part)] == ["done"]
        assert sum(isinstance(message, DatasetPart) for message in messages) == (number == 0)
    executor.close()
    assert Counter(dataset.settings.decoded) == {0: 2, **dict.fromkeys(range(1, 6), times)}  # the first says the size
