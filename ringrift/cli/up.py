"""``ringrift up``: the whole cluster on this machine, until Ctrl-C."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Annotated, NoReturn

import typer

from ringrift.broker.address import broker_address, shown
from ringrift.broker.guard import guarded
from ringrift.cli.options import SettingsFile
from ringrift.cli.stack import Stack
from ringrift.errors import Interrupted, NotReached
from ringrift.settings import Settings, home

app = typer.Typer(add_completion=False)

#: Seconds between two looks at the children.
LOOK_SECONDS = 1.0


@app.command()
def up(
    settings: SettingsFile = None,
    *,
    flower: Annotated[bool, typer.Option(help="start Flower, the web page of the cluster")] = True,
) -> NoReturn:
    """Start broker, workers, beat and Flower, and keep them running until Ctrl-C.

    With CELERY_BROKER_URL in the environment that broker is used and none is started.
    """
    found = Settings.load(settings)
    stack = Stack(home(), found, config=str(settings) if settings else None, flower=flower)
    began = time.monotonic()
    try:
        warm_up()
        stack.start()
        announce(stack)
        while True:
            for line in stack.check():
                print(f"{time.strftime('%H:%M:%S')}  {line}", flush=True)
            time.sleep(LOOK_SECONDS)
    except (KeyboardInterrupt, Interrupted):
        print("\nstopping: what has begun is put back, nothing is lost …", flush=True)
    finally:
        stack.stop()
    seconds = time.monotonic() - began
    raise Interrupted(f"stopped after {seconds:.0f} s; the next `ringrift up` goes on from here")


def warm_up() -> None:
    """Compile the kernels, if they are not, before every worker would do it for itself.

    In a process of its own: this one starts others for days, and needs neither torch nor numba.
    """
    command = [sys.executable, "-c", "from ringrift.cli.main import main; main()"]
    done = subprocess.run(guarded([*command, "warmup", "--quiet"]), check=False)
    if done.returncode:
        raise NotReached(f"the kernels could not be compiled (exit code {done.returncode})")


def announce(stack: Stack) -> None:
    """Say what runs and where to look."""
    print(f"state    {stack.home}")
    print(f"broker   {shown(broker_address(stack.home, os.environ).url)}")
    for child in stack.children:
        print(
            f"{child.role.name:<8} process {child.process.pid}, log {stack.log_of(child.role.name)}"
        )
    if stack.coordinates_only:
        print("no gpu worker: RINGRIFT_DISABLE_LOCAL_TASKS is set, this node coordinates only")
    if stack.flower:
        print(
            f"Flower   {stack.flower_url}, user ringrift,"
            f" password: cat {stack.flower_password_file}"
        )
    print("`ringrift status` tells how far it is; Ctrl-C stops everything", flush=True)
