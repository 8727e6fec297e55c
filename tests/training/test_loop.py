"""The loop of training, against a plain loop and against what an attack sees."""

from __future__ import annotations

import itertools
import json
import math

import attrs
import pytest
import safetensors
import torch
from torch import nn
from torch.nn import functional
from training_problem import small, two_cues

from shapebias.attacks.pgd import Pgd
from shapebias.engine import evaluate
from shapebias.errors import PluginError, StudyError, TrainingError
from shapebias.models.cnn import Cnn
from shapebias.networks.checkpoints import load_checkpoint
from shapebias.networks.classifier import Classifier
from shapebias.plugins.catalog import Component
from shapebias.plugins.protocols import AttackedImages
from shapebias.plugins.specs import AttackSpec, DatasetSpec, ModelSpec
from shapebias.runtime.progress import Interrupted
from shapebias.spelling.params import param
from shapebias.training.data import TrainingData
from shapebias.training.distributed import Processes
from shapebias.training.loop import train
from shapebias.training.recipe import Recipe
from shapebias.training.state import state_file

CPU = torch.device("cpu")
ALONE = Processes(CPU)


def weights(trained):
    return load_checkpoint(trained.file, CPU).module.state_dict()


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


# The loop itself


@pytest.mark.parametrize("optimiser", ["sgd", "adamw"])
def test_standard_training_is_a_plain_loop(trained, optimiser):
    """The same images in the same order, with one backward pass and one step each."""
    recipe = small(optimiser=optimiser, lr=0.01, momentum=0.8, weight_decay=0.1, schedule="constant", keep="last")
    network = Cnn(num_classes=2, width=4, depth=2).load(CPU).module.train()
    steps = {
        "sgd": torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.8, weight_decay=0.1, nesterov=True),
        "adamw": torch.optim.AdamW(network.parameters(), lr=0.01, weight_decay=0.1),
    }[optimiser]
    data = TrainingData.open(recipe, ALONE)
    for epoch in range(2):
        for batch in data.batches(epoch):
            loss = functional.cross_entropy(network((batch.images - 0.5) / 0.25), batch.labels)
            steps.zero_grad()
            loss.backward()
            steps.step()
    found = weights(trained(recipe))
    for name, tensor in network.state_dict().items():
        assert torch.allclose(found[name], tensor, rtol=1e-3, atol=1e-5), name


def test_the_history_has_loss_and_accuracies_of_the_network_that_is_kept(trained):
    recipe = small(attack="fgsm:eps=2/255", epochs=3, keep="last")
    result = trained(recipe)
    assert len(result.history) == result.kept == 3
    assert result.history[-1].loss < result.history[0].loss
    classifier = load_checkpoint(result.file, CPU)
    answers = evaluate(classifier, recipe.validation, ["clean", "fgsm:eps=2/255"]).metric("accuracy:top=1")
    assert answers.value.tolist() == [result.history[-1].clean, result.history[-1].robust]


def one_cycle(step, steps):
    """Smith & Topin 2018, with a cosine from 1/25 to 1 in 30 % of the steps, and on to 1/250,000."""
    top = 0.3 * steps - 1
    if step <= top:
        return 1 / 25 + (1 - 1 / 25) * (1 - math.cos(math.pi * step / top)) / 2
    return 1 / 250_000 + (1 - 1 / 250_000) * (1 + math.cos(math.pi * (step - top) / (steps - 1 - top))) / 2


@pytest.mark.parametrize(
    ("schedule", "formula"),
    [
        ("one-cycle", one_cycle),
        ("cosine", lambda step, steps: (1 + math.cos(math.pi * step / steps)) / 2),
        ("constant", lambda step, steps: 1),
    ],
)
def test_the_learning_rate_follows_its_formula_step_by_step(trained, monkeypatch, schedule, formula):
    rates = []
    step = torch.optim.SGD.step

    def recorded(self, *arguments, **options):
        rates.append(self.param_groups[0]["lr"])
        return step(self, *arguments, **options)

    monkeypatch.setattr(torch.optim.SGD, "step", recorded)
    trained(small(schedule=schedule, epochs=4, lr=0.2))
    assert rates == pytest.approx([0.2 * formula(step, 12) for step in range(12)])


def test_progress_counts_images_and_epochs(trained):
    told = []
    result = trained(small(attack="fgsm"), progress=told.append)
    assert [state.done for state in told] == [32, 64, 96, 128, 160, 192]
    assert {state.total for state in told} == {192}
    assert [state.epoch for state in told] == [1, 1, 1, 2, 2, 2]
    assert [state.validation for state in told] == [None] * 3 + [result.history[0]] * 3
    assert all(state.loss > 0 for state in told)


def test_mixed_precision_learns_and_keeps_weights_in_32_bits(trained):
    exact, mixed = (
        trained(small(attack="fgsm:eps=2/255", precision=precision)) for precision in ("float32", "bfloat16")
    )
    assert {tensor.dtype for name, tensor in weights(mixed).items() if "num" not in name} == {torch.float32}
    assert not same(weights(exact), weights(mixed))
    assert mixed.history[-1].loss == pytest.approx(exact.history[-1].loss, abs=0.1)


# What an attack sees


SEEN = []


@attrs.frozen
class Spy:
    """Write down what an attack is given, and darken the images by eps."""

    eps: float = param("radius", default=0.1)
    keep: str = param("as other attacks have it", default="first")

    def __call__(self, model, images, labels, rng):
        training = {part.training for part in model.module.modules()}
        learning = {parameter.requires_grad for parameter in model.module.parameters()}
        draws = rng.uniform("spy", 0, ()).tolist()
        SEEN.append((self.eps, self.keep, training, learning, draws, len(labels)))
        return (images - self.eps).clamp(0, 1)


SPY = Component(AttackSpec("spy", Spy), Spy())


@pytest.fixture
def seen():
    SEEN.clear()
    return SEEN


def test_every_batch_is_attacked_in_eval_mode_and_validation_images_too(trained, seen):
    trained(small(attack=SPY))
    assert [batch[-1] for batch in seen] == [32] * 8  # two epochs of three batches and one of validation
    assert all(training == {False} and learning == {False} for _, _, training, learning, _, _ in seen)


def test_no_image_is_left_alone_in_training(trained, seen):
    trained(small(attack=SPY))
    assert [keep for _, keep, *_ in seen] == [*["last"] * 3, "first"] * 2


def test_the_radius_rises_linearly_in_training_and_is_whole_in_validation(trained, seen):
    trained(small(attack=SPY, eps_warmup=1.5))
    assert [eps for eps, *_ in seen] == pytest.approx(
        [0.1 * share for share in (2 / 9, 4 / 9, 6 / 9, 1, 8 / 9, 1, 1, 1)]
    )


def test_a_radius_that_is_a_list_of_one_rises_too(trained, monkeypatch):
    radii = []
    call = Pgd.__call__

    def recorded(self, *arguments):
        radii.extend(self.eps)
        return call(self, *arguments)

    monkeypatch.setattr(Pgd, "__call__", recorded)
    trained(small(attack="pgd:eps=0.06,steps=1", eps_warmup=1, epochs=1))
    assert radii == pytest.approx([0.02, 0.04, 0.06, 0.06])


def test_the_attack_draws_again_in_every_epoch_of_training_and_the_same_in_validation(trained, seen):
    trained(small(attack=SPY))
    draws = [numbers for *_, numbers, _ in seen]
    assert draws[3] == draws[7]
    first, second = ({*itertools.chain(*epoch)} for epoch in (draws[:3], draws[4:7]))
    assert not first & second


def test_the_step_is_in_train_mode_on_the_attacked_images(trained, seen, monkeypatch):
    """Batch normalisation counts the batches of training alone, and its mean is that of the darker images."""
    dark = trained(small(attack=SPY, schedule="constant", lr=1e-9, epochs=1))
    plain = trained(small(schedule="constant", lr=1e-9, epochs=1))
    first = "0.0.1.{}".format
    assert weights(dark)[first("num_batches_tracked")] == 3
    kernel = Cnn(num_classes=2, width=4, depth=2).load(CPU).module[0][0][0].weight
    inside = kernel.sum(dim=(1, 2, 3)) * -0.1 / 0.25  # away from the border of the image
    share = 1 - 0.9**3  # of three batches in the running mean
    difference = weights(dark)[first("running_mean")] - weights(plain)[first("running_mean")]
    assert torch.nn.functional.cosine_similarity(difference, inside, dim=0) > 0.95
    assert difference.norm() == pytest.approx(share * inside.norm().item(), rel=0.3)


def test_what_leaves_the_pixels_is_refused(trained):
    @attrs.frozen
    class Wild:
        def __call__(self, model, images, labels, rng):
            return images + 1

    with pytest.raises(PluginError, match="wild returned pixels outside"):
        trained(small(attack=Component(AttackSpec("wild", Wild), Wild())))


@attrs.frozen
class Blind:
    """An attack without a usable gradient for the images of some labels."""

    labels: tuple[int, ...] = param("labels", default=(0,))

    def __call__(self, model, images, labels, rng):
        return AttackedImages(images, torch.isin(labels, torch.tensor(self.labels)))


def test_right_answers_that_the_validation_attack_could_not_search_are_left_out(trained):
    attack = Component(AttackSpec("blind", Blind), Blind(labels=(0,)))
    result = trained(small(validation_attack=attack, epochs=1))
    data, network = two_cues(images=32, seed=1).settings, load_checkpoint(result.file, CPU)
    labels = torch.tensor([data[index].label for index in range(32)])
    images = torch.stack([torch.from_numpy(data[index].image) for index in range(32)]).permute(0, 3, 1, 2) / 255
    with network.evaluating(), torch.no_grad():
        right = network(images).argmax(dim=1) == labels
    counted = ~(right & (labels == 0))
    assert result.history[-1].robust == pytest.approx(float((right & counted).sum() / counted.sum()))


@attrs.frozen
class OneClass:
    """A data set that any network learns at once."""

    seed: int = param("which images", default=0)

    classes = ("dark", "bright")

    def __len__(self):
        return 32

    def __getitem__(self, index):
        return two_cues().settings[2 * index + 1]


def test_a_validation_attack_that_could_search_no_image_ends_the_training(trained):
    blind = Component(AttackSpec("blind", Blind), Blind(labels=(1,)))
    bright, others = (Component(DatasetSpec("one-class", OneClass), OneClass(seed)) for seed in (0, 1))
    with pytest.raises(TrainingError, match="NaN or infinite for every image"):
        trained(small(dataset=bright, validation=others, validation_attack=blind, epochs=3))


def test_adversarial_training_gives_up_the_cue_that_an_adversary_can_turn(trained):
    """The faint stripes always say the class; within 0.05 they can be turned, and brightness cannot."""
    attack = Component(AttackSpec("pgd", Pgd), Pgd(eps=0.05, steps=5))
    schedule = {"dataset": two_cues(images=256), "epochs": 12, "validation_attack": attack, "keep": "last"}
    schedule["model"] = "cnn:num_classes=2,width=8,depth=2"
    standard, robust = trained(small(**schedule)), trained(small(**schedule, attack=attack))
    assert standard.history[-1].clean > 0.95  # more than brightness gives
    assert standard.history[-1].robust < 0.5
    assert robust.history[-1].robust > 0.8


# What is kept


@pytest.mark.parametrize("attack", [None, "fgsm:eps=4/255"])
def test_the_best_epoch_is_chosen_by_validation_images_alone(trained, attack):
    recipe = small(attack=attack, validation_attack="fgsm:eps=4/255", epochs=6, lr=0.3, schedule="constant")
    best, last = trained(recipe), trained(attrs.evolve(recipe, keep="last"))
    assert best.history == last.history
    scores = [epoch.clean if attack is None else epoch.robust for epoch in best.history]
    assert best.kept == max(position for position, score in enumerate(scores, start=1) if score == max(scores))
    assert last.kept == 6
    part = trained(attrs.evolve(recipe, keep="last", epochs=best.kept))
    assert same(weights(part), weights(best))


def test_an_accuracy_matched_training_stops_as_soon_as_it_is_as_good(trained, monkeypatch):
    monkeypatch.setattr("shapebias.training.loop.read_recipe", lambda _: small())  # no plugin names these images
    weak = trained(small(lr=1e-4, epochs=1, attack="fgsm"))
    target = weak.history[-1].clean
    full = trained(small(epochs=4, keep="last"))
    matched = trained(small(epochs=4, match=weak.file))
    stop = next(position for position, epoch in enumerate(full.history, start=1) if epoch.clean >= target)
    assert (len(matched.history), matched.kept) == (stop, stop)
    assert matched.history == full.history[:stop]


def test_a_network_that_was_trained_on_these_validation_images_is_not_matched(trained):
    drawn = {"model": "cnn:num_classes=8,width=4,depth=2", "dataset": "stimuli:images=112,size=16", "epochs": 1}
    other = trained(Recipe(**drawn, seed=1))
    for changes in (
        {"seed": 0},
        {"seed": 1, "validation": 0.2},
        {"validation": drawn["dataset"], "dataset": "stimuli:images=56,size=16"},
    ):
        with pytest.raises(StudyError, match=r"match: .* was trained on other images than this recipe holds out"):
            trained(Recipe(**drawn | changes, match=other.file))
    assert trained(Recipe(**drawn, seed=1, match=other.file)).kept == 1
    assert trained(Recipe(**drawn, validation="stimuli:images=56,size=16,seed=5", match=other.file)).kept == 1


def test_an_accuracy_that_is_never_reached_takes_every_epoch(trained, monkeypatch):
    monkeypatch.setattr("shapebias.training.loop.read_recipe", lambda _: small())
    good = trained(small(epochs=6))
    assert good.validation.clean > 0.8
    matched = trained(small(lr=1e-9, epochs=2, match=good.file))
    assert (len(matched.history), matched.kept) == (2, 2)


def test_the_checkpoint_needs_nothing_else(trained):
    recipe = small(attack="fgsm")
    result = trained(recipe)
    with safetensors.safe_open(result.file, "pt") as file:
        said = file.metadata()
    assert json.loads(said["classes"]) == ["dark", "bright"]
    assert said["model"] == recipe.model.canonical
    assert said["recipe"] == recipe.to_toml()
    assert json.loads(said["history"]) == [attrs.asdict(epoch) for epoch in result.history]
    assert json.loads(said["versions"])["torch"] == torch.__version__
    accuracy = evaluate(load_checkpoint(result.file, CPU), recipe.validation).metric("accuracy:top=1")
    assert accuracy.value.tolist() == [result.validation.clean]


# Again, and after an interruption


@pytest.mark.parametrize("attack", [None, "pgd:eps=4/255,steps=2"])
def test_two_trainings_give_equal_weights_and_another_seed_others(trained, attack):
    recipe = small(attack=attack, crop=1, flip=True)
    first, second, other = trained(recipe), trained(recipe), trained(attrs.evolve(recipe, seed=1))
    assert same(weights(first), weights(second))
    assert first.history == second.history
    assert not same(weights(first), weights(other))


@attrs.frozen
class Dropping:
    """A network that draws random numbers itself."""

    def load(self, device):
        torch.manual_seed(0)
        layers = [nn.Conv2d(3, 4, 3, 2), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.5), nn.Linear(36, 2)]
        return Classifier(nn.Sequential(*layers).to(device))


def stop_in(epoch):
    def tell(progress):
        if progress.epoch == epoch:
            raise KeyboardInterrupt

    return tell


@pytest.mark.parametrize("optimiser", ["sgd", "adamw"])
def test_a_training_that_was_cut_off_goes_on_as_if_it_had_not_been(tmp_path, monkeypatch, optimiser):
    model = Component(ModelSpec("dropping", Dropping), Dropping())
    recipe = small(model=model, optimiser=optimiser, lr=0.01, epochs=4, attack="fgsm", flip=True, eps_warmup=3)
    monkeypatch.setattr("shapebias.training.loop.save_checkpoint", keep_state)
    monkeypatch.setattr("shapebias.training.state.Identity.check", lambda *_: None)  # a model that no plugin names
    train(recipe, tmp_path / "whole")
    for epoch in (2, 4):
        with pytest.raises(Interrupted, match=f"interrupted; {epoch - 1} finished epochs are in .*parts.unfinished"):
            train(recipe, tmp_path / "parts", progress=stop_in(epoch))
    torch.manual_seed(99)
    result = train(recipe, tmp_path / "parts")
    assert result.resumed == 3
    assert same(torch.load(tmp_path / "whole"), torch.load(tmp_path / "parts"))
    assert not state_file(tmp_path / "parts").exists()


def keep_state(path, classifier, *_):
    torch.save(classifier.module.state_dict(), path)


def test_a_finished_training_is_not_repeated(tmp_path, monkeypatch):
    recipe = Recipe("cnn:num_classes=8,width=4,depth=2", "stimuli:images=56,size=16", "fgsm", epochs=1, validation=0.2)
    first = train(recipe, tmp_path / "a.safetensors")
    before = (tmp_path / "a.safetensors").stat()
    again = train(Recipe.from_toml(recipe.to_toml()), tmp_path / "a.safetensors")
    assert again == attrs.evolve(first, resumed=1)
    assert (tmp_path / "a.safetensors").stat() == before
    again = train(recipe, tmp_path / "a.safetensors", replace=True)
    assert again == first
    assert (tmp_path / "a.safetensors").stat().st_mtime_ns > before.st_mtime_ns


def test_a_network_for_other_classes_is_refused(trained):
    with pytest.raises(StudyError, match=r"model: cnn\S* has 10 outputs and two-cues\S* 2 classes; give num_classes=2"):
        trained(small(model="cnn:width=4"))


def test_a_checkpoint_for_other_classes_cannot_be_matched(trained):
    other = trained(Recipe("cnn:num_classes=8,width=4,depth=2", "stimuli:images=56,size=16", epochs=1, validation=0.2))
    with pytest.raises(StudyError, match=r"match: .* has other classes than two-cues"):
        trained(small(match=other.file))


def test_a_loss_that_is_no_number_ends_the_training(trained):
    with pytest.raises(
        TrainingError, match=r"the loss of epoch \d is nan: training diverged; try a smaller lr than 1e"
    ):
        trained(small(lr=1e15, schedule="constant"))


def test_the_global_generator_is_as_before(trained):
    state = torch.random.get_rng_state()
    trained(small(attack="pgd:steps=1"))
    assert torch.equal(torch.random.get_rng_state(), state)
