"""The reference is a second opinion only while it shares nothing with what it is compared to."""

import ast
import subprocess
import sys
from pathlib import Path

import ringrift.reference

ROOT = Path(__file__).parents[2]
FILES = sorted(Path(ringrift.reference.__file__).parent.glob("*.py"))
ALLOWED = ("ringrift.configs", "ringrift.errors", "ringrift.reference")


def test_a_game_loads_neither_arrays_nor_compiler_nor_compiled_rules():
    """Playing by the reference in a fresh interpreter loads no numpy, numba or ringrift.rules."""
    program = (
        "import sys\n"
        "from ringrift.configs import Config\n"
        "from ringrift.reference import ReferenceGame\n"
        "game = ReferenceGame.new(Config('square8', 2))\n"
        "for _ in range(200):\n"
        "    if game.result is None: game.apply(game.legal()[-1])\n"
        "bad = {'numpy', 'numba', 'llvmlite', 'ringrift.rules', 'ringrift.compile'}\n"
        "sys.exit(str(bad & sys.modules.keys()) if bad & sys.modules.keys() else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def imports(path):
    """Names of all modules that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full"
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_every_import_is_standard_or_shared_vocabulary():
    """Each file imports the standard library, configs, errors and its own package, no more."""
    assert len(FILES) > 15
    for path in FILES:
        for name in imports(path):
            top = name.partition(".")[0]
            assert top in sys.stdlib_module_names or name.startswith(ALLOWED), (path.name, name)


def test_every_function_says_which_section_it_follows():
    """Each function that states a rule names its section in its docstring or its comments."""
    free = {"game.py", "notation.py", "position.py", "moves.py", "__init__.py"}
    for path in FILES:
        if path.name in free:
            continue
        source = path.read_text()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                text = ast.get_source_segment(source, node) or ""
                assert "rules §" in text or "docs/traces.md" in text, (path.name, node.name)
