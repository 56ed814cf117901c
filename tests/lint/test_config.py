"""`[tool.picklesafe]`: found, read, merged with the command line, and its mistakes explained."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from picklesafe.errors import ConfigurationError
from picklesafe.lint.config import Options, settings_for
from picklesafe.lint.registry import load_rules
from picklesafe.lint.selection import Layer, enabled
from picklesafe.lint.settings import DEFAULT_EXCLUDE, Settings

CODES = ("PKS101", "PKS102", "PKS111", "PKS112", "PKS201")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def configured(project: Path, table: str, **options: object) -> Settings:
    write(project / "pyproject.toml", f"[tool.picklesafe]\n{table}\n")
    return settings_for([Path()], Options(**options))


def mistake(project: Path, table: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        configured(project, table)
    message = str(caught.value)
    assert "\n" not in message
    return message


class TestWhereItIsFound:
    def test_without_a_file_the_working_directory_is_the_root(self, project):
        settings = settings_for([], Options())
        assert settings.root == str(project)
        assert settings.cache_dir == str(project / ".picklesafe_cache")
        assert settings.exclude == DEFAULT_EXCLUDE

    def test_the_nearest_file_above_the_path_counts(self, project):
        write(project / "pyproject.toml", "[tool.picklesafe]\ntarget-torch = '1.13'\n")
        near = write(project / "sub/pyproject.toml", "[tool.picklesafe]\ntarget-torch = '2.4'\n")
        write(project / "sub/deep/a.py", "")
        settings = settings_for([Path("sub/deep/a.py")], Options())
        assert (settings.root, settings.target_torch) == (str(near.parent), (2, 4))

    def test_a_pyproject_that_only_depends_on_picklesafe_is_passed_by(self, project):
        write(project / "pyproject.toml", "[tool.picklesafe]\ntarget-torch = '1.13'\n")
        write(project / "sub/pyproject.toml", "[project]\ndependencies = ['picklesafe']\n")
        assert settings_for([Path("sub")], Options()).target_torch == (1, 13)

    def test_a_damaged_pyproject_of_another_tool_is_none_of_our_business(self, project):
        write(project / "pyproject.toml", "[tool.other\n")
        assert settings_for([], Options()).root == str(project)

    def test_picklesafe_toml_needs_no_header_and_goes_before_pyproject(self, project):
        write(project / "pyproject.toml", "[tool.picklesafe]\ntarget-torch = '1.13'\n")
        write(project / "picklesafe.toml", "target-torch = '2.1'\n")
        assert settings_for([], Options()).target_torch == (2, 1)

    def test_several_paths_go_by_the_working_directory(self, project):
        write(project / "a/picklesafe.toml", "target-torch = '2.1'\n")
        write(project / "b/x.py", "")
        assert settings_for([Path("a"), Path("b/x.py")], Options()).target_torch == (2, 0)
        assert settings_for([Path("a")], Options()).target_torch == (2, 1)

    def test_a_file_that_is_named_goes_before_all(self, project):
        write(project / "picklesafe.toml", "target-torch = '2.1'\n")
        named = write(project / "elsewhere/ours.toml", "target-torch = '2.2'\n")
        settings = settings_for([], Options(config=Path("elsewhere/ours.toml")))
        assert (settings.root, settings.target_torch) == (str(named.parent), (2, 2))

    def test_isolated_reads_no_file_and_loads_none_of_its_rules(self, project):
        write(project / "picklesafe.toml", "rules = ['rules.py']\n")
        write(project / "rules.py", "open('was-run', 'w')\n")
        assert settings_for([], Options(isolated=True)).rules == ()
        assert not (project / "was-run").exists()

    def test_a_byte_order_mark_before_the_settings_is_no_mistake(self, project):
        (project / "picklesafe.toml").write_bytes(b"\xef\xbb\xbftarget-torch = '2.1'\n")
        assert settings_for([], Options()).target_torch == (2, 1)

    @pytest.mark.skipif(getattr(os, "geteuid", lambda: 0)() == 0, reason="needs permissions, which root doesn't heed")
    @pytest.mark.parametrize("name", ["picklesafe.toml", "pyproject.toml"])
    def test_a_file_that_may_not_be_read_is_not_passed_by(self, project, name):
        write(project / name, "").chmod(0)
        with pytest.raises(ConfigurationError, match=f"^{name}: can't be read: "):
            settings_for([], Options())

    def test_a_folder_of_that_name_is_passed_by(self, project):
        (project / "picklesafe.toml").mkdir()
        assert settings_for([], Options()).root == str(project)


class TestWhatItSays:
    def test_every_key_reaches_the_settings(self, project):
        settings = configured(
            project,
            """
            exclude = ["old"]
            extend-exclude = ["vendored/*.py"]
            force-exclude = true
            respect-gitignore = false
            src = ["lib"]
            target-torch = "1.13.1"
            target-python = "3.9"
            cache-dir = "kept"
            """,
        )
        assert settings.exclude == ("old", "vendored/*.py")
        assert (settings.force_exclude, settings.respect_gitignore) == (True, False)
        assert settings.src == ("lib",)
        assert (settings.target_torch, settings.target_python) == ((1, 13), (3, 9))
        assert settings.cache_dir == str(project / "kept")

    def test_the_command_line_goes_before_the_file(self, project):
        settings = configured(
            project,
            'target-torch = "1.13"\nexclude = ["old"]\nextend-exclude = ["a"]\ncache-dir = "kept"',
            target_torch=(2, 3),
            exclude=["new"],
            extend_exclude=["b"],
            cache_dir=Path("there"),
        )
        assert settings.target_torch == (2, 3)
        assert settings.exclude == ("new", "a", "b")
        assert settings.cache_dir == str(project / "there")

    def test_no_cache_means_none(self, project):
        assert configured(project, 'cache-dir = "kept"', no_cache=True).cache_dir is None

    def test_python_may_be_written_as_ruff_writes_it(self, project):
        assert configured(project, 'target-python = "py312"').target_python == (3, 12)

    def test_platforms_are_kept_in_one_order(self, project):
        assert configured(project, 'platforms = ["windows", "linux"]').platforms == ("linux", "windows")

    def test_a_pattern_of_the_command_line_means_the_working_directory(self, project, monkeypatch):
        write(project / "picklesafe.toml", "exclude = ['x/y']")
        (project / "sub").mkdir()
        monkeypatch.chdir(project / "sub")
        settings = settings_for([Path()], Options(extend_exclude=["a/b.py", "name", "folder/", "**/c.py"]))
        assert settings.exclude == ("x/y", "sub/a/b.py", "name", "folder/", "**/c.py")

    def test_prefixes_of_per_file_ignores_are_resolved(self, project):
        rule = "from picklesafe.lint.registry import rule\n@rule(triggers=['x'])\ndef check(call):\n    return None\n"
        for code in ("ABC101", "ABC102", "ABC201"):
            write(project / f"rules/{code.lower()}.py", f'"""{code} some-name: a sentence."""\n{rule}')
        settings = configured(
            project, "rules = ['./rules']\n[tool.picklesafe.per-file-ignores]\n'tests/*' = ['ABC1', 'PKS901']\n"
        )
        assert settings.per_file_ignores == (("tests/*", ("ABC101", "ABC102", "PKS901")),)
        assert {"ABC101", "ABC102", "ABC201"} <= settings.codes
        assert settings.rules == ("./rules",)


class TestMistakes:
    @pytest.mark.parametrize(
        ("table", "said"),
        [
            ("selct = []", "unknown key 'selct' in its picklesafe settings; did you mean 'select'?"),
            ("extend_select = []", "did you mean 'extend-select'?"),
            ("zebra = 1", "unknown key 'zebra'"),
            ("select = 'PKS1'", "select must be a list of strings, not 'PKS1'"),
            ("select = ['PKS1', 3]", "select must be a list of strings"),
            ("force-exclude = 'yes'", "force-exclude must be true or false, not 'yes'"),
            ("respect-gitignore = 1", "respect-gitignore must be true or false, not 1"),
            ("force-exclude = [true]", "must be true or false"),
            ("target-torch = 2.0", 'target-torch must be a version in quotes such as "2.0", not 2.0'),
            ("target-torch = 'new'", "not 'new'"),
            ("target-torch = true", "not true"),
            ("target-python = '2.7'", 'such as "3.10"'),
            ("platforms = ['linux', 'win32']", 'platforms must be a list of some of "linux", "macos", "windows"'),
            ("platforms = []", "platforms must be a list"),
            ("cache-dir = 3", "cache-dir must be a string, not 3"),
            ("per-file-ignores = ['PKS1']", "per-file-ignores must be a table of lists"),
            ("per-file-ignores = {'a' = 'PKS1'}", "per-file-ignores must be a table of lists"),
            ("select = ['QKS']", "unknown rule or prefix 'QKS' in pyproject.toml"),
            ("select = ['']", "unknown rule or prefix ''"),
            ("ignore = ['QKS']", "unknown rule or prefix 'QKS'"),
            ("extend-select = ['QKS']", "unknown rule or prefix 'QKS'"),
            ("per-file-ignores = {'a' = ['QKS']}", "unknown rule or prefix 'QKS'"),
            ("rules = ['./nowhere.py']", "rules = ['./nowhere.py'] can't be loaded"),
            ("rules = ['no_such_module_anywhere']", "can't be loaded"),
        ],
    )
    def test_a_mistake_is_told_in_one_line(self, project, table, said):
        assert said in mistake(project, table)

    @pytest.mark.parametrize("exit", ["raise SystemExit(3)", "import sys\nsys.exit()", "raise ImportError('oh')"])
    def test_a_module_of_rules_that_ends_the_program_is_told(self, project, exit):
        write(project / "leaves.py", exit)
        assert "rules = ['./leaves.py'] can't be loaded: " in mistake(project, "rules = ['./leaves.py']")

    def test_the_message_names_the_file(self, project):
        assert mistake(project, "selct = []").startswith("pyproject.toml: ")

    def test_damaged_toml_is_told_with_its_place(self, project):
        assert "pyproject.toml: is not valid TOML" in mistake(project, "select = [")

    def test_picklesafe_that_is_no_table_is_told(self, project):
        write(project / "pyproject.toml", "[tool]\npicklesafe = 3\n")
        with pytest.raises(ConfigurationError, match="must be a table"):
            settings_for([], Options())

    def test_settings_that_are_no_text_are_told(self, project):
        (project / "picklesafe.toml").write_bytes(b"select = ['\xff']")
        with pytest.raises(ConfigurationError, match="not valid UTF-8"):
            settings_for([], Options())

    def test_an_unknown_code_of_the_command_line_is_told_as_such(self, project):
        with pytest.raises(ConfigurationError, match="'QKS' in the command line"):
            settings_for([], Options(select=["QKS"]))


class TestWhichRulesAreOn:
    def test_by_default_all_are(self):
        assert enabled([], CODES) == set(CODES)

    @pytest.mark.parametrize(
        ("layer", "on"),
        [
            (Layer("", ["PKS1"]), {"PKS101", "PKS102", "PKS111", "PKS112"}),
            (Layer("", ["PKS11", "PKS2"]), {"PKS111", "PKS112", "PKS201"}),
            (Layer("", ["ALL"]), set(CODES)),
            (Layer("", ["PKS101"], ["PKS201"]), {"PKS101", "PKS201"}),
            (Layer("", None, (), ["PKS1"]), {"PKS201"}),
            (Layer("", ["PKS1"], (), ["PKS11"]), {"PKS101", "PKS102"}),
            (Layer("", ["PKS111"], (), ["PKS1"]), {"PKS111"}),
            (Layer("", ["PKS111"], (), ["PKS111"]), set()),
            (Layer("", [], (), []), set()),
            (Layer("", ["PKS2"], (), ["ALL"]), {"PKS201"}),
            (Layer("", ["PKS9"]), set()),
        ],
    )
    def test_the_longer_prefix_wins(self, layer, on):
        assert enabled([layer], CODES) == on

    def test_a_later_layer_that_selects_begins_anew(self):
        layers = [Layer("file", ["PKS2"], (), ["PKS101"]), Layer("line", ["PKS10"])]
        assert enabled(layers, CODES) == {"PKS101", "PKS102"}

    def test_a_later_layer_that_does_not_select_adds_and_takes_away(self):
        layers = [Layer("file", ["PKS10"]), Layer("line", None, ["PKS2"], ["PKS101"])]
        assert enabled(layers, CODES) == {"PKS102", "PKS201"}

    def test_a_near_miss_is_suggested(self):
        with pytest.raises(ConfigurationError, match="did you mean 'PKS111'"):
            enabled([Layer("here", ["pks111"])], CODES)

    def test_the_rules_there_are_can_be_selected_by_their_codes(self, project):
        codes = {*(rule.code for rule in load_rules()), "PKS902"}
        assert settings_for([], Options()).codes == codes
        for code in codes:
            assert settings_for([], Options(select=[code])).codes == {code}
