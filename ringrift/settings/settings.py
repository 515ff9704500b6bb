"""All settings, and where they come from.

Each layer changes single keys of the one before it:

1. the packaged ``unified_loop.yaml``, which has every key;
2. one file: ``--settings FILE``, else the file that RINGRIFT_CONFIG_PATH names, else
   ``config/unified_loop.yaml`` of the project folder that we are in. A bare name such as
   ``quickstart`` is a packaged file;
3. variables ``RINGRIFT__SECTION__KEY=value``: the key's place in capitals, its parts joined by two
   underscores, the value written as in YAML (docs/variables.md).

No setting is a secret: passwords come from variables of their own (`ringrift.settings.secrets`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from pydantic import ValidationError, field_validator

from ringrift.configs import Config, each_once
from ringrift.errors import BadInput, nearest, shown
from ringrift.settings.base import Section
from ringrift.settings.cluster import ClusterSettings
from ringrift.settings.data_ingestion import DataIngestionSettings
from ringrift.settings.evaluation import EvaluationSettings
from ringrift.settings.events import EventSettings
from ringrift.settings.home import PROJECT_CONFIG, path_of, project_folder
from ringrift.settings.loop import LoopSettings
from ringrift.settings.models import ModelSettings
from ringrift.settings.network import NetworkSettings
from ringrift.settings.problems import Place, bad_input
from ringrift.settings.search import SearchSettings
from ringrift.settings.selfplay import SelfplaySettings
from ringrift.settings.storage import StorageSettings
from ringrift.settings.training import TrainingSettings
from ringrift.settings.yaml_file import Lines, read_mapping, read_value

#: The default files, in a checkout (a link to config/) and in a wheel.
PACKAGED: Final = Path(__file__).parent.parent / "default_config"

#: The manual, which has every key with its default.
DEFAULTS: Final = PACKAGED / "unified_loop.yaml"

#: Variables that start so change one key; the parts of the place are joined by two underscores.
ENV_PREFIX: Final = "RINGRIFT__"


#: Sections whose keys may differ from config to config.
OF_A_CONFIG: Final = ("selfplay", "search", "training", "evaluation")


_S = TypeVar("_S", bound="Settings")


class Settings(Section):
    """Everything that config/unified_loop.yaml says."""

    loop: LoopSettings
    data_ingestion: DataIngestionSettings
    selfplay: SelfplaySettings
    search: SearchSettings
    network: NetworkSettings
    training: TrainingSettings
    evaluation: EvaluationSettings
    models: ModelSettings
    cluster: ClusterSettings
    events: EventSettings
    storage: StorageSettings
    #: Config -> section -> keys that differ for it; `of` lays them over the others.
    per_config: dict[str, dict[str, dict[str, Any]]]

    @field_validator("per_config")
    @classmethod
    def _configs_exist(
        cls, value: dict[str, dict[str, dict[str, Any]]]
    ) -> dict[str, dict[str, dict[str, Any]]]:
        configs = each_once(value)
        for config, sections in zip(configs, value.values(), strict=True):
            for name in sections:
                if name not in OF_A_CONFIG:
                    raise BadInput(
                        f"{config}: unknown section {name!r}: {nearest(name, OF_A_CONFIG)}"
                    )
        return dict(zip(configs, value.values(), strict=True))

    def of(self, config: Config) -> Self:
        """The settings of one config: those of all, with what ``per_config`` says of this one."""
        return _of_config(self, str(config), lambda _: "settings")

    @classmethod
    def load(cls, path: str | Path | None = None, environ: Mapping[str, str] = os.environ) -> Self:
        """Read all layers. Raises BadInput in one line that names the file or variable."""
        return cls.read(path, environ)[0]

    @classmethod
    def read(
        cls, path: str | Path | None = None, environ: Mapping[str, str] = os.environ
    ) -> tuple[Self, Mapping[Place, str]]:
        """As `load`, and which file or variable had the last word on each place."""
        merged: dict[str, Any] = {}
        sources: dict[Place, str] = {}
        lines: dict[str, Lines] = {}
        for file in files(path, environ):
            values, lines[str(file)] = read_mapping(file)
            _merge(merged, values, str(file), sources, ())
        for source, values in _variables(environ):
            _merge(merged, values, source, sources, ())

        def blamed(place: Place) -> str:
            return _with_line(place, _source(place, sources), lines)

        try:
            made = cls.model_validate(merged)
        except ValidationError as error:
            raise bad_input(cls, error, blamed) from None
        for config in merged["per_config"]:
            _of_config(made, str(Config.parse(config)), partial(_source_of_config, config, blamed))
        return made, sources


def _of_config(settings: _S, config: str, source: Callable[[Place], str]) -> _S:
    """The settings of one config, checked again; ``source`` names where a wrong key came from."""
    changes = settings.per_config.get(config, {})
    if not changes:
        return settings
    whole = settings.model_dump()
    changed = {name: {**whole[name], **keys} for name, keys in changes.items()}
    try:
        return type(settings).model_validate({**whole, **changed, "per_config": {}})
    except ValidationError as error:
        raise bad_input(type(settings), error, source) from None


def _source_of_config(config: str, blamed: Callable[[Place], str], place: Place) -> str:
    """Who set a place of ``per_config``."""
    return f"{blamed(('per_config', config, *place))}: per_config {config}"


def files(path: str | Path | None, environ: Mapping[str, str] = os.environ) -> list[Path]:
    """Return the files to read, first the packaged one. Raises BadInput for one that is not there."""
    default = DEFAULTS
    chosen = path or environ.get("RINGRIFT_CONFIG_PATH", "").strip() or None
    if chosen is None:
        project = project_folder()
        found = project / PROJECT_CONFIG if project else default
    else:
        found = path_of(str(chosen), "settings")
        if not found.exists() and found.parent == Path() and not found.suffix:
            found = PACKAGED / f"{chosen}.yaml"
            names = sorted(file.stem for file in PACKAGED.glob("*.yaml"))
            if not found.exists():
                raise BadInput(
                    f"settings {str(chosen)!r}: no such file or preset; {nearest(str(chosen), names)}"
                )
    return [found] if found.exists() and found.samefile(default) else [default, found]


def variables(model: type[Section] = Settings, name: str = ENV_PREFIX) -> list[str]:
    """Every variable that changes one key: ``RINGRIFT__SECTION__KEY``."""
    found = []
    for key, field in model.model_fields.items():
        here, inner = name + key.upper(), field.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            found += variables(inner, f"{here}__")
        else:
            found.append(here)
    return found


def _variables(environ: Mapping[str, str]) -> list[tuple[str, dict[str, Any]]]:
    """Return each overriding variable as a layer of one key."""
    layers: list[tuple[str, dict[str, Any]]] = []
    for name in sorted(environ):
        if not name.startswith(ENV_PREFIX):
            continue
        source = f"variable {name if name.isprintable() else shown(name)}"
        parts = name.removeprefix(ENV_PREFIX).lower().split("__")
        if (len(parts) < 2 and parts != ["per_config"]) or not all(parts):
            known = [] if parts[0] in Settings.model_fields else variables()
            near = nearest(name.removeprefix(ENV_PREFIX), (one[len(ENV_PREFIX) :] for one in known))
            meant = near.startswith("did you mean")
            said = "; " + near.replace("'", f"'{ENV_PREFIX}", 1) if meant else ""
            raise BadInput(f"{source}: expected {ENV_PREFIX}SECTION__KEY{said}")
        layer: Any = read_value(environ[name], source)
        for part in reversed(parts):
            layer = {part: layer}
        layers.append((source, layer))
    return layers


def _merge(
    into: dict[str, Any],
    values: dict[str, Any],
    source: str,
    sources: dict[Place, str],
    place: Place,
) -> None:
    """Lay ``values`` over ``into``, section by section, and note who said what."""
    for key, value in values.items():
        here = (*place, key)
        if isinstance(value, dict):
            if not isinstance(into.get(key), dict):
                into[key] = {}
            _merge(into[key], value, source, sources, here)
            sources.pop(here, None)
            if not into[key]:  # it says nothing, and may be wrong all the same
                sources[here] = source
        else:
            into[key] = value
            sources.pop(here, None)  # so that the order is that of the last word
            sources[here] = source


def _source(place: Place, sources: Mapping[Place, str]) -> str:
    """Return who set a place: it itself, a section around it, or last any key inside it."""
    for length in range(len(place), 0, -1):
        if place[:length] in sources:
            return sources[place[:length]]
    inside = [source for key, source in sources.items() if key[: len(place)] == place]
    return inside[-1] if inside else "settings"


def _with_line(place: Place, source: str, lines: Mapping[str, Lines]) -> str:
    """Return a source with the line where a place, or the section around it, stands in its file."""
    of = lines.get(source, {})
    for length in range(len(place), 0, -1):
        if place[:length] in of:
            return f"{source}:{of[place[:length]]}"
    return source
