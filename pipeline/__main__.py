"""`python -m pipeline`, and the command `attentif` where it is installed: see `pipeline.commands.main`."""

import os
import sys


def main() -> int:
    """Run a command, if what it needs is there.

    Returns:
        The exit code.
    """
    from pipeline.process.installation import describe_installation, find_problem

    argv = sys.argv[1:]
    if argv == ["--version"]:
        print(describe_installation())
        return 0
    problem = find_problem(argv[0] if argv else "")
    if problem:
        if sys.stderr is not None:
            sys.stderr.write("error: " + problem + "\n")
        return 2
    _keep_docstrings()
    from pipeline.commands.main import how_to_go_on
    from pipeline.commands.main import main as run
    from pipeline.process.children import CHILD
    from pipeline.process.standard_streams import hold_standard_streams
    from pipeline.process.sudden_end import Companion

    hold_standard_streams()
    # Who started a child says how it ended.
    if CHILD in os.environ:
        return run()
    companion = Companion(how_to_go_on(argv).removeprefix("; "))
    try:
        return run()
    finally:
        companion.dismiss()


def _keep_docstrings() -> None:
    """Start anew without python -OO: tensorflow-text reads its docstrings and fails without them."""
    if sys.flags.optimize < 2:
        return
    from pipeline.process.installation import own_command, own_environment

    environment = {name: value for name, value in own_environment().items() if name != "PYTHONOPTIMIZE"}
    os.execve(sys.executable, [*own_command(), *sys.argv[1:]], environment)


if __name__ == "__main__":
    raise SystemExit(main())
