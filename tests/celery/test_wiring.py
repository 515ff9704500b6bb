"""The events' wiring in a program of somebody else's."""

import os
import subprocess
import sys
import textwrap


def test_the_cure_of_a_missing_dispatcher_cures(tmp_path):
    """What the error names, done in a fresh process, lets events be wired."""
    code = """
        import ringrift.celery
        from ringrift.pipeline.event_router import PIPELINE, wire_pipeline_events

        ringrift.celery.loaded()
        print(len(wire_pipeline_events(auto_trigger=True).of("SELFPLAY_COMPLETE", PIPELINE)))
        """
    found = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={
            **os.environ,
            "RINGRIFT_HOME": str(tmp_path),
            "CELERY_BROKER_URL": "redis://127.0.0.1:1/0",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == "1\n"
