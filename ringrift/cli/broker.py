"""``ringrift broker``: the embedded broker, for other programs and by itself."""

from __future__ import annotations

import time

import typer

from ringrift.broker.address import shown
from ringrift.broker.embedded import EmbeddedBroker, running_url, unanswering
from ringrift.cli.options import Json
from ringrift.errors import Interrupted, NegativeVerdict
from ringrift.settings import home

app = typer.Typer(add_completion=False, help="The embedded broker of the state directory.")


@app.command()
def url() -> None:
    """Print its URL, password included: export CELERY_BROKER_URL=$(ringrift broker url)."""
    print(_running())


@app.command()
def status(*, json: Json = False) -> None:
    """Tell whether it runs; exit 1 if not."""
    found = shown(_running())
    print(f'{{"url": "{found}"}}' if json else f"runs at {found}")


@app.command()
def start() -> None:
    """Run it in the foreground until Ctrl-C, without workers."""
    with EmbeddedBroker(home()) as broker:
        try:
            print(f"broker at {shown(broker.url)}; Ctrl-C stops it", flush=True)
            while True:
                if done := broker.ensure():
                    print(done, flush=True)
                time.sleep(1.0)
        except (KeyboardInterrupt, Interrupted):
            print("\nstopped")


def _running() -> str:
    """Return its URL, or end with what to do."""
    found = running_url(home())
    if found is None:
        raise NegativeVerdict(
            unanswering(home())
            or f"no broker runs in {home()}: `ringrift up` or `ringrift broker start`"
        )
    return found
