"""The loaders that share DataLoader's contract, and what they refuse.

Measured on torch 2.13: without workers `prefetch_factor` (not None), `persistent_workers` (true)
and `multiprocessing_context` (not None) raise ValueError in the constructor, `timeout` (> 0)
raises AssertionError at the first `iter()`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

WORKERS: Final = "num_workers"
CONTEXT: Final = "multiprocessing_context"
TRAVELLERS: Final = ("collate_fn", "worker_init_fn")
"""The callables that workers get. Measured: samplers and generators stay in the parent."""

UNMISTAKABLE: Final = ("prefetch_factor", "persistent_workers", "multiprocessing_context")
"""Names that only loaders' arguments have; `timeout` is anybody's."""

HAZARDS: Final = (*UNMISTAKABLE, "timeout")
KEYWORDS: Final = (*UNMISTAKABLE, WORKERS)

_TORCH_POSITIONAL: Final = (
    "dataset",
    "batch_size",
    "shuffle",
    "sampler",
    "batch_sampler",
    "num_workers",
    "collate_fn",
    "pin_memory",
    "drop_last",
    "timeout",
    "worker_init_fn",
    "multiprocessing_context",
    "generator",
)


class Contract(NamedTuple):
    """How one kind of loader takes its arguments.

    Args:
        name: what messages call it.
        positional: names of positional parameters.
        prefix: what its names have before DataLoader's (`dataloader_` in TrainingArguments).
        workers: its default number of workers.
        defaults: what else it sets when nobody does.
        callables: those that it hands on to its workers as they are.
        threads: whether its workers are threads.
    """

    name: str
    positional: tuple[str, ...] = ()
    prefix: str = ""
    workers: int = 0
    defaults: tuple[tuple[str, object], ...] = ()
    callables: tuple[str, ...] = TRAVELLERS
    threads: bool = False

    def keyword(self, name: str) -> str:
        """What this loader calls DataLoader's argument `name`."""
        return self.prefix + name


DATA_LOADER: Final = Contract("DataLoader", _TORCH_POSITIONAL)
CONFIGURATION: Final = Contract("DataLoader")
_TRAINING_ARGUMENTS: Final = Contract("TrainingArguments", prefix="dataloader_")
# torch_geometric 2.8 throws a collate_fn away, for its own.
_GEOMETRIC: Final = ("worker_init_fn",)
_THREADED: Final = Contract("ThreadDataLoader", ("dataset",), callables=(), threads=True)
_STATEFUL: Final = Contract("StatefulDataLoader", _TORCH_POSITIONAL)


def _loaders(package: str, *names: str) -> dict[str, Contract]:
    return {f"{package}.{name}": Contract(name, ("dataset",)) for name in names}


CONTRACTS: Final[dict[str, Contract]] = {
    # torch 2.13; the order of the positional ones is that of 1.13 as well.
    "torch.utils.data.DataLoader": DATA_LOADER,
    "torch.utils.data.dataloader.DataLoader": DATA_LOADER,
    # torchdata 0.11: torch's signature, and one keyword more.
    "torchdata.stateful_dataloader.StatefulDataLoader": _STATEFUL,
    "torchdata.stateful_dataloader.stateful_dataloader.StatefulDataLoader": _STATEFUL,
    # torch_geometric 2.8: subclasses that hand on their keywords; `data` has them under deprecated names.
    **{
        f"torch_geometric.{module}.{name}": Contract(name, ("dataset",), callables=_GEOMETRIC)
        for module in ("loader", "data")
        for name in (
            "DataLoader",
            "NeighborLoader",
            "LinkNeighborLoader",
            "HGTLoader",
            "RandomNodeLoader",
            "ClusterLoader",
            "GraphSAINTSampler",
            "GraphSAINTNodeSampler",
            "GraphSAINTEdgeSampler",
            "GraphSAINTRandomWalkSampler",
            "ShaDowKHopSampler",
            "NeighborSampler",
            "DenseDataLoader",
            "DataListLoader",
            "TemporalDataLoader",
        )
    },
    "torch_geometric.loader.dataloader.DataLoader": Contract("DataLoader", ("dataset",), callables=_GEOMETRIC),
    # Known from the code of their users: subclasses of torch's that hand on their keywords.
    **_loaders("dgl.dataloading", "DataLoader", "GraphDataLoader"),
    **_loaders("dgl.dataloading.dataloader", "DataLoader", "GraphDataLoader"),
    **_loaders("dgl.dataloading.pytorch", "DataLoader", "GraphDataLoader"),
    **_loaders("monai.data", "DataLoader"),
    **_loaders("monai.data.dataloader", "DataLoader"),
    "monai.data.ThreadDataLoader": _THREADED,
    "monai.data.thread_buffer.ThreadDataLoader": _THREADED,
    **_loaders("fastNLP", "TorchDataLoader"),
    **_loaders("fastNLP.core.dataloaders", "TorchDataLoader"),
    **_loaders("streaming", "StreamingDataLoader"),
    # litdata 0.2: a subclass.
    **_loaders("litdata", "StreamingDataLoader"),
    **_loaders("litdata.streaming", "StreamingDataLoader"),
    **_loaders("litdata.streaming.dataloader", "StreamingDataLoader"),
    # webdataset 1.0: makes a DataLoader of all that it is given.
    **_loaders("webdataset", "WebLoader"),
    # torchio 1.2: a subclass.
    **_loaders("torchio", "SubjectsLoader"),
    # timm 1.0: workers and persistent_workers have defaults of their own.
    **{
        f"timm.data.{module}create_loader": Contract(
            "create_loader",
            ("dataset", "input_size", "batch_size"),
            workers=1,
            defaults=(("persistent_workers", True),),
        )
        for module in ("", "loader.")
    },
    # transformers 5.23: handed on to the loader of its Trainer.
    **{f"transformers.{name}": _TRAINING_ARGUMENTS for name in ("TrainingArguments", "Seq2SeqTrainingArguments")},
    "transformers.training_args.TrainingArguments": _TRAINING_ARGUMENTS,
    "transformers.training_args_seq2seq.Seq2SeqTrainingArguments": _TRAINING_ARGUMENTS,
}


def raises(argument: str) -> str:
    """The exception by which a loader without workers refuses `argument`."""
    return "AssertionError" if argument == "timeout" else "ValueError"


def exceptions(argument: str) -> frozenset[str]:
    """The exceptions by which a program may handle that."""
    return frozenset({raises(argument), "Exception", "BaseException"})


def unset(argument: str, target_torch: tuple[int, int]) -> str:
    """What stands for "not given", as Python writes it; None came to prefetch_factor with torch 2.0."""
    if argument == "prefetch_factor" and target_torch < (2, 0):
        return "2"
    return {"persistent_workers": "False", "timeout": "0"}.get(argument, "None")
