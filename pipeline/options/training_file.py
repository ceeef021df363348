"""A training file that stands alone on a command line."""

from collections.abc import Sequence

from pipeline.errors import UsageError


def name_training_file(argv: Sequence[str], flags: Sequence[str]) -> list[str]:
    """The words with a training file that stands alone as the setting that it is.

    Args:
        argv: The words after the command.
        flags: Options that take no value.

    Raises:
        UsageError: There are several, or the setting as well.

    Example:
        >>> name_training_file(["pairs.tsv", "--run", "mine"], [])
        ['--data.train=pairs.tsv', '--run', 'mine']
    """
    words: list[str] = []
    files: list[str] = []
    before = ""
    for word in argv:
        takes_value = before.startswith("-") and "=" not in before and before not in flags
        alone = not word.startswith("-") and not takes_value and before not in ("--help", "-h")
        (files if alone else words).append(word)
        before = word
    if len(files) > 1:
        raise UsageError(
            f"{files[1]}: a file too many beside {files[0]}; the two sides of line-aligned files have a comma between "
            "them, others are --data.dev and --data.test"
        )
    if files and any(word.partition("=")[0] == "--data.train" for word in words):
        raise UsageError(f"{files[0]}: --data.train is given as well; leave one of them out")
    return [*(f"--data.train={file}" for file in files), *words]
