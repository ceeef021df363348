"""`python -m pipeline`: see `pipeline.command_line`."""

from pipeline.command_line import main

if __name__ == "__main__":
    raise SystemExit(main())
