"""What documents tell a person to type: commands with options that they have, keys that settings have."""

import importlib
import importlib.util
import re
import shlex
from functools import cache
from pathlib import Path

import pytest
import typer
import yaml

from ringrift.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
KNOWN = {command.name: command for command in COMMANDS}

#: `ringrift …` in inline code, or at the beginning of a line of a block (after a prompt, variables).
TYPED = re.compile(r"(?:`|^)(?:\$ )?(?:[A-Z_]+=\S+ )*ringrift ([a-z][^`\n]*)", re.MULTILINE)

#: Where the words of a command end and prose, or another command, begins.
END = re.compile(r"\s{2,}|\s[#│→]|\s\(|[;|&…]|, ")


@cache
def options(name, verb=None):
    """Options of a command; of a verb of a group."""
    app = importlib.import_module(KNOWN[name].module).app
    if not KNOWN[name].group:
        command = typer.main.get_command(app)
    else:
        command = typer.main.get_group(app).commands[verb]
    return {word for one in command.params for word in (*one.opts, *one.secondary_opts)} | {
        "--help"
    }


def wrong_words(text):
    """What of a typed command there is not."""
    words = shlex.split(END.split(text)[0].replace("[", " ").replace("]", " "))
    name, *rest = words or [""]
    if name not in KNOWN:
        return [f"ringrift {name}"]
    verb = None
    if KNOWN[name].group:
        verbs = typer.main.get_group(importlib.import_module(KNOWN[name].module).app).commands
        if not rest or rest[0].startswith("-"):
            return []  # the group as such
        verb = rest[0]
        if verb not in verbs:
            return [f"ringrift {name} {verb}"]
    asked = [word.partition("=")[0] for word in rest if word.startswith("--")]
    return [
        f"ringrift {name} {verb or ''} {word}" for word in asked if word not in options(name, verb)
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_have_their_options(page):
    """Every `ringrift` command of a page exists, with each of its options."""
    wrong = [
        word
        for typed in TYPED.findall(page.read_text(encoding="utf-8"))
        for word in wrong_words(typed)
    ]
    assert wrong == []


def test_a_wrong_option_is_found():
    """Commands, verbs and options that there are not are named: the check above can fail."""
    text = "`ringrift up --on-beat` `ringrift queue explode` `ringrift upp`"
    assert [word for typed in TYPED.findall(text) for word in wrong_words(typed)] == [
        "ringrift up  --on-beat",
        "ringrift queue explode",
        "ringrift upp",
    ]


#: `python -m module …`, and `make target`.
MODULE = re.compile(r"python -m ((?:ringrift|benchmarks|tests)[a-z_.]*)([^`\n]*)")
TARGET = re.compile(r"(?:`|^)make ([a-z]+)", re.MULTILINE)


def wrong_modules(text):
    """What of the modules that are typed there is not: they themselves, or words of theirs in no source beside them."""
    wrong = []
    for name, rest in MODULE.findall(text):
        found = importlib.util.find_spec(name)
        if found is None:
            wrong.append(name)
            continue
        file = Path(found.origin)
        folder = file.parent
        sources = folder.rglob("*.py") if file.name == "__init__.py" else folder.glob("*.py")
        options = {word for one in sources for word in re.findall(r"--[a-z-]+", one.read_text())}
        asked = re.findall(r"--[a-z-]+", END.split(rest.strip())[0])
        wrong += [f"{name} {word}" for word in asked if word not in options]
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_modules_and_targets_are_there(page):
    """Every `python -m` of a page is a module of ours with such options, every `make` a target."""
    text = page.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert wrong_modules(text) == []
    assert set(TARGET.findall(text)) - targets == set()


def test_a_wrong_module_is_found():
    """A module and an option that there are not are named."""
    text = "python -m benchmarks.ruless\npython -m benchmarks.rules --markdwon  # a table"
    assert wrong_modules(text) == ["benchmarks.ruless", "benchmarks.rules --markdwon"]


def _keys(section, path=""):
    for name, value in section.items():
        yield path + name
        if isinstance(value, dict):
            yield from _keys(value, f"{path}{name}.")


def test_settings_that_pages_name_exist():
    """Each `section.key` of a page, whose section the settings have, is a key of config/unified_loop.yaml."""
    keys = set(_keys(yaml.safe_load((ROOT / "config" / "unified_loop.yaml").read_text())))
    sections = {key for key in keys if "." not in key}
    headers = {
        "search.elo",
        "search.progress",
    }  # of a shard's header, which has a search of its own
    wrong = [
        f"{page.name}: {span}"
        for page in PAGES
        for span in re.findall(r"`([a-z_]+(?:\.[a-z_0-9]+)+)`", page.read_text(encoding="utf-8"))
        if span.partition(".")[0] in sections and span not in keys | headers
        if not span.endswith((".py", ".md", ".yaml"))
    ]
    assert wrong == []
