"""The network that trainings begin with: one body, normalisations for each painting."""

from dataclasses import replace

import numpy as np
import pytest
import tiny_style
import torch
from PIL import Image

from fastnst import base_run, cli, config, files, losses, style_file, warm_start
from fastnst.base_training import BaseTraining
from fastnst.defects import EdgeReach, watched
from fastnst.losses import PerceptualLoss
from fastnst.networks import build
from fastnst.run_settings import BaseSettings, TrainSettings
from fastnst.vgg import VGG19Features

JOHNSON = {"width": 2, "blocks": 1}
OPTIM = replace(tiny_style.PLAIN, warmup=0)
SMALL = [
    *("data=samples", "data.size=32", "data.workers=0", "network=johnson"),
    *("network.arguments={width: 2, blocks: 1}", "vgg.precision=float32", "loss=johnson"),
    *("calibration.sizes=[48]", "trainer.precision=32-true", "trainer.accelerator=cpu"),
]
PAINTINGS = ["paintings=[starry_night,the_kiss]", "dir=."]


@pytest.fixture
def module(tiny_weights, photo):
    torch.manual_seed(0)
    features = VGG19Features(tiny_weights, ["relu1_1", "relu2_2"])
    losses = [
        PerceptualLoss(
            features,
            content_layers={"relu2_2": 1.0},
            style_layers={"relu1_1": 1.0},
            content_weight=1.0,
            style_weight=weight,
            tv_weight=0.0,
        )
        for weight in (5.0, 10.0, 20.0)
    ]
    styles = [loss.style_target(photo**power) for loss, power in zip(losses, (0.3, 1.0, 3.0), strict=True)]
    module = BaseTraining(build("johnson", JOHNSON), losses, styles, optim=OPTIM, steps=30, seed=0)
    module.log = lambda *args, **kwargs: None
    return module


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in ("starry_night", "the_kiss"):
        Image.fromarray(rng.integers(0, 256, (48, 64, 3), np.uint8)).save(f"{name}.jpg")
    return tmp_path


def test_every_painting_has_its_turn(module):
    order = [module.chosen(step) for step in range(9)]
    for start in (0, 3, 6):
        assert sorted(order[start : start + 3]) == [0, 1, 2]
    assert order == [module.chosen(step) for step in range(9)]
    assert order != [0, 1, 2] * 3


def test_a_step_trains_the_body_and_the_normalisations_of_its_painting(module, photo):
    module.training_step(torch.stack([photo, photo], dim=1), 0).backward()
    chosen = module.chosen(0)
    convolution = module.network.get_parameter("layers.0.weight")
    assert convolution.grad.abs().sum() > 0
    for number in range(3):
        moved = [bool(value.grad.any()) for value in module.norms(number).values()]
        assert any(moved) == (number == chosen)
    trained = {
        id(each)
        for group in module.configure_optimizers()["optimizer"].param_groups
        for each in group["params"]
    }
    assert id(convolution) in trained
    assert not {id(module.network.get_parameter(name)) for name in module.names} & trained


def test_the_loss_sees_no_margin(module, photo):
    inner = photo[..., 4:-4, 4:-4]
    module.margin = 4
    seen = []
    for loss in module.losses:
        loss.register_forward_pre_hook(lambda loss, inputs: seen.append(inputs))
    module.training_step(torch.stack([photo, photo], dim=1), 0)
    (pictures, content, _) = seen[0]
    assert pictures.shape == inner.shape
    assert torch.equal(content["relu2_2"], module.losses[0].content_target(inner)["relu2_2"])


def test_defects_are_of_the_network_with_its_paintings_normalisations(module, photo):
    photo = photo.repeat(1, 1, 2, 2)
    batch = torch.stack([photo, photo], dim=1)
    plain = module.training_step(batch, 0).item()
    for own in module.own:
        torch.nn.init.normal_(own, mean=1, std=0.5)
    moved = module.training_step(batch, 0).item()
    module.optim = replace(OPTIM, droplet_weight=0.5, edge_weight=500.0)
    network = build("johnson", JOHNSON)
    network.load_state_dict({**module.network.state_dict(), **module.norms(module.chosen(0))})
    with watched(network) as kurtoses:
        network(photo)
    edges = EdgeReach(network)(photo[:1], 0).item()
    assert plain != moved
    assert edges > 0
    wanted = moved + 0.5 * torch.stack(kurtoses).mean().item() + 500 * edges
    assert module.training_step(batch, 0).item() == pytest.approx(wanted, rel=1e-4)


def test_what_is_written_has_the_mean_of_the_normalisations(module):
    for number, own in enumerate(module.own):
        own.data.fill_(number // len(module.names))
    state = module.state()
    assert state.keys() == module.network.state_dict().keys()
    for name in module.names:
        assert (state[name] == 1).all()  # of 0, 1 and 2
    module.network.load_state_dict(state)


def test_a_base_is_trained_and_trainings_begin_with_it(folder, monkeypatch, capsys):
    argv = ["base", *PAINTINGS, *SMALL, "trainer.max_steps=3", "out=johnson.safetensors", "hydra.run.dir=run"]
    seen = []

    class Seen(VGG19Features):
        def __init__(self, *args, **settings):
            seen.append(settings["padding"])
            super().__init__(*args, **settings)

    margins, step = [], BaseTraining.training_step

    def note(self, batch, batch_idx):
        margins.append(self.margin)
        return step(self, batch, batch_idx)

    monkeypatch.setattr(losses, "VGG19Features", Seen)
    monkeypatch.setattr(BaseTraining, "training_step", note)
    assert cli.main([*argv, "trainer.log_every_n_steps=1", "loss.padding=replicate", "data.margin=5"]) == 0
    assert set(seen) == {"replicate"}
    assert margins == [5, 5, 5]
    assert len((folder / "run/metrics.csv").read_text().splitlines()) == 4
    out, err = capsys.readouterr()
    assert out == "johnson.safetensors\n"
    assert "training the base: 3 of 3 steps" in err
    base = style_file.read("johnson.safetensors")
    assert base.record["training"]["paintings"] == ["starry_night", "the_kiss"]
    assert str(folder) not in str(base.record)

    monkeypatch.setattr(style_file, "BASES", folder)
    chosen = [*SMALL, "painting=brushstrokes"]
    first = warm_start.first_network(config.typed(TrainSettings, config.load("train", chosen)))
    for name, value in base.weights().items():
        np.testing.assert_array_equal(first.state_dict()[name].numpy(), value)
    other = config.load("train", [*chosen, "network.arguments.width=3"])
    assert warm_start.first_network(config.typed(TrainSettings, other)).layers[0].out_channels == 3


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        (["network=tiny"], "tiny"),
        (["network=fast"], "fast"),
        (["network=johnson_half"], "johnson_half"),
        (["network=tiny", "network.arguments.full=5"], "fast"),
        (["network=tiny", "out=here/mine.safetensors"], "mine"),
    ],
)
def test_a_base_is_called_as_its_network_is_chosen(overrides, name):
    chosen = config.typed(BaseSettings, config.load("base", [*PAINTINGS, *overrides]))
    assert base_run.destination(chosen).stem == name


def test_paintings_may_be_files_and_their_order_counts(folder, capsys):
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (48, 64, 3), np.uint8)).save("mine.jpg")
    common = ["base", "dir=.", *SMALL, "trainer.max_steps=1", "out=base.safetensors"]
    file = str(folder / "mine.jpg")
    assert cli.main([*common, f"paintings=[{file},the_kiss]", "hydra.run.dir=first"]) == 0
    record = style_file.read("base.safetensors").record
    assert record["training"]["paintings"] == ["mine.jpg", "the_kiss"]
    assert str(folder) not in str(record)
    capsys.readouterr()
    assert cli.main([*common, f"paintings=[the_kiss,{file}]", "hydra.run.dir=second", "resume=first"]) == 1
    assert "was made with" in capsys.readouterr().err


def test_a_base_has_one_device(folder, capsys):
    argv = ["base", *PAINTINGS, *SMALL, "trainer.devices=2", "hydra.run.dir=run"]
    assert cli.main(argv) == 1
    assert capsys.readouterr().err.endswith("a base is trained on one device: leave out trainer.devices\n")


def test_a_base_goes_on_exactly(folder):
    common = ["base", *PAINTINGS, *SMALL, "trainer.max_steps=4", "checkpoint_every=1"]
    assert cli.main([*common, "out=whole.safetensors", "hydra.run.dir=whole"]) == 0
    with pytest.MonkeyPatch.context() as patch:
        steps = BaseTraining.training_step

        def stop(self, batch, batch_idx):
            if self.global_step == 2:
                raise KeyboardInterrupt
            return steps(self, batch, batch_idx)

        patch.setattr(BaseTraining, "training_step", stop)
        assert cli.main([*common, "out=parts.safetensors", "hydra.run.dir=first"]) == 130
    assert cli.main([*common, "out=parts.safetensors", "hydra.run.dir=second", "resume=first"]) == 0
    whole, parts = (style_file.read(f"{name}.safetensors").weights() for name in ("whole", "parts"))
    for name, value in whole.items():
        np.testing.assert_array_equal(parts[name], value)


def test_a_base_from_before_there_was_a_beginning_goes_on_from_scratch(folder, capsys):
    common = ["base", *PAINTINGS, *SMALL, "out=base.safetensors"]
    assert cli.main([*common, "trainer.max_steps=1", "hydra.run.dir=first"]) == 0
    state = torch.load("first/last.ckpt", weights_only=True)
    assert state["identity"].pop("init") == "scratch"
    assert state["identity"].pop("start") == {"init": "scratch"}
    torch.save(state, "first/last.ckpt")
    more = [*common, "trainer.max_steps=2", "resume=first"]
    capsys.readouterr()
    assert cli.main([*more, "init=base.safetensors", "hydra.run.dir=second"]) == 1
    assert "was made with init=scratch, and this run has init=base.safetensors" in capsys.readouterr().err
    assert cli.main([*more, "hydra.run.dir=third"]) == 0
    assert style_file.read("base.safetensors").record["training"]["init"] == "scratch"


def test_a_base_may_go_on_from_another(folder, monkeypatch, capsys):
    common = ["base", *PAINTINGS, *SMALL, "trainer.max_steps=2"]
    assert cli.main([*common, "out=johnson.safetensors", "hydra.run.dir=first"]) == 0
    first = style_file.read("johnson.safetensors")
    assert first.record["training"]["init"] == "scratch"
    begun = []

    def note(self):
        begun.append({name: value.detach().clone() for name, value in self.state().items()})

    monkeypatch.setattr(BaseTraining, "on_train_start", note)
    more = [*common, "init=johnson.safetensors", "out=more.safetensors"]
    assert cli.main([*more, "hydra.run.dir=second"]) == 0
    for name, value in first.weights().items():
        np.testing.assert_array_equal(begun[0][name].numpy(), value)
    training = style_file.read("more.safetensors").record["training"]
    digest = files.sha256(folder / "johnson.safetensors")
    assert (training["init"], training["init_sha256"]) == ("johnson", digest)
    assert training["steps_before"] == 2
    style = config.typed(TrainSettings, config.load("train", [*SMALL, "painting=brushstrokes"]))
    begun_with = warm_start.beginning(replace(style, init="more.safetensors"))
    digest = files.sha256(folder / "more.safetensors")
    assert begun_with == {"init": "more", "init_sha256": digest, "steps_before": 4}
    capsys.readouterr()
    assert cli.main([*common, "out=again.safetensors", "hydra.run.dir=third", "resume=second"]) == 1
    assert "was made with init=johnson.safetensors, and this run has init=scratch" in capsys.readouterr().err
    assert cli.main([*more, "network.arguments.width=4", "hydra.run.dir=fourth"]) == 1
    assert "init=johnson.safetensors is a " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("paintings=[starry_night]", "paintings must be two or more, as in [starry_night,the_kiss]"),
        ("paintings=[starry_night,the_dog]", "there is no painting 'the_dog'"),
        ("paintings=[starry_night,the_scream]", "there is no painting at the_scream.jpg"),
        ("out=base.pt", "out=base.pt: the name of a base ends in .safetensors"),
    ],
)
def test_a_mistake_is_a_line(folder, argument, message, capsys):
    assert cli.main(["base", *PAINTINGS, *SMALL, argument]) == 1
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
