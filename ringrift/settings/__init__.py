"""Settings: ``Settings.load()`` reads config/unified_loop.yaml, ``home()`` is the state directory."""

from ringrift.settings.home import DATABASE, FOLDERS, home, prepare_home, project_folder
from ringrift.settings.settings import Settings

__all__ = ["DATABASE", "FOLDERS", "Settings", "home", "prepare_home", "project_folder"]
