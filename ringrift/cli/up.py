"""``ringrift up``: the whole cluster on this machine, until Ctrl-C."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from ringrift.broker.address import broker_address, shown
from ringrift.broker.guard import guarded
from ringrift.celery_flower import USER
from ringrift.cli.options import ProfileName, SettingsFile
from ringrift.cli.stack import Stack
from ringrift.errors import Interrupted, NotReached
from ringrift.settings import Settings, home
from ringrift.settings.profiles import profile_of

app = typer.Typer(add_completion=False)

#: Seconds between two looks at the children.
LOOK_SECONDS = 1.0


@app.command()
def up(
    settings: SettingsFile = None,
    *,
    profile: ProfileName = None,
    beat: Annotated[
        bool | None,
        typer.Option(
            "--beat/--no-beat",
            help="with the master loop's clock (default), or without: then `ringrift master-loop`"
            " or `celery -A ringrift beat` may be started beside it",
        ),
    ] = None,
    continuous: Annotated[
        bool,
        typer.Option(
            "--continuous", help="with the continuous loop, in place of beat unless --beat is given"
        ),
    ] = False,
    flower: Annotated[
        bool, typer.Option(help="start Flower, the web page of the cluster, in profile full")
    ] = True,
) -> NoReturn:
    """Start broker, workers, beat and Flower, and keep them running until Ctrl-C.

    With CELERY_BROKER_URL in the environment that broker is used and none is started; so is the one
    of a running `ringrift broker start`.
    """
    found = settings_for(settings, profile)
    stack = Stack(
        home(),
        found,
        flower=flower,
        beat=not continuous if beat is None else beat,
        continuous=continuous,
    )
    began = time.monotonic()
    try:
        stack.start(warm_up, say)
        announce(stack)
        while True:
            for line in stack.check():
                say(line)
            time.sleep(LOOK_SECONDS)
    except (KeyboardInterrupt, Interrupted):
        print("\nstopping: what has begun is put back, nothing is lost …", flush=True)
    finally:
        stack.stop()
    seconds = time.monotonic() - began
    raise Interrupted(f"stopped after {seconds:.0f} s; the next `ringrift up` goes on from here")


def settings_for(file: Path | None, profile: str | None) -> Settings:
    """The settings of a cluster started from here; its processes find them in the environment.

    Raises BadInput.
    """
    if file is not None:
        os.environ["RINGRIFT_CONFIG_PATH"] = str(file)
    if profile is not None:
        os.environ["RINGRIFT__LOOP__PROFILE"] = profile_of(profile)
    return Settings.load()


def say(line: str) -> None:
    """Print a line with the time. A full disk under our output is no reason to stop the cluster."""
    try:
        print(f"{time.strftime('%H:%M:%S')}  {line}", flush=True)
    except BrokenPipeError:
        raise  # who reads us has enough
    except OSError:
        return


def warm_up() -> None:
    """Compile the kernels, if they are not, before every worker would do it for itself.

    In a process of its own: this one starts others for days, and needs neither torch nor numba.
    """
    command = [sys.executable, "-c", "from ringrift.cli.main import main; main()"]
    done = subprocess.run(guarded([*command, "warmup", "--quiet"]), check=False)
    if done.returncode:
        raise NotReached(f"the kernels could not be compiled (exit code {done.returncode})")


def announce(stack: Stack, what: str = "everything") -> None:
    """Say what runs and where to look, and what Ctrl-C stops."""
    print(f"state      {stack.home}")
    print(f"profile    {stack.parts.profile}")
    print(f"broker     {shown(broker_address(stack.home, os.environ).url)}{_whose(stack)}")
    for child in stack.children:
        print(
            f"{child.role.name:<10} process {child.process.pid}, log {stack.log_of(child.role.name)}"
        )
    for line in about_parts(stack):
        print(line)
    print(f"`ringrift status` tells how far it is; Ctrl-C stops {what}", flush=True)


def about_parts(stack: Stack) -> list[str]:
    """What is there that one would not expect, or is not there that one might."""
    lines = []
    if stack.joined is not None:
        lines.append(f"workers    those of process {stack.joined}")
    elif stack.served:
        lines.append(f"workers    others of this machine take {', '.join(sorted(stack.served))}")
    if stack.parts.workers and stack.coordinates_only:
        lines.append(
            "no gpu worker: RINGRIFT_DISABLE_LOCAL_TASKS is set, this node coordinates only"
        )
    if stack.parts.has_flower:
        lines.append(
            f"Flower     {stack.flower_url}, user {USER}, password: cat {stack.flower_password_file}"
        )
    if not (stack.parts.beat or stack.parts.continuous):
        lines.append(
            "no beat: `ringrift master-loop`, `ringrift continuous` or `ringrift training-loop`"
            " in another terminal opens runs"
        )
    return lines


def _whose(stack: Stack) -> str:
    if stack.joined is not None:
        return f", of process {stack.joined}"
    return ""
