"""The plan of a run: every setting that decides what it does, fixed when the run is opened.

A run that is interrupted goes on with the plan it was opened with, whatever the settings say by
then, and its id holds the plan's digest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Final, Self, TypeVar

from ringrift.configs import Config
from ringrift.pipeline.engine import USUAL
from ringrift.selfplay.size import even_sizes, fitting_slots, fixed_sizes, shard_games
from ringrift.settings import Settings
from ringrift.settings.base import Section
from ringrift.settings.data_ingestion import DataIngestionSettings
from ringrift.settings.evaluation import EvaluationSettings
from ringrift.settings.network import TowerSettings
from ringrift.settings.search import SearchSettings
from ringrift.settings.selfplay import SelfplaySettings
from ringrift.settings.settings import PACKAGED
from ringrift.settings.training import TrainingSettings
from ringrift.settings.yaml_file import read_mapping
from ringrift.store.ids import digest

_S = TypeVar("_S", bound=Section)

#: Keys of sections that came after plans were first stored. Left out of a plan where they are as packaged: it is
#: the plan that it was before, with the same digest, and a run of it has the same seeds and games.
LATER: Final = {
    "evaluation": ("rollback_min_games",),
    "training": ("min_new_fraction", "stale_after_seconds", "max_quarantined_fraction"),
}


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What one run does. Each field is a section of config/unified_loop.yaml."""

    #: Selfplay games of the run.
    games: int
    #: Games of one shard: as the settings say, or by the speed that was measured before it was opened.
    shard_games: int
    selfplay: SelfplaySettings
    search: SearchSettings
    #: Network of an initial model; a trained one keeps its own.
    network: TowerSettings
    training: TrainingSettings
    evaluation: EvaluationSettings
    data_ingestion: DataIngestionSettings
    #: Rating of the network that plays, and part of the training that is done, when the run was opened.
    #: Each is there where the schedule of the temperature asks for it.
    elo: float | None = None
    progress: float = 0.0
    #: sha256 of the shards of earlier runs in which a part of the games begins.
    archive: tuple[str, ...] = ()
    #: Who plays the games (`selfplay.engines`).
    engine: str = USUAL

    @classmethod
    def of(
        cls,
        settings: Settings,
        config: Config,
        games: int | None = None,
        games_per_second: float | None = None,
        *,
        elo: float | None = None,
        progress: float = 0.0,
        archive: Sequence[str] = (),
        engine: str = USUAL,
    ) -> Self:
        """The plan for one config by the settings of now, per_config included.

        games_per_second: speed of its last shards. elo, progress, archive, engine: see the fields.
        """
        settings = settings.of(config)
        play = settings.selfplay
        size = shard_games(config, play.slots, play.shard_seconds, games_per_second)
        games = games or play.games_per_iteration
        if not play.games_per_shard:
            slots = fitting_slots(config, play.slots, even_sizes(games, size))
            play = play.replace(slots=slots)
        return cls(
            games=games,
            shard_games=play.games_per_shard or size,
            selfplay=play,
            search=settings.search,
            network=settings.network.tower(config.board),
            training=settings.training,
            evaluation=settings.evaluation,
            data_ingestion=settings.data_ingestion,
            elo=elo,
            progress=progress,
            archive=tuple(archive),
            engine=engine,
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON; what came later is left out where it says nothing."""
        return {
            field.name: _plain(field.name, value)
            for field in fields(self)
            for value in [getattr(self, field.name)]
            if field.name not in ("elo", "progress", "archive", "engine") or value != field.default
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of `as_dict`.

        A run may have been opened by another version: keys that it did not know take their packaged default, keys
        that are gone are left out.
        """
        packaged = _packaged()

        def section(model: type[_S], name: str) -> _S:
            known = {**packaged[name], **values[name]}
            return model.model_validate({key: known[key] for key in model.model_fields})

        return cls(
            games=values["games"],
            shard_games=values.get("shard_games", values["selfplay"]["games_per_shard"]),
            selfplay=section(SelfplaySettings, "selfplay"),
            search=section(SearchSettings, "search"),
            network=TowerSettings.model_validate(values["network"]),
            training=section(TrainingSettings, "training"),
            evaluation=section(EvaluationSettings, "evaluation"),
            data_ingestion=section(DataIngestionSettings, "data_ingestion"),
            elo=values.get("elo"),
            progress=values.get("progress", 0.0),
            archive=tuple(values.get("archive", ())),
            engine=values.get("engine", USUAL),
        )

    @property
    def digest(self) -> str:
        """64 hex digits."""
        return digest(self.as_dict())

    def shard_sizes(self) -> list[int]:
        """Games of each shard."""
        if self.selfplay.games_per_shard:
            return fixed_sizes(self.games, self.shard_games)
        return even_sizes(self.games, self.shard_games)


@cache
def _packaged() -> dict[str, Any]:
    """The packaged settings, read once: every stage reads its run's plan."""
    return read_mapping(PACKAGED / "unified_loop.yaml")[0]


def _plain(name: str, value: Any) -> Any:
    """A field of a plan as JSON has it."""
    if isinstance(value, Section):
        made, later = value.model_dump(mode="json"), LATER.get(name, ())
        return {
            key: one
            for key, one in made.items()
            if key not in later or one != _packaged()[name][key]
        }
    return list(value) if isinstance(value, tuple) else value
