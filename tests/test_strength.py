"""How much of the style: ends of a network's weights, in training, in a style file and in both engines."""

import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import tiny_style
import torch
from torch.func import functional_call

from fastnst import cli, images, style_file, vgg_weights
from fastnst.big_pictures import paint
from fastnst.defects import watched
from fastnst.engines import open_engine
from fastnst.errors import ConfigError, StyleFileError, TrainingError
from fastnst.losses import PerceptualLoss
from fastnst.networks import build, photo_taps, sees_the_photo
from fastnst.settings import StrengthSettings
from fastnst.strength import StrengthTraining
from fastnst.style_file import STRONGER, STRONGEST, WEAKER
from fastnst.vgg import VGG19Features

FAST = {"width": 6, "blocks": 1, "deep": 8, "deep_blocks": 1, "half": 5, "full": 3}
SETTINGS = StrengthSettings(steps=40, early_share=0.5, lr=2e-2, stronger_lr=2e-3, power=3.0, stronger=8.0)
OPTIM = replace(tiny_style.PLAIN, warmup=0)


@pytest.fixture
def module(tiny_weights, photo):
    torch.manual_seed(0)
    loss = PerceptualLoss(
        VGG19Features(tiny_weights, ["relu1_1", "relu2_2"]),
        content_layers={"relu2_2": 1.0},
        style_layers={"relu1_1": 1.0},
        content_weight=1.0,
        style_weight=30.0,
        tv_weight=0.0,
    )
    style = loss.style_target(photo.flip(-1).sqrt())
    network = build("fast", FAST).requires_grad_(False).eval()
    module = StrengthTraining(network, loss, style, settings=SETTINGS, optim=OPTIM)
    for end in module.ends.values():  # as if trained: ends that are where they began would show nothing
        torch.nn.init.normal_(end, mean=0.5, std=0.2)
    return module


@pytest.fixture
def style(module, tmp_path):
    """A style file of a small ``fast`` network with both ends."""
    state = {**module.network.state_dict(), **module.state()}
    record = {"name": "strong", "network": {"name": "fast", "arguments": FAST}}
    path = tmp_path / "strong.safetensors"
    style_file.write(path, {name: value.detach().numpy() for name, value in state.items()}, record)
    return style_file.read(path)


def test_networks_whose_end_sees_the_photo_have_strengths():
    assert sees_the_photo(build("fast", FAST).architecture)
    assert not sees_the_photo(build("johnson", {"width": 2, "blocks": 1}).architecture)


def test_the_loss_sees_no_margin(module, photo):
    batch = torch.stack([photo, photo], dim=1)
    module.margin = 4
    inner = photo[..., 4:-4, 4:-4]
    seen = []
    module.loss.register_forward_pre_hook(lambda loss, inputs: seen.append(inputs))
    module.training_step(batch, 0)
    (pictures, content, _) = seen[0]
    assert pictures.shape == inner.shape
    assert torch.equal(content["relu2_2"], module.loss.content_target(inner)["relu2_2"])


def test_droplets_are_weighed_at_the_strength_of_the_step(module, photo):
    batch = torch.stack([photo, photo], dim=1)
    plain = module.training_step(batch, 0).item()
    module.optim = replace(OPTIM, droplet_weight=0.5)
    with watched(module.network) as kurtoses:
        functional_call(module.network, module.weights(0.5), (photo,))
    droplets = torch.stack(kurtoses).mean().item()
    assert module.training_step(batch, 0).item() == pytest.approx(plain + 0.5 * droplets, rel=1e-4)


def test_the_taps_give_the_photo(photo):
    weight, bias = photo_taps(torch.empty(3, 9, 3, 3), gain=1)
    beside = torch.cat([torch.rand(1, 6, 24, 32), photo], dim=1)
    picture = (torch.nn.functional.conv2d(beside, weight, bias, padding=1) + 1) / 2
    torch.testing.assert_close(picture, photo)


def _styles(module, photo):
    """The style's distance at strengths from 1 up."""
    return [module._style_distance(1 + (STRONGEST - 1) * way / 4, [photo[0]]) for way in range(5)]


@pytest.mark.parametrize(("step", "kept"), [(-1e-3, {1.0}), (-0.5, {0.5, 0.25, 0.125}), (1e-3, {0.0})])
def test_the_stronger_end_is_brought_so_near_that_the_style_falls_on(module, photo, step, kept):
    names = module.names[STRONGER]
    weights = {name: module.trained[name].clone().requires_grad_() for name in names}
    picture = torch.func.functional_call(module.network, weights, (photo,))
    style = {"relu1_1": module.style_relu1_1}
    module.loss(picture, module.loss.content_target(photo), style).style.backward()
    length = torch.cat([weight.grad.flatten() for weight in weights.values()]).norm()
    for name, weight in weights.items():
        module.ends[(STRONGER + name).replace(".", "-")].data = weight.detach() + step * weight.grad / length
    before = _styles(module, photo)
    part = module.shorten([photo[0]])
    assert part in kept
    after = _styles(module, photo)
    assert after[0] == before[0]
    assert after == sorted(after, reverse=True)
    assert len(set(after)) == (5 if part else 1)
    assert (before == sorted(before, reverse=True)) == (part == 1)


def test_between_the_ends_weights_lie_on_a_line(style):
    name = "layers.0.branch.2.weight"
    plain, weaker, stronger = (style.weights(strength)[name] for strength in (1, 0, STRONGEST))
    assert not np.allclose(plain, weaker)
    np.testing.assert_allclose(style.weights(0.25)[name], 0.75 * weaker + 0.25 * plain, rtol=1e-6)
    half = 1 + (STRONGEST - 1) / 2
    np.testing.assert_allclose(style.weights(half)[name], (plain + stronger) / 2, rtol=1e-6)
    assert style.weights(1).keys() == style.weights(0).keys() == style.weights(STRONGEST).keys()


@pytest.mark.parametrize("engine", ["openvino", "torch"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_no_strength_is_the_photo(style, engine, precision):
    photo = tiny_style.noise(41, 50)[None]
    try:
        ready = open_engine(style, engine=engine, device="cpu", precision=precision, strength=0)
    except ConfigError:
        pytest.skip("this CPU has no bfloat16")
    assert np.abs(ready.stylise(photo).astype(int) - photo).max() <= (0 if precision == "float32" else 3)


@pytest.mark.parametrize("stroke", [0.5, 2])
def test_no_strength_has_no_strokes_of_any_size(style, stroke):
    photo = tiny_style.noise(140, 150)
    ready = open_engine(style, engine="openvino", device="cpu", precision="float32", strength=0)
    assert np.array_equal(paint(photo, ready, stroke=stroke), photo)


@pytest.mark.parametrize("strength", [0.3, 1.2])
def test_engines_agree_at_any_strength_and_with_training(style, module, strength):
    photo = tiny_style.noise(40, 56)[None]
    first, second = (
        open_engine(style, engine=engine, device="cpu", precision="float32", strength=strength).stylise(photo)
        for engine in ("openvino", "torch")
    )
    assert np.abs(first.astype(int) - second).max() <= 2
    inputs = torch.from_numpy(photo).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        trained = torch.func.functional_call(module.network, module.weights(strength), (inputs,))
    assert np.abs(trained.permute(0, 2, 3, 1).numpy() * 255 - second).max() <= 0.6
    plain = open_engine(style, engine="torch", device="cpu", precision="float32").stylise(photo)
    assert np.abs(plain.astype(int) - second).mean() > 1


@pytest.mark.parametrize("steps", [range(20), range(20, 40)], ids=["below 1", "above 1"])
def test_only_the_ends_are_trained_and_they_get_better(module, photo, monkeypatch, steps):
    before = {name: value.clone() for name, value in module.network.state_dict().items()}
    for end in module.ends:
        place = end.removeprefix(WEAKER).removeprefix(STRONGER).replace("-", ".")
        module.ends[end].data.copy_(before[place])
    optimizer = module.configure_optimizers()["optimizer"]
    for group in optimizer.param_groups:
        group["lr"] = 2e-3

    def loss(step):
        monkeypatch.setattr(StrengthTraining, "global_step", step)
        return module.training_step(torch.stack([photo, photo], dim=1), step)

    def total():
        with torch.no_grad():
            return sum(loss(step).item() for step in steps[:6])

    first = total()
    for step in [*steps, *steps]:
        optimizer.zero_grad()
        loss(step).backward()
        optimizer.step()
    assert total() < first
    for name, value in module.network.state_dict().items():
        assert torch.equal(value, before[name])


def test_the_style_weighs_more_with_strength(module):
    assert [module.style_factor(strength) for strength in (0, 0.5, 1, STRONGEST)] == [0, 0.125, 1, 8]
    assert 1 < module.style_factor(1.1) < module.style_factor(1.3) < 8


def test_a_step_weighs_content_and_style_by_its_strength(module, photo, monkeypatch):
    seen = {}
    module.weights = lambda strength: seen.setdefault("strength", strength) and {}
    network = module.network(photo)
    style = {layer: getattr(module, f"style_{layer}") for layer in module.loss.style_layers}
    terms = module.loss(network, module.loss.content_target(photo), style)
    for step, above in ((0, False), (19, False), (20, True), (39, True)):
        monkeypatch.setattr(StrengthTraining, "global_step", step)
        seen.clear()
        total = module.training_step(torch.stack([photo, photo], dim=1), step).item()
        assert (seen["strength"] > 1) == above
        expected = terms.content.item() + module.style_factor(seen["strength"]) * terms.style.item()
        assert total == pytest.approx(expected, rel=1e-5)


def test_a_style_without_ends_has_one_strength(home):
    style = style_file.read("tiny.safetensors")
    assert not style.has_strength
    with pytest.raises(ConfigError, match=r"tiny.safetensors was trained for a strength of 1 alone"):
        style.weights(0.5)


@pytest.mark.parametrize("strength", [-0.1, 1.6])
def test_a_strength_out_of_range_is_an_error(style, strength):
    with pytest.raises(ConfigError, match=rf"strength must be from 0 to 1.5, not {strength}"):
        style.weights(strength)


def test_ends_count_as_no_parameters_and_must_fit(style, tmp_path):
    assert style.has_strength
    assert style.parameters == sum(p.numel() for p in build("fast", FAST).parameters())
    weights = {name: np.zeros(shape, np.float32) for name, shape in style.shapes.items()}
    weights[f"{WEAKER}layers.0.branch.2.weight"] = np.zeros(99, np.float32)
    style_file.write(tmp_path / "wrong.safetensors", weights, style.record)
    with pytest.raises(StyleFileError, match=r"'weaker/layers.0.branch.2.weight' is \(99,\) in the file"):
        open_engine(style_file.read(tmp_path / "wrong.safetensors"), device="cpu")


def test_the_command_takes_a_strength(style, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    tiny_style.save("photo.png", tiny_style.noise(24, 32))
    argv = ["stylise", "photo.png", "-s", "strong.safetensors", "--precision", "float32"]
    pictures = {}
    for strength in ("0", "1", "1.5"):
        assert cli.main([*argv, "-o", f"{strength}.png", "--strength", strength]) == 0
        pictures[strength] = images.load(f"{strength}.png").pixels.astype(int)
    np.testing.assert_array_equal(pictures["0"], images.load("photo.png").pixels)
    assert cli.main([*argv, "-o", "grained.png", "--strength", "0", "--grain", "8"]) == 0
    np.testing.assert_array_equal(pictures["0"], images.load("grained.png").pixels)
    assert np.abs(pictures["1.5"] - pictures["1"]).mean() > 1
    tiny_style.write(tmp_path)
    assert (
        cli.main(["stylise", "photo.png", "-s", "tiny.safetensors", "-o", "x.png", "--strength", "0.5"]) == 1
    )
    assert "was trained for a strength of 1 alone" in capsys.readouterr().err


def training(*more):
    arguments = ", ".join(f"{name}: {value}" for name, value in FAST.items())
    return [
        *("train", "painting=brushstrokes", "painting.size=64", "data=samples", "data.size=32"),
        *("data.workers=0", f"network.arguments={{{arguments}}}", "vgg.precision=float32", "loss=johnson"),
        *("trainer.precision=32-true", "trainer.accelerator=cpu", "trainer.max_steps=2", "strength.steps=3"),
        *("init=scratch", "out=mine.safetensors", *more),
    ]


def test_training_ends_with_strengths(tmp_path, monkeypatch, capsys, tiny_weights):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(vgg_weights, "load", lambda source, *, convention="auto": tiny_weights)
    assert cli.main(training("hydra.run.dir=run")) == 0
    assert "training strengths: 3 of 3 steps" in capsys.readouterr().err
    style = style_file.read("mine.safetensors")
    assert style.has_strength
    assert style.record["training"]["strength_steps"] == 3
    plain, weaker, stronger = (style.weights(part)["layers.0.branch.2.weight"] for part in (1, 0, STRONGEST))
    assert not np.allclose(plain, weaker, atol=1e-3)
    assert not np.array_equal(plain, stronger)


def test_it_says_where_strength_gains_nothing(tmp_path, monkeypatch, capsys, tiny_weights):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(vgg_weights, "load", lambda source, *, convention="auto": tiny_weights)
    monkeypatch.setattr(StrengthTraining, "shorten", lambda self, seen: 0.5)
    assert cli.main(training("hydra.run.dir=run")) == 0
    told = capsys.readouterr().err
    assert "0.5 of the way is kept, further the style is no nearer: try strength.steps=6" in told


def test_strengths_have_a_share_of_small_crops_of_their_own(tmp_path, monkeypatch, tiny_weights):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(vgg_weights, "load", lambda source, *, convention="auto": tiny_weights)
    seen, step = [], StrengthTraining.training_step

    def note(self, batch, batch_idx):
        seen.append((batch.shape[-1], self.margin))
        return step(self, batch, batch_idx)

    monkeypatch.setattr(StrengthTraining, "training_step", note)
    sizes = ("data.size=48", "data.early_size=32", "data.early_share=1", "strength.early_share=0.34")
    assert cli.main(training(*sizes, "data.margin=4", "hydra.run.dir=run")) == 0
    assert seen == [(40, 4), (56, 4), (56, 4)]


def test_a_stop_among_the_strengths_loses_nothing(tmp_path, monkeypatch, capsys, tiny_weights):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(vgg_weights, "load", lambda source, *, convention="auto": tiny_weights)
    assert cli.main(training("out=whole.safetensors", "hydra.run.dir=whole")) == 0

    def stop(self, batch, batch_idx):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StrengthTraining, "training_step", stop)
        assert cli.main(training("hydra.run.dir=first")) == 130
    assert not list(tmp_path.glob("mine*"))
    plain = StrengthTraining.training_step

    def interrupted(self, batch, batch_idx):
        if self.global_step == self.steps - 1:
            os.kill(os.getpid(), signal.SIGINT)
        return plain(self, batch, batch_idx)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StrengthTraining, "training_step", interrupted)
        assert cli.main(training("hydra.run.dir=last", "resume=first")) == 130
    assert not list(tmp_path.glob("mine*"))
    assert cli.main(training("hydra.run.dir=second", "resume=first")) == 0
    whole, mine = (style_file.read(f"{name}.safetensors") for name in ("whole", "mine"))
    for strength in (0.5, 1, 1.5):
        for name, value in whole.weights(strength).items():
            np.testing.assert_array_equal(mine.weights(strength)[name], value)


def test_strengths_that_explode_stop_with_advice(module, photo):
    for end in module.ends.values():
        end.data.fill_(float("nan"))
    with pytest.raises(TrainingError, match=r"became nan at step 0\. Try half of strength\.lr"):
        module.training_step(torch.stack([photo, photo], dim=1), 0)


def test_ends_of_weights_that_the_network_lacks_are_refused(style, tmp_path):
    weights = {name: np.zeros(shape, np.float32) for name, shape in style.shapes.items()}
    weights[f"{WEAKER}layers.99.weight"] = np.zeros(1, np.float32)
    style_file.write(tmp_path / "odd.safetensors", weights, style.record)
    with pytest.raises(StyleFileError, match=r"'weaker/layers.99.weight' is \(1,\) in the file and missing"):
        open_engine(style_file.read(tmp_path / "odd.safetensors"), device="cpu")
