import pytest
from omegaconf import OmegaConf

from fastnst import config
from fastnst.config import choices, conf_dir, load, typed
from fastnst.errors import ConfigError
from fastnst.run_settings import GatysSettings, TrainSettings


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
        ("data.grain=33", "data.grain must be from 0 to 32 levels, not 33.0"),
        ("data.grain=nan", "data.grain must be from 0 to 32 levels, not nan"),
        ("data.batch_size=0", "data.batch_size must be from 1 to 4096, not 0"),
        ("trainer.max_steps=many", "trainer.max_steps must be a number from 1, not 'many'"),
        ("loss=nope", "there is no loss 'nope'; there are .*johnson"),
        ("painting=nope", "there is no painting 'nope'; there are .*starry_night"),
        ("seed", "Error parsing override 'seed': missing EQUAL"),
        ("optim.optimizer=sgd", "optim.optimizer must be muon or adam, not 'sgd'"),
        ("optim.lr=-1", "optim.lr must be above 0 and finite, not -1.0"),
        ("painting.strength=0", "painting.strength must be above 0 and finite, not 0.0"),
        ("logger=wandb", "logger must be csv or tensorboard, not 'wandb'"),
        ("painting.strength=inf", "painting.strength must be above 0 and finite, not inf"),
        ("optim.lr=nan", "optim.lr must be above 0 and finite, not nan"),
        ("seed=9999999999999999999999", "seed must be from 0 to"),
        ("data.batch_size=999999999", "data.batch_size must be from 1 to 4096"),
        ("data.workers=999999999", "data.workers must be from 0 to 256"),
        ("trainer.max_steps=true", "trainer.max_steps must be a number from 1, not True"),
        ("trainer.val_check_interval=0", "trainer.val_check_interval must be a number from 1, not 0"),
        ("+trainer.accumulate_grad_batches=x", "accumulate_grad_batches must be a number from 1, not 'x'"),
        ("data.path=???", "data.path is missing: data.path=VALUE"),
        (
            "data.path=a,b",
            r"data.path has several values: a list is data.path=\[a,b\], a sweep over them needs -m, one "
            r"""name with a comma in it is data.path="'a,b'\"""",
        ),
    ],
)
def test_a_mistake_is_named_in_one_line(override, message):
    with pytest.raises(ConfigError, match=message) as caught:
        typed(TrainSettings, load("train", [override]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        "Größe (1).jpg",
        "日本.png",
        "a=b.png",
        "it's.jpg",
        "50%;#&!.png",
        "~/a.jpg",
        "[a,b",
        "ü\\'ü\\",
        "a b.jpg",
    ],
)
def test_a_value_needs_no_quotes_to_be_a_files_name(value):
    assert typed(GatysSettings, load("gatys", [f"content={value}"])).content == value


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("[Größe.jpg,b.jpg]", ["Größe.jpg", "b.jpg"]),
        ("[~/a.jpg, 'b c.jpg']", ["~/a.jpg", "b c.jpg"]),
        ("[it's.jpg,a(1).jpg,a&b.jpg]", ["it's.jpg", "a(1).jpg", "a&b.jpg"]),
        ("[a.jpg,b.jpg]", ["a.jpg", "b.jpg"]),
        ("['a, b.jpg',ü.jpg, 2024_10]", ["a, b.jpg", "ü.jpg", "2024_10"]),
    ],
)
def test_nor_do_those_of_a_list(given, found):
    assert load("compare", [f"content={given}"]).content == found


@pytest.mark.parametrize("name", ["2024_10_05", "2024.10", "1e3", "+5", "007"])
def test_a_name_is_no_number(name):
    assert typed(GatysSettings, load("gatys", [f"content={name}"])).content == name
    assert typed(GatysSettings, load("gatys", [f"painting.dir={name}"])).painting.dir == name
    assert load("compare", [f"content=[{name},b.jpg]"]).content == [name, "b.jpg"]


def test_a_number_is_no_name():
    settings = typed(GatysSettings, load("gatys", ["steps=1_000", "lr=1e-3", "loss.style_weight=1e3"]))
    assert (settings.steps, settings.lr, settings.loss.style_weight) == (1000, 0.001, 1000.0)


@pytest.mark.parametrize(
    ("given", "quoted"),
    [
        ("content=Größe.png,b.png", "content='Größe.png',b.png"),
        ("content='a, b.png',ü.png", "content='a, b.png','ü.png'"),
        ("out=2024_10,2025_1", "out='2024_10','2025_1'"),
        ("steps=10,20", "steps=10,20"),
        ("painting.dir=choice(2024_10,b)", "painting.dir=choice(2024_10,b)"),
        ("content=sort(3,1,2)", "content=sort(3,1,2)"),
        ("content=[ü.jpg,b.jpg]", "content=['ü.jpg',b.jpg]"),
        ("out=ü/${oc.env:X,y}.png", "out='ü/${oc.env:X,y}.png'"),
        ("++content=2024_10", "++content='2024_10'"),
    ],
)
def test_a_sweep_has_several_names(given, quoted):
    assert config.quoted(given, sweep=True) == quoted


def test_without_a_sweep_a_comma_is_part_of_a_name():
    assert config.quoted("content=Größe, b.png") == "content='Größe, b.png'"
    with pytest.raises(ConfigError, match=r"has several values"):
        load("gatys", ["content=2024_10,2025_1"])


def test_only_names_may_have_commas():
    with pytest.raises(ConfigError, match=r"a sweep over them needs -m$"):
        load("gatys", ["steps=10,20"])


def test_names_with_values_are_plain():
    for sweep in (False, True):
        with pytest.raises(ConfigError, match=r"names before a colon are of ASCII letters") as caught:
            config.quoted("paintings={Größe.jpg: 1, b.jpg: 0.5}", sweep=sweep)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["a.jpg", "~/a.jpg", "1_000", "1e5", "null", "true", "it's", "a b", "photos/ü.png"]
)
def test_an_item_is_read_as_it_was(text):
    assert load("compare", [f"content=[{config.item(text)}]"]).content == [text]


def test_what_hydra_can_read_is_left_to_it():
    settings = typed(
        GatysSettings, load("gatys", ["steps=7", "content=${painting.title}ü", "betas=[0.5,0.9]"])
    )
    assert (settings.steps, settings.betas) == (7, [0.5, 0.9])
    assert typed(
        GatysSettings, load("gatys", ["painting=the_scream", "content=${painting.name}ü.png"])
    ).content == ("the_screamü.png")


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


def test_conf_is_plain(tmp_path):
    for path in conf_dir().rglob("*.yaml"):
        text = path.read_text()
        assert "_target_" not in text, path
        OmegaConf.create(text)
