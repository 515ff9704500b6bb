"""Our command line with small services (`small_celery.py`), as `ringrift`."""

from small_celery import SERVICES  # type: ignore[import-not-found]  # beside this file

from ringrift.pipeline import services


def main_():
    """Become ringrift."""
    services.real_services = lambda **_: SERVICES
    from ringrift.cli.main import main

    main()


if __name__ == "__main__":
    main_()
