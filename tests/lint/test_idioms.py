"""What real repositories write, one idiom after the other: the fine ones are silent, the wrong ones reported.

Short idioms are the body of `load`, longer ones whole files; they stand in the modules beside this one.
"""

from __future__ import annotations

import textwrap

import pytest

from .fine_idioms import FINE, FINE_FILES
from .linting import lint, said, source
from .wrong_files import WRONG_FILES
from .wrong_idioms import WRONG

HEAD = """\
import argparse, copy, functools, math, multiprocessing, os
from types import SimpleNamespace
import click, torch
from torch.utils.data import DataLoader

"""
SIGNATURE = "def load(ds, nw, cfg, args, flag, debug, **extra):\n"

LOADERS = (
    "torch.utils.data.DataLoader",
    "torch.utils.data.dataloader.DataLoader",
    "torchdata.stateful_dataloader.StatefulDataLoader",
    "torch_geometric.loader.DataLoader",
    "torch_geometric.loader.NeighborLoader",
    "torch_geometric.loader.LinkNeighborLoader",
    "torch_geometric.loader.RandomNodeLoader",
    "torch_geometric.loader.ClusterLoader",
    "torch_geometric.loader.GraphSAINTSampler",
    "torch_geometric.loader.GraphSAINTNodeSampler",
    "torch_geometric.loader.GraphSAINTEdgeSampler",
    "torch_geometric.loader.GraphSAINTRandomWalkSampler",
    "torch_geometric.data.DataLoader",
    "dgl.dataloading.DataLoader",
    "dgl.dataloading.GraphDataLoader",
    "monai.data.DataLoader",
    "monai.data.ThreadDataLoader",
    "litdata.StreamingDataLoader",
    "webdataset.WebLoader",
    "fastNLP.TorchDataLoader",
    "timm.data.create_loader",
)
OTHERS = (
    ("torchdata.nodes.Prefetcher", "prefetch_factor=2"),
    ("torchdata.nodes.ParallelMapper", "num_workers=0, multiprocessing_context='spawn'"),
    ("oneflow.utils.data.DataLoader", "num_workers=0, prefetch_factor=2"),
    ("paddle.io.DataLoader", "num_workers=0, persistent_workers=True, timeout=30"),
    ("ffcv.loader.Loader", "num_workers=0, prefetch_factor=2"),
    ("ray.data.Dataset", "num_workers=0, prefetch_factor=2"),
    ("dgl.graphbolt.DataLoader", "num_workers=0, persistent_workers=True"),
    ("torch_geometric.data.LightningDataModule", "num_workers=0, persistent_workers=True"),
    ("torch_geometric.data.LightningDataset", "num_workers=0, prefetch_factor=2"),
    ("fairseq.data.iterators.EpochBatchIterator", "num_workers=0, prefetch_factor=2"),
    ("flash.image.ImageClassificationData", "num_workers=0, persistent_workers=True"),
    ("mmf.utils.build.build_dataloader", "num_workers=0, persistent_workers=True"),
)


def in_load(body: str) -> str:
    return HEAD + SIGNATURE + textwrap.indent(textwrap.dedent(body).strip("\n") + "\n", "    ")


def in_file(text: str) -> str:
    return HEAD + textwrap.dedent(text).strip("\n") + "\n"


@pytest.mark.parametrize("name", FINE)
def test_a_fine_idiom_is_silent(name: str) -> None:
    assert said(in_load(FINE[name])) == []


@pytest.mark.parametrize("name", FINE_FILES)
def test_a_fine_file_is_silent(name: str) -> None:
    assert said(in_file(FINE_FILES[name])) == []


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_idiom_is_reported(name: str) -> None:
    body, *expected = WRONG[name]
    assert said(in_load(body)) == expected


@pytest.mark.parametrize("name", WRONG_FILES)
def test_a_wrong_file_is_reported(name: str) -> None:
    text, *expected = WRONG_FILES[name]
    assert said(in_file(text)) == expected


@pytest.mark.parametrize("path", LOADERS)
@pytest.mark.parametrize("form", ["from {package} import {name}", "import {package}", "import {package} as alias"])
def test_a_loader_with_the_same_contract_is_known_by_its_import(path: str, form: str) -> None:
    package, _, name = path.rpartition(".")
    callee = {"from": name, "import": path}[form.split()[0]] if "alias" not in form else f"alias.{name}"
    head = form.format(package=package, name=name)
    call = f"{callee}(ds, num_workers=nw, prefetch_factor=2, persistent_workers=nw > 0)"
    assert said(f"{head}\n\n\ndef load(ds, nw):\n    return {call}\n") == ["PKS111 possible"]
    assert said(f"{head}\n\n\ndef load(ds, nw):\n    return {call.replace('=2', '=2 if nw else None')}\n") == []


@pytest.mark.parametrize(("path", "arguments"), OTHERS)
def test_the_same_keywords_under_another_contract_are_silent(path: str, arguments: str) -> None:
    package, _, name = path.rpartition(".")
    assert said(f"from {package} import {name}\n\nresult = {name}([1], {arguments})\n") == []


def test_create_loader_of_timm_keeps_its_workers_unless_told_otherwise() -> None:
    head = "from timm.data import create_loader\n\n\ndef load(ds, nw):\n    "
    assert said(head + "return create_loader(ds, 224, 8, num_workers=nw)\n") == ["PKS112 possible"]
    assert said(head + "return create_loader(ds, 224, 8, num_workers=0)\n") == ["PKS102 certain"]
    assert said(head + "return create_loader(ds, 224, 8)\n") == []
    assert said(head + "return create_loader(ds, 224, 8, num_workers=nw, persistent_workers=False)\n") == []


@pytest.mark.parametrize("name", ["TrainingArguments", "Seq2SeqTrainingArguments"])
def test_training_arguments_have_the_contract_under_names_of_their_own(name: str) -> None:
    head = f"from transformers import {name}\n\n\ndef arguments(nw):\n    return {name}('out', "
    assert said(head + "dataloader_num_workers=nw, dataloader_prefetch_factor=2)\n") == ["PKS111 possible"]
    assert said(head + "dataloader_persistent_workers=True)\n") == ["PKS102 certain"]
    assert said(head + "dataloader_num_workers=4, dataloader_prefetch_factor=2)\n") == []
    assert said(head + "dataloader_num_workers=nw, dataloader_persistent_workers=nw > 0)\n") == []
    assert said(head + "num_workers=0, prefetch_factor=2)\n") == []


@pytest.mark.parametrize(
    ("given", "argument"),
    [
        ("num_workers=nw, prefetch_factor=2, shuffle=True", "prefetch_factor=2"),
        ("num_workers=nw, **{'prefetch_factor': 2}", "'prefetch_factor'"),
        ("num_workers=nw, **dict(prefetch_factor=2)", "prefetch_factor=2"),
        ("2, False, None, None, nw, None, False, False, 30", "30"),
    ],
)
def test_a_finding_sits_on_the_argument_itself(given: str, argument: str) -> None:
    text = in_load(f"return DataLoader(ds, {given})")
    (found,) = lint(text)
    assert source(text).slice(found.start, found.end) == argument


def test_a_finding_sits_on_an_item_assignment() -> None:
    text = in_load('kwargs = {"num_workers": nw}\nkwargs["prefetch_factor"] = 2\nreturn DataLoader(ds, **kwargs)')
    (found,) = lint(text)
    assert source(text).slice(found.start, found.end) == 'kwargs["prefetch_factor"] = 2'


def test_a_default_that_nobody_sees_in_the_call_is_reported_at_the_name_of_the_loader() -> None:
    text = "from timm.data import create_loader\n\nloader = create_loader([1], 224, 8, num_workers=0)\n"
    (found,) = lint(text)
    assert (found.start, found.end) == ((3, 10), (3, 23))
