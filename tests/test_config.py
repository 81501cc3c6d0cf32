import pytest
from omegaconf import OmegaConf

from fastnst import config
from fastnst.application import application
from fastnst.config import GatysSettings, TrainSettings, choices, conf_dir, load, typed
from fastnst.errors import ConfigError, ImageError


def test_overrides_reach_the_typed_settings():
    settings = typed(TrainSettings, load("train", ["seed=5", "loss.style_layers.relu4_1=1", "data=samples"]))
    assert settings.seed == 5
    assert settings.loss.style_layers["relu4_1"] == 1.0
    assert settings.data.source == "samples"
    assert type(settings.trainer) is dict


def test_gatys_composes_too():
    settings = typed(GatysSettings, load("gatys", ["content=a.jpg", "painting=the_scream", "steps=7"]))
    assert (settings.content, settings.painting.name, settings.steps) == ("a.jpg", "the_scream", 7)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("stepz=5", "there is no setting 'stepz'; --cfg job lists"),
        ("loss.style_weigth=1", "there is no setting 'loss.style_weigth'"),
        ("trainer.max_stepz=1", "there is no setting 'trainer.max_stepz'"),
        ("data.size=big", "data.size: Value 'big' of type 'str' could not be converted to Integer"),
        ("data.size=4", "data.size must be at least 32 px, not 4"),
        ("data.batch_size=0", "data.batch_size must be from 1 to 4096, not 0"),
        ("trainer.max_steps=many", "trainer.max_steps must be a number from 1, not 'many'"),
        ("loss=nope", "there is no loss 'nope'; there are .*johnson"),
        ("painting=nope", "there is no painting 'nope'; there are .*starry_night"),
        ("seed", "Error parsing override 'seed': missing EQUAL"),
        ("optim.lr=-1", "optim.lr must be above 0 and finite, not -1.0"),
        ("painting.strength=0", "painting.strength must be above 0 and finite, not 0.0"),
        ("logger=wandb", "logger must be csv or tensorboard, not 'wandb'"),
    ],
)
def test_a_mistake_is_named_in_one_line(override, message):
    with pytest.raises(ConfigError, match=message) as caught:
        typed(TrainSettings, load("train", [override]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("painting", choices("painting"))
@pytest.mark.parametrize("name", ["train", "gatys"])
def test_every_painting_composes(painting, name):
    schema = TrainSettings if name == "train" else GatysSettings
    settings = typed(schema, load(name, [f"painting={painting}"]))
    assert settings.painting.name == (None if painting == "own" else painting)


@pytest.mark.parametrize("group", ["network", "loss", "data"])
def test_every_choice_of_a_group_composes(group):
    assert choices(group)
    for choice in choices(group):
        typed(TrainSettings, load("train", [f"{group}={choice}", "data.path=photos"]))


def test_every_number_stands_in_conf_alone():
    for schema in vars(config).values():
        for field in getattr(schema, "__dataclass_fields__", {}).values():
            assert field.default.__class__.__name__ == "_MISSING_TYPE", field.name


def test_application_sweeps_over_paintings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = []

    def job(cfg, run_dir):
        done.append(cfg.painting.name)
        (run_dir / "losses.csv").touch()

    application("train", job, ["-m", "painting=the_scream,great_wave", "data=samples"])
    assert done == ["the_scream", "great_wave"]
    assert len([path for path in tmp_path.glob("runs/sweep_*/*") if path.is_dir()]) == 2


def test_application_passes_an_error_on_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def job(cfg, run_dir):
        raise ImageError("photo.jpg: not a picture")

    with pytest.raises(ImageError, match=r"^photo\.jpg: not a picture$"):
        application("train", job, ["data=samples"])


def test_the_working_directory_stays_the_users(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    seen = []
    application("train", lambda cfg, run_dir: seen.append((tmp_path.cwd(), run_dir)), ["data=samples"])
    assert seen[0][0] == tmp_path
    assert tmp_path / "runs" in seen[0][1].parents


def test_conf_is_plain(tmp_path):
    for path in conf_dir().rglob("*.yaml"):
        text = path.read_text()
        assert "_target_" not in text, path
        OmegaConf.create(text)
