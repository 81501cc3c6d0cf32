from dataclasses import replace

import pytest
import pytorch_lightning as pl
import tiny_style
import torch

from fastnst.defects import EdgeReach, watched
from fastnst.errors import TrainingError
from fastnst.grid import grid_power
from fastnst.losses import PerceptualLoss
from fastnst.networks import build
from fastnst.training import StyleTraining, schedule
from fastnst.vgg import VGG19Features

OPTIM = tiny_style.PLAIN


@pytest.fixture
def module(tiny_weights, photo):
    torch.manual_seed(0)
    loss = PerceptualLoss(
        VGG19Features(tiny_weights, ["relu1_1", "relu2_2"]),
        content_layers={"relu2_2": 1.0},
        style_layers={"relu1_1": 1.0},
        content_weight=1.0,
        style_weight=10.0,
        tv_weight=0.1,
    )
    style = loss.style_target(photo.flip(-1).sqrt())
    module = StyleTraining(build("johnson", {"width": 2, "blocks": 1}), loss, style, optim=OPTIM, steps=100)
    module.log_dict = lambda *args, **kwargs: None
    return module


def pair(photo):
    """A batch in which the network sees the photo as it is."""
    return torch.stack([photo, photo], dim=1)


def test_schedule_warms_up_and_falls_along_a_cosine():
    factor = schedule(OPTIM, 100)
    assert factor(0) == pytest.approx(1 / 5)
    assert factor(1) == pytest.approx(2 / 5, rel=0.01)
    assert factor(50) == pytest.approx((1 + 0.01) / 2)
    assert factor(100) == factor(1000) == pytest.approx(0.01)


def test_the_schedule_moves_step_by_step(module):
    config = module.configure_optimizers()
    assert config["lr_scheduler"]["interval"] == "step"
    assert config["optimizer"].param_groups[0]["lr"] == pytest.approx(1e-2 / 5)


def test_only_the_network_is_trained_and_saved(module):
    trained = {
        id(p) for group in module.configure_optimizers()["optimizer"].param_groups for p in group["params"]
    }
    assert trained == {id(p) for p in module.network.parameters()}
    assert all(name.startswith("network.") for name in module.state_dict())


def test_the_loss_is_that_of_the_networks_pictures(module, photo):
    style = module.loss.style_target(photo.flip(-1).sqrt())
    wanted = module.loss(module.network(photo), module.loss.content_target(photo), style)
    assert module.training_step(pair(photo), 0).item() == wanted.total.item()


def test_the_network_sees_the_grain_and_the_loss_the_photo(module, photo):
    style = module.loss.style_target(photo.flip(-1).sqrt())
    seen = (photo + 0.2).clamp(0, 1)
    wanted = module.loss(module.network(seen), module.loss.content_target(photo), style)
    assert module.training_step(torch.stack([photo, seen], dim=1), 0).item() == wanted.total.item()


def test_the_loss_sees_no_margin_and_the_network_does(module, photo):
    style = module.loss.style_target(photo.flip(-1).sqrt())
    inner = (..., slice(4, -4), slice(4, -4))
    wanted = module.loss(module.network(photo)[inner], module.loss.content_target(photo[inner]), style)
    module.margin = 4
    assert module.training_step(pair(photo), 0).item() == wanted.total.item()
    assert module.network(photo)[inner].ne(module.network(photo[inner])).any()


def test_held_out_pictures_are_measured_to_their_edges(module, photo):
    seen = []
    module.log_dict = lambda named, **kwargs: seen.append(named["val/total"].item())
    module.validation_step(pair(photo), 0)
    module.margin = 4
    module.validation_step(pair(photo), 0)
    assert seen[0] == seen[1]


def test_the_grid_is_weighed_beside_the_loss(module, photo):
    photo = photo.repeat(1, 1, 4, 4)  # large enough to compare one window with another
    plain = module.training_step(pair(photo), 0).item()
    module.optim = replace(OPTIM, grid_weight=50.0)
    grid = grid_power(module.network(photo)).item()
    assert grid > 0
    assert module.training_step(pair(photo), 0).item() == pytest.approx(plain + 50 * grid)


def test_droplets_are_weighed_beside_the_loss(module, photo):
    plain = module.training_step(pair(photo), 0).item()
    module.optim = replace(OPTIM, droplet_weight=0.5)
    with watched(module.network) as kurtoses:
        module.network(photo)
    droplets = torch.stack(kurtoses).mean().item()
    assert droplets > 1
    assert module.training_step(pair(photo), 0).item() == pytest.approx(plain + 0.5 * droplets)


def test_what_edges_change_is_weighed_beside_the_loss(module, photo):
    photo = photo.repeat(1, 1, 2, 2)
    plain = module.training_step(pair(photo), 0).item()
    module.optim = replace(OPTIM, edge_weight=500.0)
    edges = EdgeReach(module.network)(photo[:1], 0).item()
    assert edges > 0
    assert module.training_step(pair(photo), 0).item() == pytest.approx(plain + 500 * edges)


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_ten_steps_lower_the_loss(module, photo, optimizer):
    module.optim = replace(OPTIM, optimizer=optimizer)
    optimizer = module.configure_optimizers()["optimizer"]
    first = last = module.training_step(pair(photo), 0)
    for _ in range(10):
        optimizer.zero_grad()
        last.backward()
        optimizer.step()
        last = module.training_step(pair(photo), 0)
    assert last < first


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_with_advice(module, photo, bad):
    with torch.no_grad():
        next(module.network.parameters()).fill_(bad)
    with pytest.raises(
        TrainingError, match=r"the loss became nan at step 0\. Begin anew with a lower optim\.lr"
    ):
        module.training_step(pair(photo), 0)


@pytest.fixture
def attached(module):
    """The module, as Lightning trains it in float32 and, once ``scaler`` is set, in float16."""
    module.trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    return module


def test_an_infinite_gradient_never_reaches_the_weights(attached, photo):
    module = attached
    module.training_step(pair(photo), 0).backward()
    module.on_before_optimizer_step(None)
    next(module.network.parameters()).grad[0] = float("inf")
    with pytest.raises(
        TrainingError, match=r"a gradient became infinite or NaN at step 0\. Begin anew with a lower"
    ):
        module.on_before_optimizer_step(None)


def test_a_scaler_may_try_gradients_that_are_infinite(attached, photo):
    attached.training_step(pair(photo), 0).backward()
    next(attached.network.parameters()).grad[0] = float("inf")
    attached.trainer.precision_plugin.scaler = torch.amp.GradScaler("cpu")
    attached.on_before_optimizer_step(None)


def test_an_explosion_stops_with_advice(module, monkeypatch):
    monkeypatch.setattr(StyleTraining, "global_step", 50)
    module.guard.usual = 1.0
    module.guard.see(5.0, module.global_step)
    with pytest.raises(
        TrainingError, match=r"the loss exploded at step 50: 100, after 1\.078\. Begin anew with a lower"
    ):
        module.guard.see(100.0, module.global_step)
