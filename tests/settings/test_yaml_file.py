import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.commands.table import parse_arguments
from pipeline.errors import UsageError
from pipeline.settings.configuration import Configuration
from pipeline.settings.configure import configure
from pipeline.settings.types import ALL_SECTIONS, setting_names
from pipeline.settings.yaml_file import DEEPEST, MOST_BYTES, read_settings, read_yaml
from pipeline.tuning.space import read_space

TENS = [f"&l{level} [{','.join([f'*l{level - 1}'] * 10)}]" for level in range(1, 12)]
LAUGHS = f"[&l0 [x], {', '.join(TENS)}]"
MERGES = ", ".join(f"k{level}: &m{level} {{<<: [{','.join([f'*m{level - 1}'] * 10)}]}}" for level in range(1, 12))


def write(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: !!python/object/apply:os.system ['touch hacked']\n", "line 1: not YAML: could not determine a constr"),
        ("a: !!python/name:os.system\n", "line 1: not YAML: could not determine a constructor"),
        (f"a: {LAUGHS}\n", "line 1: more than 10,000 values, its aliases written out"),
        (f"a: {{k0: &m0 {{x: 1}}, {MERGES}}}\n", "line 1: more than 10,000 values, its aliases written out"),
        (f"a: {LAUGHS}\n? *l11\n: 1\n", "line 1: more than 10,000 values"),
        ("x: 1\na: &a [*a]\n", "line 2: more than 10,000 values"),
        ("a: &a {b: *a}\n", "line 1: more than 10,000 values"),
        ("a: " + "[" * 100_000, f"line 1: not YAML: more than {DEEPEST} levels"),
        ("- " * 100_000, f"line 1: not YAML: more than {DEEPEST} levels"),
        ("a:\n" + "".join(" " * level + "k:\n" for level in range(1, 100)), f"more than {DEEPEST} levels"),
        (f"# {'x' * MOST_BYTES}\n", ": more than 262,144 bytes; settings have no need of it"),
        ("a: {b: {c: 1, d: 2,\n  c: 3}}\n", "line 2: c: stands here twice; keep one"),
        ("a: [1, {c: 1, 'c': 3}]\n", "line 1: c: stands here twice"),
        (f"a: 1{'0' * 5000}\n", "line 1: not YAML: no int (Exceeds the limit (4300 digits)"),
        ("b: 1\na: !!timestamp x\n", "line 2: not YAML: no timestamp"),
        ("a: !!bool x\n", "line 1: not YAML: no bool"),
        ("a: !!int ''\n", "line 1: not YAML: no int"),
        ("a: !!int x\n", "line 1: not YAML: no int"),
        ("a: !!float ''\n", "line 1: not YAML: no float"),
        ("a: !!set {x, y}\n", "line 1: a set has no order; write a list"),
        ("a: 2024-13-45\n", "line 1: not YAML: no timestamp (month must be in 1..12)"),
        ('b: 1\na: "x\\0y"\n', r"line 2: 'x\x00y': holds a character that no text has; take it out"),
        ('a: {"\\ud800": 1}\n', r"line 1: '\ud800': holds a character that no text has"),
        ("a: x\0y\n", "line 1: not YAML: special characters are not allowed"),
        (b"b: 1\na: caf\xe9\n", "line 2: not UTF-8; save the file as UTF-8"),
        ("a: x\n".encode("utf-16"), "line 1: not UTF-8"),
        ("a: 1\n---\na: 1\n", "line 2: not YAML: but found another document"),
        ("a: *nowhere\n", "line 1: not YAML: found undefined alias"),
        ("a: {[x]: 1}\n", "line 1: not YAML: found unhashable key"),
    ],
)
def test_hostile_files_are_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | bytes, message: str
):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path, content)
    began = time.monotonic()
    for read in (read_yaml, lambda path: read_settings(path, {"a": [], "b": [], "x": []})):
        with pytest.raises(UsageError) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}")
        assert len(str(caught.value)) < len(str(path)) + 300
        if read is read_yaml:
            assert message in str(caught.value)
    assert time.monotonic() - began < 5
    assert os.listdir(tmp_path) == ["mine.yaml"]


def test_aliases_and_anchors_are_no_sin(tmp_path: Path):
    content, lines = read_yaml(write(tmp_path, "a: &x {b: [1, 2]}\nc: *x\nd: {<<: *x, e: 3}\n"))
    assert content == {"a": {"b": [1, 2]}, "c": {"b": [1, 2]}, "d": {"b": [1, 2], "e": 3}}
    assert lines == {"a": 1, "c": 2, "d": 3}


# Whatever stands at a key: a refusal, or a configuration.

VALUES = st.recursive(
    st.one_of(
        st.sampled_from(["null", "true", ".inf", "-.inf", ".nan", "1e400", "1e-400", "0", "-1", "1.5", "''", "~", "="]),
        st.sampled_from(
            ["2024-01-01", "1:30", "0x1F", "!!binary aGk=", "!!str 3", "gru", "cmudict", "' '", '"\\ud83d"']
        ),
        st.integers(-(10**30), 10**30).map(str),
        st.floats().map(str),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: f"[{', '.join(parts)}]"),
        st.lists(inner, max_size=2).map(
            lambda parts: f"{{{', '.join(f'k{n}: {part}' for n, part in enumerate(parts))}}}"
        ),
    ),
    max_leaves=4,
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.sampled_from(sorted(setting_names(ALL_SECTIONS))), value=VALUES)
def test_any_value_is_refused_or_comes_back(tmp_path: Path, key: str, value: str):
    section, name = key.split(".")
    path = write(tmp_path, f"{section}:\n  {name}: {value}\n")
    command = section if section in ("tune", "study") else "train"
    argv = [command, *(["length"] if command == "study" else []), "--config", str(path)]
    try:
        configuration = parse_arguments(argv).configuration
    except UsageError as refusal:
        message = str(refusal)
    else:
        configuration.save(path)
        assert configure(str(path)) == configuration
        return
    assert key in message or str(path) in message


@pytest.mark.parametrize("content", ["model.units: {choices: [64, .inf]}", "model.units: {min: 1, max: 1e400}"])
def test_impossible_spaces(tmp_path: Path, content: str):
    with pytest.raises(UsageError, match=r"mine\.yaml, line 1: model\.units"):
        read_space(write(tmp_path, content), Configuration())


def test_a_space_with_a_word_twice(tmp_path: Path):
    with pytest.raises(UsageError, match=r"mine\.yaml, line 1: min: stands here twice"):
        read_space(write(tmp_path, "model.units: {min: 1, max: 9, min: 2}\n"), Configuration())


def test_every_section_is_looked_at():
    assert {key.split(".")[0] for key in setting_names(ALL_SECTIONS)} == set(ALL_SECTIONS)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"train.learning_rate": float("inf")}, "train.learning_rate"),
        ({"train.weight_decay": float("inf")}, "train.weight_decay"),
        ({"search.length_penalty": float("nan")}, "search.length_penalty"),
        ({"model.units": 10**30}, "model.units"),
        ({"train.epochs": 2**31}, "train.epochs"),
        ({"search.beam_size": 10**10}, "search.beam_size"),
        ({"train.seed": 2**63}, "train.seed"),
        ({"data.train": ""}, "data.train"),
        ({"data.train": ["a"]}, "data.train"),
        ({"data.dev": ["a", "b", "c"]}, "data.dev"),
        ({"data.train": {"": 1}}, "data.train"),
        ({"data.dev": ["a", " "]}, "data.dev"),
        ({"search.replace_unknown": True, "search.dictionary": ""}, "search.dictionary"),
    ],
)
def test_impossible_values(changes: dict[str, object], key: str):
    with pytest.raises(UsageError, match=f"^{key}: .* is impossible, it must be"):
        configure(changes=changes)


def test_study_rates_that_are_no_numbers():
    for rates in (".inf", ".nan", f"[1{'0' * 400}]", "1e999"):
        with pytest.raises(UsageError, match=r"^study\.rates: "):
            parse_arguments(["study", "length", f"--study.rates={rates}"])


@pytest.mark.parametrize(
    "name",
    ["a: b.tsv", "{x}.tsv", "[y].tsv", "it's", "-dash", "%", '"q"', "# x", "null", "123", "~", "é東😀", " a", "a,b"],
)
def test_paths_of_notebooks(tmp_path: Path, name: str):
    for place in (tmp_path / name, str(tmp_path / name)):
        assert configure(changes={"data.train": place}).data.train == str(place)
        assert configure(changes={"data.dev": [place, "b"]}).data.dev == [str(place), "b"]
    assert configure(changes={"data.train": Path(name)}).data.train == name
    assert configure(changes={"data.train": {name: 2}}).data.train == {name: 2.0}


def test_changes_that_are_no_values():
    with pytest.raises(UsageError, match=r"^changes: .*; give text, numbers, lists, mappings or paths"):
        configure(changes={"data.train": object()})
