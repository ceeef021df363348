"""Where messages go: standard error, but in a notebook below the cell."""

import logging
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.process import messages
from pipeline.process.messages import in_notebook, message_stream, progress_bar, show_in_notebook


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel, as far as it is asked for."""
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))


@pytest.fixture
def no_handlers() -> Any:
    kept = {name: vars(logging.getLogger(name)).copy() for name in messages.PACKAGES}
    for name in messages.PACKAGES:
        logging.getLogger(name).handlers = []
    yield
    for name, values in kept.items():
        vars(logging.getLogger(name)).update(values)
    logging.getLogger().manager._clear_cache()


def test_elsewhere_nothing_changes(no_handlers: None, capsys: pytest.CaptureFixture[str]):
    assert not in_notebook()
    assert message_stream() is sys.stderr
    show_in_notebook()
    assert not logging.getLogger("pipeline").handlers
    with progress_bar(total=2, desc="reading") as bar:
        bar.update()
    written = capsys.readouterr()
    assert not written.out
    assert "reading" in written.err


def test_a_terminal_with_ipython_is_no_notebook(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: SimpleNamespace()))
    assert not in_notebook()


@pytest.mark.usefixtures("notebook", "no_handlers")
def test_a_notebook_shows_messages_and_bars_below_the_cell(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(messages, "find_spec", lambda name: None)
    show_in_notebook()
    show_in_notebook()
    logging.getLogger("pipeline.training.run").info("training 7 parameters")
    logging.getLogger("pipeline.training.run").warning("few words")
    with progress_bar(total=2, desc="reading") as bar:
        bar.update()
    written = capsys.readouterr()
    assert not written.err
    assert written.out.startswith("training 7 parameters\nwarning: few words\n")
    assert "reading" in written.out


@pytest.mark.usefixtures("notebook", "no_handlers")
def test_whoever_has_arranged_for_messages_gets_them(capsys: pytest.CaptureFixture[str]):
    logging.getLogger("pipeline").addHandler(logging.NullHandler())
    show_in_notebook()
    assert len(logging.getLogger("pipeline").handlers) == 1
