"""Style transfer against plain numpy, on published layouts with random weights, and on real weights and photographs."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image
from safetensors.torch import load_file

import shapebias.transforms._adain as adain
from shapebias.errors import DataError, SpellingError, WeightsError
from shapebias.images.reading import fit, read_image
from shapebias.plugins.catalog import default_catalog
from shapebias.rng import ImageRandom
from shapebias.study import Condition
from shapebias.transforms._adain import AdaIN, moments, normalise_to
from shapebias.transforms._microast import MicroAST
from shapebias.transforms._textures import COUNT, draw_texture
from shapebias.transforms.stylize import Stylize

CPU = torch.device("cpu")
POOLS, UPS = {8, 15, 28}, {4, 17, 24}  # places in the published networks of AdaIN, each after a ReLU


def numbers(count=4, seed=0):
    return ImageRandom.for_images(seed, "stylize", 0, [f"{row}.png" for row in range(count)])


# One image at a time, float64, (C, H, W).


def conv(x, weights, key, stride=1):
    kernel, bias = weights[f"{key}.weight"].double().numpy(), weights[f"{key}.bias"].double().numpy()
    side = kernel.shape[-1]
    x = np.pad(x, ((0, 0), (side // 2,) * 2, (side // 2,) * 2), mode="reflect")
    windows = sliding_window_view(x, (side, side), (1, 2))[:, ::stride, ::stride]
    groups = len(x) // kernel.shape[1]
    pairs = zip(np.split(windows, groups), np.split(kernel, groups), strict=True)
    return (
        np.concatenate([np.tensordot(kernel, window, ((1, 2, 3), (0, 3, 4))) for window, kernel in pairs])
        + bias[:, None, None]
    )


def relu(x):
    return np.maximum(x, 0)


def halve(x):
    """Take the largest of each 2 x 2 pixels, of fewer at an odd end."""
    channels, height, width = x.shape
    x = np.pad(x, ((0, 0), (0, height % 2), (0, width % 2)), constant_values=-np.inf)
    return x.reshape(channels, -(-height // 2), 2, -(-width // 2), 2).max((2, 4))


def double_bilinear(x):
    for axis in (1, 2):
        moved = np.moveaxis(x, axis, 0)
        before, after = np.concatenate([moved[:1], moved[:-1]]), np.concatenate([moved[1:], moved[-1:]])
        pairs = np.stack([0.25 * before + 0.75 * moved, 0.75 * moved + 0.25 * after], axis=1)
        x = np.moveaxis(pairs.reshape(-1, *moved.shape[1:]), 0, axis)
    return x


def renormalise(content, style, alpha):
    mean, style_mean = content.mean((1, 2), keepdims=True), style.mean((1, 2), keepdims=True)
    std, style_std = (np.sqrt(x.var((1, 2), ddof=1, keepdims=True) + 1e-5) for x in (content, style))
    return alpha * (style_std * (content - mean) / std + style_mean) + (1 - alpha) * content


def plain_adain(content, style, vgg, decoder, alpha):
    def encode(x):
        x = conv(x, vgg, 0)
        for key in (2, 5, "pool", 9, 12, "pool", 16, 19, 22, 25, "pool", 29):
            x = halve(x) if key == "pool" else relu(conv(x, vgg, key))
        return x

    x = renormalise(encode(content), encode(style), alpha)
    for key in (1, "up", 5, 8, 11, 14, "up", 18, 21, "up", 25):
        x = x.repeat(2, 1).repeat(2, 2) if key == "up" else relu(conv(x, decoder, key))
    return conv(x, decoder, 28)


def plain_microast(content, style, weights, alpha):
    """Follow the description of the architecture, line by line."""

    def block(x, part, key):
        return x + conv(relu(conv(x, weights[part], f"{key}.conv1")), weights[part], f"{key}.conv2")

    def encode(x, part):
        for key, stride in {"enc1.0": 1, "enc1.2": 2, "enc1.4": 1, "enc1.6": 2, "enc1.8": 1}.items():
            x = relu(conv(x, weights[part], key, stride))
        first = block(x, part, "enc1.10")
        return first, block(first, part, "enc2.0")

    def modulated(x, key, w, b):
        v = relu(w * conv(x, weights["decoder"], f"{key}.conv1") + b * x)
        return x + w * conv(v, weights["decoder"], f"{key}.conv2") + b * v

    _, x = encode(content, "content_encoder")
    style1, style2 = encode(style, "style_encoder")
    w1, b1, w2, b2 = (
        conv(feature, weights["modulator"], f"{key}.0").mean((1, 2), keepdims=True)
        for key, feature in {"weight1": style1, "bias1": style1, "weight2": style2, "bias2": style2}.items()
    )
    x = modulated(renormalise(x, style2, alpha), "dec1", w2, b2)
    x = double_bilinear(modulated(renormalise(x, style1, alpha), "dec2", w1, b1))
    x = relu(conv(relu(conv(x, weights["decoder"], "dec3.1")), weights["decoder"], "dec3.3"))
    x = relu(conv(relu(conv(double_bilinear(x), weights["decoder"], "dec3.6")), weights["decoder"], "dec3.8"))
    return conv(x, weights["decoder"], "dec3.10")


def stylised(network, content, style, alpha):
    with torch.no_grad():
        return network(content[None], network.encode_style(style[None]), alpha)[0].numpy()


@pytest.mark.parametrize("alpha", [0, 0.5, 1])
def test_adain_is_what_plain_numpy_makes_of_the_published_layout(adain_folder, alpha):
    network, files = AdaIN(), [adain_folder / "vgg_normalised.pth", adain_folder / "decoder.pth"]
    network.read(*files)
    content, style = torch.rand(3, 20, 17), torch.rand(3, 16, 16) ** 2
    wanted = plain_adain(content.numpy(), style.numpy(), *map(torch.load, files), alpha)
    assert wanted.shape == (3, 24, 24)
    assert np.abs(stylised(network, content, style, alpha) - wanted).max() < 1e-4 * np.abs(wanted).max()


def test_adain_without_style_encodes_and_decodes(adain_folder):
    network = Stylize(alpha=0, weights=adain_folder).load(CPU)
    images = torch.rand(2, 3, 16, 16)
    decoded = network.network.decoder(network.network.encoder(images))
    assert torch.allclose(network(images, numbers(2)), decoded.clamp(0, 1), atol=1e-5)


@pytest.mark.parametrize("alpha", [0, 0.5, 1])
def test_microast_is_what_plain_numpy_makes_of_its_description(microast_folder, alpha):
    assert_microast_follows_its_description(microast_folder, alpha)


def test_microast_with_real_weights_is_what_plain_numpy_makes_of_its_description(data_dir):
    assert_microast_follows_its_description(data_dir / "weights/microast", 1)


def assert_microast_follows_its_description(folder, alpha):
    files = [folder / f"{name}.safetensors" for name in MicroAST.FILES]
    weights = {
        file.stem: {key.replace(".conv_layer", ""): value for key, value in load_file(file).items()} for file in files
    }
    network = MicroAST()
    network.read(*files)
    content, style = torch.rand(3, 17, 22), torch.rand(3, 20, 16) ** 2
    wanted = plain_microast(content.numpy(), style.numpy(), weights, alpha)
    assert wanted.shape == (3, 20, 24)
    assert np.abs(stylised(network, content, style, alpha) - wanted).max() < 1e-4 * np.abs(wanted).max()


def test_features_take_mean_and_standard_deviation_of_the_style():
    features, style = torch.randn(2, 5, 8, 9) * 3 + 1, torch.randn(2, 5, 4, 7).exp()
    mean, std = moments(style).unbind(1)
    assert torch.allclose(mean.squeeze(), style.mean((2, 3)), atol=1e-5)
    assert torch.allclose(std.squeeze(), style.std((2, 3)), atol=1e-4)
    taken = normalise_to(features, mean, std, 1.0)
    assert torch.allclose(moments(taken), moments(style), atol=1e-3)


# On real weights and photographs.


@pytest.fixture(scope="module")
def painted(data_dir):
    """Return three photos, each in its own style and in those of three textures; the photos and the textures."""
    network = Stylize("microast", weights=data_dir / "weights/microast").load(CPU).network
    photos = sorted((data_dir / "photos-imagenet/images").iterdir())[:3]
    textures = [next((data_dir / "textures" / kind).iterdir()) for kind in ("banded", "chequered", "crystalline")]
    contents, styles = (
        torch.stack([torch.from_numpy(fit(read_image(path), 128)).permute(2, 0, 1) / 255 for path in paths])
        for paths in (photos, textures)
    )
    with torch.no_grad():
        own = network(contents, network.encode_style(contents), 1.0).clamp(0, 1)
        others = torch.stack(
            [network(contents, network.encode_style(style.expand_as(contents)), 1.0) for style in styles]
        )
    return contents, styles, own, others.clamp(0, 1)


def test_a_photo_in_its_own_style_is_nearly_itself(painted):
    contents, _, own, others = painted
    distance = (own - contents).abs().mean((1, 2, 3))
    assert (distance < 0.1).all()
    assert (distance < (others - contents).abs().mean((2, 3, 4))).all()


def test_a_photo_in_another_style_has_the_colours_of_the_style_and_the_contours_of_the_photo(painted):
    contents, styles, _, others = painted
    colours = others.mean((3, 4))
    assert ((colours - styles.mean((2, 3))[:, None]).abs() < 0.15).all()

    def contours(images):
        grey = torch.nn.functional.avg_pool2d(images.mean(-3, keepdim=True), 4)
        return torch.hypot(grey.diff(dim=-1)[..., 1:, :], grey.diff(dim=-2)[..., 1:]).flatten()

    def agreement(first, second):
        return np.corrcoef(contours(first), contours(second))[0, 1]

    for position, content in enumerate(contents):
        own = np.mean([agreement(style[position], content) for style in others])
        foreign = np.mean([agreement(style[position], contents[position - 1]) for style in others])
        assert own > foreign + 0.3


# Which style an image gets.


def test_each_image_gets_one_style_of_the_folder_by_its_own_random_numbers(microast_folder, styles_folder):
    network = Stylize("microast", styles=styles_folder, weights=microast_folder).load(CPU)
    images = torch.rand(1, 3, 16, 16).expand(6, -1, -1, -1)
    result = network(images, numbers(6))
    paths = [styles_folder / name for name in ("a.jpg", "b/wide.png", "c.webp")]
    styles = [torch.from_numpy(fit(read_image(path), 16)).permute(2, 0, 1) / 255 for path in paths]
    each = torch.stack([torch.from_numpy(stylised(network.network, images[0], style, 1.0)) for style in styles])
    distances = (result[:, None] - each.clamp(0, 1)).abs().amax((2, 3, 4))
    assert (distances.min(dim=1).values < 1e-5).all()
    assert ((distances < 1e-5).sum(dim=1) == 1).all()
    assert distances.argmin(dim=1).tolist() == numbers(6).integers("style", 0, (), high=3).tolist()
    assert len(set(distances.argmin(dim=1).tolist())) > 1
    assert not torch.equal(network(images, numbers(6, seed=1)), result)


def test_a_style_is_read_once(microast_folder, styles_folder):
    network = Stylize("microast", styles=styles_folder, weights=microast_folder).load(CPU)
    images = torch.rand(4, 3, 16, 16)
    first = network(images, numbers())
    for path in styles_folder.glob("*.*"):
        path.unlink()
    assert torch.equal(network(images, numbers()), first)


def test_the_size_of_the_styles_is_that_of_the_images_unless_given(microast_folder, styles_folder):
    settings = Stylize("microast", styles=styles_folder, weights=microast_folder)
    small = Stylize("microast", styles=styles_folder, weights=microast_folder, style_size=16)
    images = torch.rand(2, 3, 24, 30)
    assert not torch.equal(settings.load(CPU)(images, numbers(2)), small.load(CPU)(images, numbers(2)))
    square = torch.rand(2, 3, 16, 16)
    assert torch.equal(settings.load(CPU)(square, numbers(2)), small.load(CPU)(square, numbers(2)))


@pytest.mark.parametrize("method", ["adain", "microast"])
@pytest.mark.parametrize("size", [(16, 16), (17, 31), (33, 18), (40, 22)])
def test_images_keep_their_size(method, size, request):
    network = Stylize(method, weights=request.getfixturevalue(f"{method}_folder")).load(CPU)
    assert network(torch.rand(1, 3, *size), numbers(1)).shape == (1, 3, *size)


def test_drawn_textures_differ_and_fill_the_range_of_grains():
    pixels = np.stack([np.asarray(draw_texture(index).convert("L"), float) for index in range(COUNT)])
    assert np.array_equal(pixels[3], np.asarray(draw_texture(3).convert("L")))
    assert len({texture.tobytes() for texture in pixels}) == COUNT
    assert (pixels.std((1, 2)) > 2).all()
    steps = np.abs(np.diff(pixels, axis=2)).mean((1, 2)) / pixels.std((1, 2))
    assert steps.max() > 8 * steps.min()  # from coarse to fine


# Weights, identity and mistakes.


def component(**settings):
    return default_catalog().wrap("transform", Stylize(**settings))


def test_the_identity_has_the_content_of_weights_and_the_listing_of_styles(microast_folder, styles_folder, tmp_path):
    weights = tmp_path / "weights"
    weights.mkdir()
    for file in microast_folder.iterdir():
        (weights / file.name).write_bytes(file.read_bytes())
    (weights / "notes.txt").write_text("does not count")
    condition = Condition((component(method="microast", styles=styles_folder, weights=weights),))
    before = condition.fingerprints()
    assert [path.rpartition("/")[2] for path in before] == [
        *(f"{name}.safetensors" for name in MicroAST.FILES),
        "styles",
    ]
    (weights / "notes.txt").unlink()
    assert condition.fingerprints() == before
    content = bytearray((weights / "decoder.safetensors").read_bytes())
    content[-1] ^= 1
    (weights / "decoder.safetensors").write_bytes(content)
    Image.new("RGB", (16, 16)).save(styles_folder / "new.png")
    changed = {path for path, digest in condition.fingerprints().items() if digest != before[path]}
    assert changed == {str(weights / "decoder.safetensors"), str(styles_folder)}


def test_published_weights_of_adain_are_downloaded_once_and_checked(adain_folder, tmp_path, monkeypatch):
    asked = []

    def stand_in(url, path, sha256):
        asked.append((url.rpartition("/")[2], sha256))
        assert path.parent == tmp_path / "adain"
        return adain_folder / path.name

    monkeypatch.setattr(adain.platformdirs, "user_cache_path", lambda _: tmp_path)
    monkeypatch.setattr(adain, "download", stand_in)
    Stylize().load(CPU)
    assert [name for name, _ in asked] == ["vgg_normalised.pth", "decoder.pth"]
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for _, digest in asked)
    assert Stylize().files() == []


def test_names_of_published_files_may_go_on(microast_folder, tmp_path):
    for file in microast_folder.iterdir():
        torch.save(load_file(file), tmp_path / f"{file.stem}_iter_160000.pth.tar")
    images = torch.rand(1, 3, 16, 16)
    first, second = (Stylize("microast", weights=folder).load(CPU) for folder in (microast_folder, tmp_path))
    assert torch.equal(first(images, numbers(1)), second(images, numbers(1)))


def test_what_is_wrong_is_told(microast_folder, adain_folder, tmp_path):
    with pytest.raises(SpellingError, match=r"method=microast needs weights=FOLDER with content_encoder, .*MicroAST"):
        default_catalog().component("transform", "stylize:method=microast")
    with pytest.raises(WeightsError, match=r"nowhere is not a folder; it must have vgg_normalised, decoder"):
        Stylize(weights=tmp_path / "nowhere").load(CPU)
    with pytest.raises(WeightsError, match=r"must have one file vgg_normalised\*\.safetensors or .*, and it has none"):
        Stylize(weights=microast_folder).files()
    (tmp_path / "decoder_a.pth").write_bytes((adain_folder / "decoder.pth").read_bytes())
    (tmp_path / "vgg_normalised.pth").write_bytes((adain_folder / "decoder.pth").read_bytes())
    with pytest.raises(WeightsError, match=r"vgg_normalised\.pth' is for another network than Sequential"):
        Stylize(weights=tmp_path).load(CPU)
    (tmp_path / "decoder_b.pth").touch()
    with pytest.raises(WeightsError, match=r"and it has decoder_a\.pth, decoder_b\.pth"):
        Stylize(weights=tmp_path).load(CPU)
    with pytest.raises(DataError, match=r"styles=.* has no images; give a folder of textures or paintings"):
        Stylize("microast", styles=tmp_path, weights=microast_folder).load(CPU)
    with pytest.raises(DataError, match="images of 16 x 15 pixels are too small"):
        Stylize("microast", weights=microast_folder).load(CPU)(torch.rand(1, 3, 16, 15), numbers(1))
