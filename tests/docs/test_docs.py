"""The documents hold together: links, the map of the brief, and the numbering of the rules."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [*DOCS, ROOT / "README.md"]


def _words(text: str) -> list[str]:
    return text.split()


#: Everything that the project was asked for by name.
SCRIPTS = _words("""
master_loop.py unified_ai_loop.py cluster_health_check.py cluster_watchdog.py cluster_worker.py
cluster_master_deploy.py run_training_loop.py run_self_play_soak.py generate_canonical_selfplay.py
run_canonical_selfplay_parity_gate.py run_model_elo_tournament.py run_gauntlet.py run_tournament.py
unified_data_sync.py export_replay_dataset.py aggregate_jsonl_to_db.py sync_models.py
prune_models.py model_promotion_manager.py analyze_game_statistics.py
check_ts_python_replay_parity.py track_elo_improvement.py continuous_loop.py launch_daemons.py
run_continuous_training.py multi_config_training_loop.py continuous_training_loop.py
event_router.py data_pipeline_orchestrator.py daemon_manager.py scripts/INDEX.md
scripts/ARCHIVE_INDEX.md scripts/DEPRECATED.md scripts/archive/training/
""")
OPTIONS = _words("""
--config --status --watch --start --watchdog --once --continuous --games --force --board-type
--num-players --selfplay-games --max-iterations
""")
VARIABLES = _words("""
RINGRIFT_DISABLE_LOCAL_TASKS RINGRIFT_TRACE_DEBUG RINGRIFT_SKIP_SHADOW_CONTRACTS
RINGRIFT_CONFIG_PATH RINGRIFT_UNIFIED_LOOP_LEGACY
""")
NAMES = _words("""
get_elo_service() CurriculumTrainer CurriculumConfig ValueCalibrator CalibrationTracker
TemperatureScheduler create_scheduler() wire_pipeline_events(auto_trigger=True)
is_unified_loop_running() LoopConfig configs selfplay_games_per_iteration selfplay_engine
max_iterations iteration_cooldown_seconds force gumbel-mcts DEFERRED
app.training.elo_service app.training.curriculum app.training.value_calibration
app.training.temperature_scheduling app.tournament.elo app.training.elo_reconciliation
app.distributed.cluster_coordinator app.integration.pipeline_feedback app.coordination.helpers
event_router pipeline_orchestrator daemon_manager master_loop continuous_loop
""")
EVENTS = _words("""
SELFPLAY_COMPLETE DATA_SYNC_COMPLETED NPZ_EXPORT_COMPLETE TRAINING_COMPLETED
EVALUATION_COMPLETED MODEL_PROMOTED
""")
SETTINGS = _words("""
config/unified_loop.yaml data_ingestion.poll_interval_seconds evaluation.shadow_interval_seconds
evaluation.full_tournament_interval_seconds training.min_samples_to_trigger training.auto_trigger
""")
CARD = _words("""
celery redis torch numpy pyyaml flower sqlalchemy pyproject.toml ringrift workers
beat_schedule.py config tests README.md
""")
PHRASES = [
    "celery -A ringrift worker -Q gpu",
    "celery -A ringrift beat",
    "selfplay → sync → export → train → evaluate → promote",
    "selfplay allocation",
    "idle resources",
    "data quality gates",
    "feedback loops",
    "curriculum weighting",
    "health monitoring",
    "queue maintenance",
    "circuit breaker",
    "profiles minimal, standard, full",
    "coordinator mode",
    "CMA-ES",
    "NAS",
    "multiple board configs",
    "model distribution",
    "single iteration",
    "Redis lock",
    "cluster coordination options",
]

CODE = [
    path
    for room in ("ringrift", "workers", "tests", "benchmarks", "docs")
    for pattern in ("*.py", "*.md", "*.yaml")
    for path in (ROOT / room).rglob(pattern)
] + [path for path in (ROOT / "beat_schedule.py", ROOT / "README.md") if path.exists()]


def _prose(page: Path) -> str:
    """Text of a page without code blocks and inline code, where brackets are not links."""
    text = re.sub(
        r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    return re.sub(r"`[^`\n]*`", "`code`", text)


def _anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, made as GitHub makes them."""
    heads = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_resolve(page: Path) -> None:
    """Every relative link of a page leads to a file of the project, and to a heading in it."""
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", _prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        inside = file.exists() and ROOT in (file, *file.parents)
        if not inside or (anchor and file.suffix == ".md" and anchor not in _anchors(file)):
            broken.append(target)
    assert not broken, f"{page.name}: links that lead nowhere: {broken}"


@pytest.mark.parametrize(
    "names",
    [SCRIPTS, OPTIONS, VARIABLES, NAMES, EVENTS, SETTINGS, CARD],
    ids=["scripts", "options", "variables", "names", "events", "settings", "card"],
)
def test_brief_map_names_everything(names: list[str]) -> None:
    """Each name that the project was asked for stands in the brief map, as code."""
    text = (ROOT / "docs" / "brief-map.md").read_text(encoding="utf-8")
    spans = " ".join(re.findall(r"`([^`\n]+)`", text))
    words = set(re.split(r"[\s,|=]+", spans)) | set(spans.split())
    missing = [name for name in names if name not in words]
    assert not missing, f"not in docs/brief-map.md: {missing}"


def test_brief_map_tells_every_concept() -> None:
    """Each concept and command of the brief stands in the brief map."""
    text = (ROOT / "docs" / "brief-map.md").read_text(encoding="utf-8")
    missing = [phrase for phrase in PHRASES if phrase.lower() not in text.lower()]
    assert not missing, f"not in docs/brief-map.md: {missing}"


def test_data_path_names_the_events() -> None:
    """The data path says at which arrow each of the six events is committed."""
    text = (ROOT / "docs" / "data-path.md").read_text(encoding="utf-8")
    assert [event for event in EVENTS if event not in text] == []


def test_cited_sections_of_the_rules_exist() -> None:
    """Every section of the rules that code, tests or documents cite is a heading of rules.md."""
    rules = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    heads = set(re.findall(r"^#+ (\d+(?:\.\d+)?)\.? ", rules, flags=re.MULTILINE))
    for section, body in re.findall(
        r"^## (\d+)\. (.*?)(?=^## |\Z)", rules, flags=re.MULTILINE | re.DOTALL
    ):
        if "\n### " not in body:  # steps of an undivided section are cited as §14.5
            heads |= {
                f"{section}.{step}" for step in re.findall(r"^(\d+)\. ", body, flags=re.MULTILINE)
            }
    wrong = []
    for path in CODE:
        text = path.read_text(encoding="utf-8")
        cited = re.findall(
            r"rules(?:\.md\)?)? §(\d+(?:\.\d+)?(?:(?:,| and| to) §?\d+(?:\.\d+)?)*)", text
        )
        if path.name == "rules.md":
            cited += re.findall(r"§(\d+(?:\.\d+)?)", text)
        for group in cited:
            numbers = set(re.findall(r"\d+(?:\.\d+)?", group))
            wrong += [f"{path.relative_to(ROOT)}: §{number}" for number in numbers - heads]
    assert not wrong, "cited sections that docs/rules.md does not have:\n" + "\n".join(wrong)


def test_rules_keep_their_numbering() -> None:
    """The rules have the sections 0 to 20, in order, so that citations stay true."""
    rules = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    heads = re.findall(r"^## (\d+)\. ", rules, flags=re.MULTILINE)
    assert heads == [str(number) for number in range(21)]


def test_no_machine_paths_in_documents() -> None:
    """Documents name no path of one machine."""
    found = [
        f"{page.name}: {hit}"
        for page in PAGES
        for hit in re.findall(r"(?<![\w.~])/(?:work|root|home|tmp|Users)/\S*", page.read_text())
    ]
    assert found == []
