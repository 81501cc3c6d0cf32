"""``fastnst study``: the classic experiments."""

from fastnst.cli import SettingsCommand, printable, say
from fastnst.errors import ConfigError

TEXT = """
Usage: fastnst study [NAME ... | all] [SETTING=VALUE ...]

Run a classic experiment of style transfer: several runs of fastnst gatys, in one labelled figure with what
was measured. Without a name, the studies are listed.

  fastnst study content_layers
  fastnst study ratios content=photo.jpg painting.image=mine.jpg size=384 steps=500
  fastnst study three_paintings 'paintings=[starry_night,the_scream,mine.jpg]' painting.dir=FOLDER
  fastnst study fast_or_slow style=starry_night painting=starry_night painting.dir=FOLDER 'photos=[a.jpg]'
  fastnst study all size=128 steps=40      all of them, small: minutes

Settings are those of fastnst gatys, and go to every run: content, painting, painting.image, size, steps,
vgg.precision, device ... Further: out (a folder: studies), paintings, photos, style. OUT/NAME/ takes
figure.png, study.json (with the command that repeats each picture) and the pictures. Broken off, even by
kill -9? The same command does the rest.
"""


def run(argv: list[str]) -> None:
    """Run the studies that are named, with ``key=value`` settings for every cell."""
    from fastnst import study

    known = study.names()
    if flags := [argument for argument in argv if argument.startswith("-") and argument != "--list"]:
        raise ConfigError(f"study takes names and SETTING=VALUE, not {flags[0]}; fastnst study -h")
    given = [argument for argument in argv if "=" in argument or argument.startswith("~")]
    named = [argument for argument in argv if argument not in given and argument != "--list"]
    if given and not named:
        raise ConfigError(f"which study? fastnst study all {' '.join(given)}, or one of {', '.join(known)}")
    if not named or "--list" in argv:
        width = max(map(len, known))
        for name in known:
            say(f"{name.ljust(width)}  {study.load(name).title}", to_stdout=True)
        return
    if unknown := [name for name in named if name not in [*known, "all"]]:
        raise ConfigError(f"there is no study {unknown[0]!r}; there are all, {', '.join(known)}")

    from fastnst import study_run
    from fastnst.cli.bar import terminal_bar

    chosen = list(dict.fromkeys(named))
    if "all" in named:  # what trains a network takes longest
        chosen = sorted(known, key=lambda name: bool(study.load(name).training))
    for_each = {name: study.relevant(name, given) if len(chosen) > 1 else given for name in chosen}
    for override in given:
        if not any(override in settings for settings in for_each.values()):
            study.load(chosen[0], [override])  # says why
    if len(chosen) > 1:  # a mistake is found before an hour's work, not in the middle
        for name, settings in for_each.items():
            study_run.check(name, settings)
    for name, settings in for_each.items():
        with terminal_bar() as report:
            outcome = study_run.run(name, settings, report=report)
        say(printable(str(outcome.figure)), to_stdout=True)
        say(outcome.finding.text, to_stdout=True)


command = SettingsCommand("study", TEXT, run)
