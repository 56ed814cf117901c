"""What one file of a project says about the loaders of another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from picklesafe.lint.finding import Finding

from .linting import MAKE, TORCH, loads, short

Write = Callable[[dict[str, "str | bytes"]], Path]
Lint = Callable[[dict[str, str]], dict[str, list[Finding]]]

NORMALISES = TORCH + (
    "def make(data, num_workers=0, prefetch_factor=None):\n"
    "    if num_workers == 0:\n"
    "        prefetch_factor = None\n"
    "    return DataLoader(data, num_workers=num_workers, prefetch_factor=prefetch_factor)\n"
)
DROPS = TORCH + "def make(data, num_workers=4, **options):\n    return DataLoader(data, **options)\n"

EMBEDDER = '''\
from torch.utils.data import DataLoader


class DNALLMEmbedder:
    def __init__(self, path):
        self.path = path

    def parse_dna_embeddings(self, genes, batch_size=8, num_workers: int = 4):
        """Embed the genes."""
        dataset = [*genes]
        return DataLoader(
            dataset,
            batch_size=batch_size,
            num_workers=num_workers,
            prefetch_factor=2,
            persistent_workers=num_workers > 0,
        )
'''


class TestTheSeedCase:
    """A script passes num_workers=0 to a method that hands it to a loader beside prefetch_factor=2."""

    SCRIPT = """\
        from cpgpt.embedder import DNALLMEmbedder

        embedder = DNALLMEmbedder("genome.fa")
        embedder.parse_dna_embeddings(
            ["chr1"],
            num_workers=0,
        )
        """
    ANNOTATED = """\
        from cpgpt.embedder import DNALLMEmbedder

        def embed(embedder: DNALLMEmbedder, genes):
            return embedder.parse_dna_embeddings(genes, num_workers=0)
        """

    def files(self, script: str) -> dict[str, str]:
        return {"cpgpt/__init__.py": "", "cpgpt/embedder.py": EMBEDDER, "scripts/embed.py": script}

    def test_it_is_certain_where_the_class_is_instantiated(self, lint: Lint) -> None:
        assert short(lint(self.files(self.SCRIPT))) == {
            "cpgpt/embedder.py": ["15 PKS111 possible"],
            "scripts/embed.py": ["6 PKS101 certain"],
        }

    @pytest.mark.parametrize("annotation", ["DNALLMEmbedder", "'DNALLMEmbedder'", "DNALLMEmbedder | None"])
    def test_it_is_certain_where_a_parameter_is_annotated_with_the_class(self, lint: Lint, annotation: str) -> None:
        found = lint(self.files(self.ANNOTATED.replace(": DNALLMEmbedder", f": {annotation}")))
        assert short(found)["scripts/embed.py"] == ["4 PKS101 certain"]

    def test_the_finding_sits_on_num_workers_and_names_both_places(self, lint: Lint) -> None:
        (found,) = lint(self.files(self.SCRIPT))["scripts/embed.py"]
        assert (found.start, found.end) == ((6, 5), (6, 18))
        assert "num_workers=0" in found.message and "prefetch_factor=2" in found.message
        assert "embedder.py:11" in found.message
        (related,) = found.related
        assert related.path.endswith("embedder.py") and related.start == (11, 16)
        assert found.fix is None

    def test_a_call_with_workers_is_silent(self, lint: Lint) -> None:
        found = lint(self.files(self.SCRIPT.replace("num_workers=0", "num_workers=2")))
        assert "scripts/embed.py" not in found

    def test_a_call_that_leaves_the_default_is_silent(self, lint: Lint) -> None:
        assert "scripts/embed.py" not in lint(self.files(self.SCRIPT.replace("num_workers=0", "batch_size=1")))

    def test_a_method_of_that_name_of_another_class_is_silent(self, lint: Lint) -> None:
        other = "class DNALLMEmbedder:\n    def parse_dna_embeddings(self, genes, num_workers):\n        return genes\n"
        files = self.files(self.SCRIPT.replace("from cpgpt.embedder", "from other"))
        assert list(lint({**files, "other.py": other})) == ["cpgpt/embedder.py"]

    def test_an_attribute_that_holds_an_instance_is_followed(self, lint: Lint) -> None:
        script = """\
            from cpgpt.embedder import DNALLMEmbedder

            class Pipeline:
                def __init__(self):
                    self.embedder = DNALLMEmbedder("genome.fa")

                def run(self, genes):
                    return self.embedder.parse_dna_embeddings(genes, num_workers=0)
            """
        assert short(lint(self.files(script)))["scripts/embed.py"] == ["8 PKS101 certain"]


class TestCallers:
    @pytest.mark.parametrize(
        ("call", "expected"),
        [
            ("make([1], num_workers=0)", ["3 PKS101 certain"]),
            ("make([1], 0)", ["3 PKS101 certain"]),
            ("make(num_workers=False, data=[1])", ["3 PKS101 certain"]),
            ("make([1], **{'num_workers': 0})", ["3 PKS101 certain"]),
            ("make([1], *[0])", ["3 PKS101 certain"]),
            ("make([1], num_workers=4)", []),
            ("make([1], **options)", []),
        ],
    )
    def test_what_a_call_passes_is_judged_there(self, lint: Lint, call: str, expected: list[str]) -> None:
        found = short(lint({"wrapper.py": MAKE, "use.py": f"from wrapper import make\n\n{call}\n"}))
        assert found.get("use.py", []) == expected and found["wrapper.py"] == ["5 PKS111 possible"]

    @pytest.mark.parametrize(
        ("imports", "callee"),
        [
            ("from pack.wrapper import make", "make"),
            ("from pack import wrapper", "wrapper.make"),
            ("import pack.wrapper", "pack.wrapper.make"),
            ("import pack.wrapper as w", "w.make"),
            ("from pack import make", "make"),
            ("from pack import *", "make"),
            ("from pack.wrapper import *", "make"),
        ],
    )
    def test_it_does_not_matter_how_the_wrapper_is_imported(self, lint: Lint, imports: str, callee: str) -> None:
        files = {"pack/__init__.py": "from .wrapper import make\n", "pack/wrapper.py": MAKE}
        found = lint({**files, "use.py": f"{imports}\n\n{callee}([1], num_workers=0)\n"})
        assert short(found)["use.py"] == ["3 PKS101 certain"]

    def test_a_chain_of_wrappers_is_followed(self, lint: Lint) -> None:
        middle = "from wrapper import make\n\n\ndef build(data, workers):\n    return make(data, num_workers=workers)\n"
        found = lint({"wrapper.py": MAKE, "middle.py": middle, "use.py": "from middle import build\n\nbuild([1], 0)\n"})
        assert short(found)["use.py"] == ["3 PKS101 certain"]

    def test_a_caller_in_the_same_file_is_judged_too(self, lint: Lint) -> None:
        assert short(lint({"a.py": MAKE + "\n\nmake([1], num_workers=0)\n"})) == {
            "a.py": ["5 PKS111 possible", "8 PKS101 certain"]
        }

    def test_a_value_that_the_caller_hardcodes_is_reported_at_the_caller(self, lint: Lint) -> None:
        wrapper = TORCH + (
            "def make(data, num_workers=0, prefetch_factor=None):\n"
            "    return DataLoader(data, num_workers=num_workers, prefetch_factor=prefetch_factor)\n"
        )
        use = (
            "from wrapper import make\n\n\ndef train(workers):\n    make([1], num_workers=workers, prefetch_factor=2)\n"
        )
        found = lint({"wrapper.py": wrapper, "use.py": use})
        assert short(found) == {"use.py": ["5 PKS111 possible"]}
        assert found["use.py"][0].start == (5, 36)

    def test_a_value_and_no_workers_are_certain_at_the_value(self, lint: Lint) -> None:
        wrapper = TORCH + "def make(data, **options):\n    return DataLoader(data, **options)\n"
        use = "from wrapper import make\n\nmake([1], num_workers=0, prefetch_factor=2)\n"
        found = lint({"wrapper.py": wrapper, "use.py": use})
        assert short(found) == {"use.py": ["3 PKS101 certain"]} and found["use.py"][0].start == (3, 26)

    def test_a_wrapper_that_normalises_makes_no_finding_anywhere(self, lint: Lint) -> None:
        use = "from wrapper import make\n\nmake([1], num_workers=0, prefetch_factor=2)\nmake([1], 0, 4)\n"
        assert lint({"wrapper.py": NORMALISES, "use.py": use}) == {}

    def test_a_wrapper_that_never_passes_num_workers_on_refuses_what_callers_give(self, lint: Lint) -> None:
        use = "from wrapper import make\n\nmake([1], num_workers=8, prefetch_factor=2)\n"
        assert short(lint({"wrapper.py": DROPS, "use.py": use})) == {"use.py": ["3 PKS101 certain"]}

    def test_a_wrapper_that_never_passes_num_workers_on_is_found_where_it_hardcodes(self, lint: Lint) -> None:
        text = TORCH + "def make(data, num_workers=4):\n    return DataLoader(data, persistent_workers=True)\n"
        assert short(lint({"wrapper.py": text})) == {"wrapper.py": ["5 PKS102 certain"]}

    def test_the_constructor_of_a_class_is_a_wrapper_too(self, lint: Lint) -> None:
        wrapper = TORCH + (
            "class Data:\n    def __init__(self, data, num_workers):\n"
            "        self.loader = DataLoader(data, num_workers=num_workers, prefetch_factor=2)\n"
        )
        found = lint({"wrapper.py": wrapper, "use.py": "from wrapper import Data\n\nData([1], num_workers=0)\n"})
        assert short(found)["use.py"] == ["3 PKS101 certain"]


class TestGivers:
    """A function of another file gives the arguments; the loader's own file holds none of the words."""

    GIVER = """\
        import platform

        def options({parameters}):
            kwargs = {{}}
            if platform.system() == "Darwin":
                kwargs = {{"multiprocessing_context": "forkserver", "persistent_workers": True}}
            return kwargs
        """
    USE = (
        TORCH + "from config import options\n\n\ndef load(n):\n    return DataLoader([1], num_workers=n, **options())\n"
    )

    def test_both_arguments_are_reported_at_the_loader(self, lint: Lint) -> None:
        found = lint({"config.py": self.GIVER.format(parameters=""), "use.py": self.USE})
        assert short(found) == {"use.py": ["8 PKS112 possible", "8 PKS113 possible"]}

    def test_a_loader_that_has_workers_takes_them(self, lint: Lint) -> None:
        use = self.USE.replace("num_workers=n", "num_workers=n or 4")
        assert lint({"config.py": self.GIVER.format(parameters=""), "use.py": use}) == {}

    def test_what_is_told_the_number_of_workers_is_left_alone(self, lint: Lint) -> None:
        use = self.USE.replace("options()", "options(n)")
        assert lint({"config.py": self.GIVER.format(parameters="workers"), "use.py": use}) == {}


class TestConstants:
    @pytest.mark.parametrize(
        ("settings_file", "expected"),
        [
            ("WORKERS = 0\n", ["4 PKS104 certain"]),
            ("WORKERS = 4\n", []),
            ("import os\n\nWORKERS = os.cpu_count()\n", []),
            ("import os\n\nWORKERS = os.cpu_count() // 2\n", ["4 PKS114 possible"]),
            ("WORKERS: int = 0\n", ["4 PKS104 certain"]),
            ("BASE = 0\nWORKERS = BASE\n", ["4 PKS104 certain"]),
            ("from other import WORKERS\n", ["4 PKS104 certain"]),
            ("from other import *\n", ["4 PKS104 certain"]),
            ("try:\n    import fast\n    WORKERS = 4\nexcept ImportError:\n    WORKERS = 0\n", ["4 PKS114 possible"]),
        ],
    )
    def test_a_constant_of_another_file_is_known(self, lint: Lint, settings_file: str, expected: list[str]) -> None:
        files = {"constants.py": settings_file, "other.py": "WORKERS = 0\n"}
        found = lint({**files, "use.py": loads(head="from constants import WORKERS")})
        assert short(found).get("use.py", []) == expected

    def test_a_constant_of_a_class_of_another_file_is_known(self, lint: Lint) -> None:
        files = {"constants.py": "class Config:\n    workers = 0\n"}
        found = lint({**files, "use.py": loads("Config.workers", "from constants import Config")})
        assert short(found) == {"use.py": ["4 PKS104 certain"]}

    def test_a_constant_is_read_through_its_module(self, lint: Lint) -> None:
        found = lint({"constants.py": "WORKERS = 0\n", "use.py": loads("constants.WORKERS", "import constants")})
        assert short(found) == {"use.py": ["4 PKS104 certain"]}

    def test_a_guard_on_a_constant_of_another_file_is_understood(self, lint: Lint) -> None:
        use = loads(head="from constants import WORKERS").replace("30", "30 if WORKERS > 0 else 0")
        assert lint({"constants.py": "import os\n\nWORKERS = int(os.environ['N'])\n", "use.py": use}) == {}


class TestConfigurations:
    CONFIG = """\
        from dataclasses import dataclass

        @dataclass
        class Base:
            num_workers: int = 4

        @dataclass
        class Config(Base):
            prefetch_factor: int = 2
            keep: bool = False
        """

    def test_the_default_of_a_field_counts(self, lint: Lint) -> None:
        use = """\
            from torch.utils.data import DataLoader
            from config import Config

            def load(data, config: Config):
                return DataLoader(
                    data,
                    num_workers=config.num_workers,
                    prefetch_factor=config.prefetch_factor,
                    persistent_workers=config.keep,
                )
            """
        assert short(lint({"config.py": self.CONFIG, "use.py": use})) == {"use.py": ["8 PKS111 possible"]}

    def test_an_instance_made_without_workers_is_certain(self, lint: Lint) -> None:
        use = """\
            from torch.utils.data import DataLoader
            from config import Config

            config = Config(num_workers=0)
            loader = DataLoader([1], num_workers=config.num_workers, prefetch_factor=config.prefetch_factor)
            """
        assert short(lint({"config.py": self.CONFIG, "use.py": use})) == {"use.py": ["5 PKS101 certain"]}

    def test_an_instance_whose_own_init_normalises_is_silent(self, lint: Lint) -> None:
        config = """\
            from dataclasses import dataclass

            @dataclass
            class Config:
                num_workers: int = 0
                prefetch_factor: int | None = 2

                def __post_init__(self):
                    if self.num_workers == 0:
                        self.prefetch_factor = None
            """
        use = """\
            from torch.utils.data import DataLoader
            from config import Config

            config = Config(num_workers=0)
            loader = DataLoader([1], num_workers=config.num_workers, prefetch_factor=config.prefetch_factor)
            """
        assert lint({"config.py": config, "use.py": use}) == {}


class TestParents:
    PARENT = """\
        class Module:
            def __init__(self, num_workers={default}):
                self.num_workers = num_workers
                self.keep = {keep}
        """
    CHILD = """\
        from torch.utils.data import DataLoader
        from {where} import Module

        class Child(Module):
            def __init__(self, path, **options):
                super().__init__(**options)
                self.path = path

            def loader(self, data):
                return DataLoader(data, num_workers=self.num_workers, persistent_workers=self.keep)
        """

    @pytest.mark.parametrize(
        ("default", "keep", "expected"),
        [
            ("4", "True", {"pack/child.py": ["10 PKS112 possible"]}),
            ("4", "num_workers > 0", {}),
            ("4", "bool(self.num_workers)", {}),
            ("4", "False", {}),
        ],
    )
    @pytest.mark.parametrize("where", ["pack.parent", ".parent"])
    def test_what_a_parent_sets_is_known(
        self, lint: Lint, where: str, default: str, keep: str, expected: dict[str, list[str]]
    ) -> None:
        parent = self.PARENT.format(default=default, keep=keep)
        files = {"pack/__init__.py": "", "pack/parent.py": parent, "pack/child.py": self.CHILD.format(where=where)}
        assert short(lint(files)) == expected

    def test_a_parent_sets_no_workers_and_another_child_may_set_some(self, lint: Lint) -> None:
        files = {
            "parent.py": "class Module:\n    num_workers = 0\n",
            "child.py": TORCH + "from parent import Module\n\n\nclass Child(Module):\n    def loader(self):\n"
            "        return DataLoader([1], num_workers=self.num_workers, timeout=5)\n",
        }
        assert short(lint(files)) == {"child.py": ["9 PKS114 possible"]}

    def test_a_subclass_of_dataloader_in_another_file_is_a_loader(self, lint: Lint) -> None:
        base = TORCH + "class Loader(DataLoader):\n    pass\n"
        use = "from base import Loader\n\n\ndef load(nw):\n    return Loader([1], num_workers=nw, prefetch_factor=2)\n"
        assert short(lint({"base.py": base, "use.py": use})) == {"use.py": ["5 PKS111 possible"]}

    def test_a_subclass_that_normalises_in_another_file_is_silent(self, lint: Lint) -> None:
        base = TORCH + (
            "class Loader(DataLoader):\n    def __init__(self, data, num_workers=0, prefetch_factor=None):\n"
            "        prefetch_factor = prefetch_factor if num_workers > 0 else None\n"
            "        super().__init__(data, num_workers=num_workers, prefetch_factor=prefetch_factor)\n"
        )
        assert lint({"base.py": base, "use.py": "from base import Loader\n\nLoader([1], 0, prefetch_factor=2)\n"}) == {}

    def test_a_class_called_dataloader_that_is_the_projects_own_is_none(self, lint: Lint) -> None:
        own = "class DataLoader:\n    def __init__(self, data, num_workers=0, prefetch_factor=2):\n        pass\n"
        use = "from own import DataLoader\n\nDataLoader([1], num_workers=0, prefetch_factor=2)\n"
        assert lint({"own.py": own, "use.py": use}) == {}
