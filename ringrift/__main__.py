"""`python -m ringrift`: the command, where the scripts of the environment are not on the path."""

from ringrift.cli.main import main

if __name__ == "__main__":
    main()
