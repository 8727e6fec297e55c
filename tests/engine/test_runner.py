"""A study end to end, on small stimuli and a small network, against a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import shapebias as sb
from shapebias.errors import DataError, StudyError
from shapebias.networks.labels import entry_level_classes
from shapebias.plugins.catalog import default_catalog
from shapebias.rng import ImageRandom
from shapebias.store import reader, verify

STIMULI = "stimuli:cue=conflict,images=56,size=32"
CONDITIONS = ["clean", "saturate:p=8", "patch-shuffle:k=4+saturate:p=8"]


def by_hand(network, text=STIMULI, conditions=CONDITIONS):
    """Apply the transforms and the network image by image, with nothing of the engine."""
    dataset = default_catalog().component("dataset", text).settings
    answers = {}
    for condition in conditions:
        rows = []
        for sample in (dataset[index] for index in range(len(dataset))):
            pixels = torch.from_numpy(sample.image).permute(2, 0, 1)[None]
            images = pixels.float() / 255 if pixels.dtype == torch.uint8 else pixels
            for step_index, text_of_step in enumerate([] if condition == "clean" else condition.split("+")):
                step = default_catalog().component("transform", text_of_step)
                images = step.settings(images, ImageRandom.for_images(0, step.name, step_index, [sample.id]))
            with torch.no_grad():
                mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
                std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
                rows.append(network.eval()((images - mean) / std)[0].numpy())
        answers[condition] = np.stack(rows)
    return answers


def test_the_logits_are_those_of_a_plain_loop(network, tmp_path):
    results = sb.run(sb.Study(STIMULI, {"net": network}, CONDITIONS), tmp_path / "run.h5")
    expected = by_hand(network)
    for condition in CONDITIONS:
        np.testing.assert_allclose(results.logits(condition=condition), expected[condition], atol=1e-5)
        assert (results.prediction(condition=condition) == expected[condition].argmax(axis=1)).all()


@pytest.mark.parametrize(
    "options", [{"batch_size": 1}, {"batch_size": 7, "workers": 1}, {"batch_size": 64, "workers": 5}]
)
def test_batch_size_and_workers_change_nothing(network, tmp_path, options):
    study = sb.Study(STIMULI, {"net": network}, CONDITIONS, keep_images=True)
    usual = sb.run(study, tmp_path / "usual.h5")
    other = sb.run(study, tmp_path / "other.h5", **options)
    for condition in CONDITIONS:
        np.testing.assert_array_equal(usual.images(condition=condition), other.images(condition=condition))
        np.testing.assert_allclose(usual.logits(condition=condition), other.logits(condition=condition), atol=1e-5)


def test_chunks_change_no_map_and_no_attack(network, tmp_path):
    study = sb.Study(
        STIMULI, {"net": network}, "pgd:eps=4/255,steps=3", "smoothgrad:samples=5", limit=12, keep_images=True
    )
    small, large = (sb.run(study, tmp_path / f"{chunk}.h5", chunk=chunk, batch_size=5) for chunk in (1, 64))
    np.testing.assert_allclose(small.images(), large.images(), atol=1e-6)
    np.testing.assert_allclose(small.saliency(), large.saliency(), rtol=2e-3, atol=1e-6)


def test_only_missing_images_are_computed(network, tmp_path):
    seen = []
    first = sb.Study(STIMULI, {"net": network}, limit=10)
    sb.run(first, tmp_path / "run.h5")
    whole = sb.Study(STIMULI, {"net": network}, ["clean", "saturate:p=8"])
    results = sb.run(whole, tmp_path / "run.h5", progress=seen.append)
    assert seen[-1].total == seen[-1].done == (56 - 10) + 56
    np.testing.assert_allclose(results.logits(condition="clean"), by_hand(network)["clean"], atol=1e-5)
    again = []
    sb.run(whole, tmp_path / "run.h5", progress=again.append)
    assert again == []


def test_a_run_with_nothing_to_do_lists_the_file_once_and_returns_it_open(network, tmp_path, monkeypatch):
    """Listing takes most of the time of such a run."""
    listed, original = [], reader.list_file
    monkeypatch.setattr(reader, "list_file", lambda file, **how: listed.append(file.filename) or original(file, **how))
    study = sb.Study("stimuli:images=8,size=32", {"net": network}, ["clean", "invert"])
    with sb.run(study, tmp_path / "run.h5", device="cpu") as first:
        predictions = [each.prediction.tolist() for each in first.answers()]
    listed.clear()
    again = sb.run(study, tmp_path / "run.h5", device="cpu")
    assert len(listed) == 1
    with again, sb.run(study, tmp_path / "run.h5", device="cpu") as third:  # the lock is free again
        assert [each.prediction.tolist() for each in again.answers()] == predictions
        assert [each.prediction.tolist() for each in third.answers()] == predictions


def test_an_interrupted_run_goes_on_where_it_stopped(network, tmp_path):
    study = sb.Study(STIMULI, {"net": network}, CONDITIONS)

    def stop(progress):
        if progress.cell.endswith("saturate:p=8") and "shuffle" not in progress.cell:
            raise KeyboardInterrupt

    with pytest.raises(sb.ShapebiasError, match=r"run the same command again"):
        sb.run(study, tmp_path / "run.h5", progress=stop)
    with sb.open(tmp_path / "run.h5") as partial:
        assert set(partial.cells().condition) == {"clean"}
    resumed = []
    seen = sb.run(study, tmp_path / "run.h5", progress=lambda progress: resumed.append(progress.cell))
    assert not any(cell.endswith("clean") for cell in resumed)
    whole = sb.run(study, tmp_path / "whole.h5")
    for condition in CONDITIONS:
        np.testing.assert_array_equal(seen.logits(condition=condition), whole.logits(condition=condition))


def test_a_cell_that_fails_leaves_the_others_alone(plugins, network, tmp_path):
    conditions = ["clean", "raises", "smaller", "leaves", "saturate:p=8"]
    results = sb.run(sb.Study(STIMULI, {"net": network, "bad": "nan"}, conditions), tmp_path / "run.h5")
    status = {(row.model, row.condition): row.status for row in results.cells().itertuples()}
    assert {status["net", condition] for condition in ("clean", "saturate:p=8")} == {"done"}
    assert {status["net", condition] for condition in ("raises", "smaller", "leaves")} == {"failed"}
    assert {status["bad", condition] for condition in conditions} == {"failed"}
    errors = {(cell.record.model.title, cell.record.condition.title): cell.error for cell in results.failures}
    assert "ZeroDivisionError: on purpose" in errors["net", "raises"]
    assert "smaller returned (56, 3, 32, 31) for images of shape (56, 3, 32, 32)" in errors["net", "smaller"]
    assert "leaves returned pixels outside [0, 1]" in errors["net", "leaves"]
    assert "NaN or infinite scores" in errors["bad", "clean"]


def test_a_failed_cell_is_tried_again(plugins, network, tmp_path):
    study = sb.Study(STIMULI, {"net": network}, "raises")
    assert len(sb.run(study, tmp_path / "run.h5").failures) == 1
    text = (plugins / "misbehaving.py").read_text().replace('raise ZeroDivisionError("on purpose")', "return images")
    (plugins / "misbehaving.py").write_text(text)
    default_catalog.cache_clear()
    results = sb.run(sb.Study(STIMULI, {"net": network}, "raises"), tmp_path / "run.h5")
    assert results.failures == []
    assert results.cells().status.tolist() == ["done"]


def test_running_out_of_memory_only_makes_batches_smaller(network, tmp_path):
    class Greedy(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, images):
            if len(images) > 3:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return self.network(images)

    study = ("pgd:eps=4/255,steps=2", "gradient")
    greedy = sb.run(sb.Study(STIMULI, {"net": Greedy()}, *study, limit=20), tmp_path / "greedy.h5")
    usual = sb.run(sb.Study(STIMULI, {"net": network}, *study, limit=20), tmp_path / "usual.h5")
    assert greedy.failures == []
    np.testing.assert_allclose(greedy.logits(), usual.logits(), atol=1e-4)
    np.testing.assert_allclose(greedy.saliency(), usual.saliency(), rtol=2e-3, atol=1e-5)


def test_several_eps_are_one_cell_with_one_more_axis(plugins, network, tmp_path):
    results = sb.run(
        sb.Study(STIMULI, {"net": network}, "add:eps=0,0.1,0.2", "target-maps", limit=9), tmp_path / "run.h5"
    )
    assert results.logits(eps=0.1).shape == (9, 8)
    assert [answers.eps for answers in results.answers()] == [0, 0.1, 0.2]
    plain = sb.run(sb.Study(STIMULI, {"net": network}, ["clean", "add:eps=0.2"], limit=9), tmp_path / "plain.h5")
    np.testing.assert_allclose(results.logits(eps=0), plain.logits(condition="clean"), atol=1e-5)
    np.testing.assert_allclose(results.logits(eps=0.2), plain.logits(condition="add:eps=0.2"), atol=1e-5)
    assert results.saliency(eps=0.2).shape == (9, 32, 32)


def test_what_follows_an_attack_acts_on_its_result(plugins, network, tmp_path):
    chain = "saturate:p=4+add:eps=0.1+grayscale"
    results = sb.run(
        sb.Study(STIMULI, {"net": network}, ["clean", chain], limit=4, keep_images=True), tmp_path / "run.h5"
    )
    clean = torch.from_numpy(results.images(condition="clean"))
    saturated = (2 * clean - 1).sign() * (2 * clean - 1).abs() ** 0.5 / 2 + 0.5
    brighter = (saturated + 0.1).clamp(0, 1)
    gray = (brighter * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(dim=1, keepdim=True).expand_as(brighter)
    np.testing.assert_allclose(results.images(condition=chain), gray.numpy(), atol=2e-3)


def test_what_a_transform_needs_is_missed_before_the_run(plugins, network, tmp_path):
    for dataset, condition, message in [
        (
            "stimuli:cue=texture,size=32",
            "grayscale+masked",
            r"masked needs the mask of the object, .*leave that condition",
        ),
        ("stimuli:images=1,size=32", "partner", r"partner takes another image of the data set"),
    ]:
        with pytest.raises(DataError, match=message):
            sb.run(sb.Study([STIMULI, dataset], {"net": network}, ["clean", condition]), tmp_path / "run.h5")
        assert not list(tmp_path.iterdir())


def test_masks_and_partners_reach_the_transforms_that_need_them(plugins, network, tmp_path):
    study = sb.Study(STIMULI, {"net": network}, ["clean", "masked", "partner"], limit=8, keep_images=True)
    results = sb.run(study, tmp_path / "run.h5")
    dataset = study.datasets[0].settings
    images = {title: results.images(condition=title) for title in ("clean", "masked", "partner")}
    for position, row in enumerate(range(0, 56, 7)):
        mask = dataset[row].mask
        assert (images["masked"][position][:, ~mask] == 0).all()
        np.testing.assert_array_equal(images["masked"][position][:, mask], images["clean"][position][:, mask])
        whole = [
            dataset[other].image.transpose(2, 0, 1).astype(np.float32) / 255 for other in range(56) if other != row
        ]
        assert any(np.abs(images["partner"][position] - image).max() < 1e-3 for image in whole)


def test_labels_that_a_transform_changes_belong_to_its_cell(plugins, network, tmp_path):
    results = sb.run(sb.Study(STIMULI, {"net": network}, ["clean", "relabel"]), tmp_path / "run.h5")
    textures = {answers.condition: answers.texture_labels for answers in results.answers()}
    assert set(textures["relabel"].tolist()) == {3}
    assert set(textures["clean"].tolist()) == set(range(8))


def test_saliency_explains_the_asked_target_and_probes_see_the_maps(plugins, network, tmp_path):
    study = sb.Study(
        STIMULI,
        {"net": network},
        saliency={"true": "target-maps", "said": "target-maps:target=prediction", "five": "target-maps:target=5"},
        probes=["map-mean", "image-brightness"],
        saliency_limit=14,
    )
    results = sb.run(study, tmp_path / "run.h5")
    rows = range(0, 56, 4)
    expected = {
        "true": [study.datasets[0].settings[row].label for row in rows],
        "said": results.prediction()[list(rows)].tolist(),
        "five": [5] * 14,
    }
    for title, classes in expected.items():
        assert results.saliency(method=title)[:, 0, 0].round().astype(int).tolist() == classes
        assert results.probe("map-mean", method=title)["mean"].round().astype(int).tolist() == classes
    bright = [study.datasets[0].settings[row].image.mean() / 255 for row in rows]
    np.testing.assert_allclose(results.probe("image-brightness")["mean"], bright, atol=1e-3)
    extras = next(maps for maps in results.maps() if maps.saliency == "true").extras["brightness"]
    np.testing.assert_allclose(extras, bright, atol=1e-3)


def test_a_probe_can_ask_the_method_about_other_pixels_and_classes(plugins, network, tmp_path):
    study = sb.Study(STIMULI, {"net": network}, saliency="lit-maps", probes=["elsewhere", "image-brightness"], limit=8)
    results = sb.run(study, tmp_path / "run.h5")
    values, bright = results.probe("elsewhere"), results.probe("image-brightness")["mean"]
    # The method's noise is gone from all differences: its random numbers are those of the stored map.
    np.testing.assert_allclose(values["same"], 0, atol=1e-6)
    np.testing.assert_allclose(values["dark"], -bright / 2, atol=1e-6)
    np.testing.assert_allclose(values["next"], 1, atol=1e-6)


def test_maps_of_a_wrong_shape_are_a_failure_of_that_cell(plugins, network, tmp_path):
    results = sb.run(sb.Study(STIMULI, {"net": network}, saliency="flat-maps", limit=8), tmp_path / "run.h5")
    (failure,) = results.failures
    assert "flat-maps returned maps (8,); it must return (8, 32, 32)" in failure.error
    assert results.prediction().shape == (8,)


def test_top_k_keeps_the_best_classes(network, tmp_path):
    full = sb.run(sb.Study(STIMULI, {"net": network}), tmp_path / "full.h5")
    top = sb.run(sb.Study(STIMULI, {"net": network}, logits="top-3"), tmp_path / "top.h5")
    best = np.argsort(-full.logits(), axis=1, kind="stable")[:, :3]
    (answers,) = top.answers()
    np.testing.assert_array_equal(answers.top(3), best)
    np.testing.assert_array_equal(answers.top(5), best)  # no more were kept
    assert top.metric("accuracy:top=1,3,5")["top"].tolist() == [1, 3]
    assert answers.logits is None
    np.testing.assert_array_equal(top.prediction(), full.prediction())


def test_a_changed_seed_is_noticed_and_explained(network, tmp_path):
    sb.run(sb.Study(STIMULI, {"net": network}), tmp_path / "run.h5")
    with pytest.raises(StudyError, match=r"seed was 0, now 1\n.*--replace"):
        sb.run(sb.Study(STIMULI, {"net": network}, seed=1), tmp_path / "run.h5")
    results = sb.run(sb.Study(STIMULI, {"net": network}, seed=1), tmp_path / "run.h5", replace=True)
    assert len(results.cells()) == 1


def test_a_changed_weight_file_is_noticed_and_explained(tmp_path):
    from torchvision.models import squeezenet1_1

    weights = tmp_path / "net.safetensors"
    model = f"torchvision:squeezenet1_1,weights={weights},arg.num_classes=8"
    save_file(squeezenet1_1(num_classes=8).state_dict(), weights)
    sb.run(sb.Study(STIMULI, model, limit=2), tmp_path / "run.h5")
    save_file(squeezenet1_1(num_classes=8).state_dict(), weights)
    with pytest.raises(StudyError, match=r"net.safetensors changed since"):
        sb.run(sb.Study(STIMULI, model, limit=2), tmp_path / "run.h5")


def test_a_live_network_is_left_as_it_was(network):
    network.train()
    network[0].weight.requires_grad_(requires_grad=False)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    flags = [(module.training, len(module._forward_hooks)) for module in network.modules()]
    state = torch.random.get_rng_state()
    results = sb.evaluate(network, STIMULI, ["clean", "pgd:eps=2/255,steps=2"], saliency="gradient", limit=8)
    assert results.prediction(condition="clean").shape == (8,)
    assert [(module.training, len(module._forward_hooks)) for module in network.modules()] == flags
    assert [parameter.requires_grad for parameter in network.parameters()] == [False] + [True] * 5 + [True] * 2
    assert all(parameter.grad is None for parameter in network.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert torch.equal(state, torch.random.get_rng_state())


def test_the_mapping_is_stored_with_the_answers(network, tmp_path):
    results = sb.run(sb.Study(STIMULI, {"net": network}, limit=2), tmp_path / "run.h5")
    (cell,) = results.store.cells()
    assert cell.attributes["mapping_name"] == "by position"


class Thousand(torch.nn.Module):
    """An ImageNet-1k model whose 109 dogs have a probability of 0.6 together, and whose airplane has 0.02."""

    def forward(self, images):
        probabilities = torch.full((1000,), 0.38 / 890)
        probabilities[list(entry_level_classes()["dog"])] = 0.6 / 109
        probabilities[404] = 0.02
        return probabilities.log().expand(len(images), -1) + 0 * images.mean()


@pytest.mark.parametrize(("aggregate", "answer"), [("mean", "airplane"), ("sum", "dog"), ("max", "airplane")])
def test_the_aggregate_decides_what_is_answered(aggregate, answer, tmp_path):
    for name in entry_level_classes():
        (tmp_path / "images" / name).mkdir(parents=True)
        Image.new("RGB", (8, 8), "grey").save(tmp_path / "images" / name / "a.png")
    dataset = f"folder:{tmp_path / 'images'},size=8"
    results = sb.run(sb.Study(dataset, {"net": Thousand()}, aggregate=aggregate), tmp_path / "run.h5")
    (answers,) = results.answers()
    assert {answers.classes[index] for index in answers.prediction} == {answer}
    assert answers.mapping.aggregate == aggregate
    other = sb.Study(dataset, {"net": Thousand()}, aggregate="sum" if aggregate == "mean" else "mean")
    with pytest.raises(StudyError, match=f"aggregate was {aggregate}, now"):
        sb.run(other, tmp_path / "run.h5")


def test_another_aggregate_under_another_condition_does_not_join_the_file(tmp_path):
    data, models = "stimuli:images=8,size=16", {"net": "cnn:num_classes=8,width=2"}
    sb.run(sb.Study(data, models), tmp_path / "run.h5").close()
    shuffled = sb.Study(data, models, "patch-shuffle:k=2", aggregate="sum")
    with pytest.raises(StudyError, match=r"net has answers .* aggregate mean \(clean\) and with aggregate sum"):
        sb.run(shuffled, tmp_path / "run.h5")
    both = sb.Study(data, models, ["clean", "patch-shuffle:k=2"], aggregate="sum")
    sb.run(both, tmp_path / "run.h5", replace=True).close()


def test_a_live_network_that_was_trained_on_is_another_model(network, tmp_path):
    sb.run(sb.Study(STIMULI, {"net": network}, limit=4), tmp_path / "run.h5")
    with torch.no_grad():
        network[-1].bias += 1
    with pytest.raises(StudyError, match=r"model net: its content changed since"):
        sb.run(sb.Study(STIMULI, {"net": network}, limit=4), tmp_path / "run.h5")
    results = sb.run(sb.Study(STIMULI, {"net": network}, limit=4), tmp_path / "run.h5", replace=True)
    assert results.cells().model.tolist() == ["net"]


def test_masks_are_stored_with_the_images_that_have_them(network, tmp_path):
    texts = ["drawn=stimuli:cue=conflict,images=56,size=32", "texture=stimuli:cue=texture,images=56,size=32"]
    results = sb.run(sb.Study(texts, {"net": network}, ["clean", "patch-shuffle:k=4"], "gradient"), tmp_path / "run.h5")
    dataset = default_catalog().component("dataset", STIMULI).settings
    expected = np.stack([dataset[index].mask for index in range(56)])
    for maps in results.maps():
        if (maps.dataset, maps.condition) == ("drawn", "clean"):
            np.testing.assert_array_equal(maps.masks, expected)
        else:
            assert maps.masks is None
    assert verify(tmp_path / "run.h5") == []
