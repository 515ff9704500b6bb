"""The dialogues in docs/engine.md are what the engine says.

``python -m tests.docs.test_engine_dialogue`` writes its answers into the page anew.
"""

import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ringrift.configs import Config
from ringrift.nets.arch import Arch
from ringrift.nets.checkpoint import init_model, save_model

PAGE = Path(__file__).parents[2] / "docs" / "engine.md"
#: The command of a dialogue, then its lines: > to the engine, < from it.
BLOCK = re.compile(r"^```text\n\$ ringrift engine([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def dialogue(options, lines, folder):
    """Send lines to an engine process in a folder, each after the answers to the one before; return it all as text."""
    command = [sys.executable, "-c", "from ringrift.cli.main import main; main()", "engine"]
    with subprocess.Popen(
        [*command, *shlex.split(options)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
        cwd=folder,
    ) as process:
        text = []
        for line in lines:
            text.append(f"> {line}")
            process.stdin.write(f"{line}\n")
            if line == "quit":
                break
            word, last = line.split(" ")[0], "readyok"
            if word == "go":
                last = "bestmove"
            elif word != "isready":
                process.stdin.write("isready\n")
            for answer in process.stdout:
                said = answer.rstrip("\n")
                if said != "readyok" or word == "isready":
                    text.append(f"< {said}")
                if said.startswith((last, "error go")):
                    break
        assert process.wait() == 0
        return "\n".join(text) + "\n"


def without_times(text):
    """A dialogue without what depends on the machine."""
    return re.sub(r"time \d+ nps \d+", "time … nps …", text)


def model_in(folder):
    """The network of the page: an untrained one, which is the same everywhere."""
    path, _ = save_model(init_model(Config("hex8", 2), Arch(8, 1, 1, 8, 8, 8), 1), Path(folder))
    path.rename(Path(folder) / "first.safetensors")


def sent(block):
    """Lines to the engine of a dialogue."""
    return [line[2:] for line in block.splitlines() if line.startswith("> ")]


@pytest.mark.processes
def test_dialogues(tmp_path):
    """Each dialogue of the page, sent to an engine process, gives the answers that stand there."""
    model_in(tmp_path)
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert len(blocks) >= 4
    for options, block in blocks:
        found = dialogue(options, sent(block), tmp_path)
        assert without_times(found) == without_times(block), options


def write():
    """Write the page with the answers of the engine."""
    with tempfile.TemporaryDirectory() as folder:
        model_in(folder)

        def answered(match):
            said = dialogue(match[1], sent(match[2]), folder)
            return f"```text\n$ ringrift engine{match[1]}\n{said}```"

        PAGE.write_text(BLOCK.sub(answered, PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    write()
