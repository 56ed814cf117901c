"""Idioms of real repositories that are fine: the body of `load`, or a whole file."""

from __future__ import annotations

FINE = {
    "literal None": "return DataLoader(ds, num_workers=nw, prefetch_factor=None, multiprocessing_context=None)",
    "literal False": "return DataLoader(ds, num_workers=nw, persistent_workers=False, timeout=0)",
    "literal None without num_workers": "return DataLoader(ds, prefetch_factor=None, persistent_workers=False)",
    "values that torch takes for not set": "return DataLoader(ds, num_workers=0, persistent_workers=0, timeout=0.0)",
    "None as persistent_workers": "return DataLoader(ds, num_workers=0, persistent_workers=None)",
    "in_order and worker_init_fn": "return DataLoader(ds, num_workers=0, in_order=False, worker_init_fn=print)",
    "positive constant in the call": "return DataLoader(ds, num_workers=4, prefetch_factor=2, persistent_workers=True)",
    "positive constant in a local": "n = 4\nreturn DataLoader(ds, num_workers=n, prefetch_factor=2)",
    "positive constant through two locals": "n = 4\nm = n\nreturn DataLoader(ds, num_workers=m, timeout=30)",
    "True is one worker": "return DataLoader(ds, num_workers=True, prefetch_factor=2)",
    "cfg.get without default": "return DataLoader(ds, num_workers=nw, prefetch_factor=cfg.get('prefetch'))",
    "cfg.get with default None": "return DataLoader(ds, num_workers=nw, prefetch_factor=cfg.get('prefetch', None))",
    "cfg.get with default False": "return DataLoader(ds, num_workers=nw, persistent_workers=cfg.get('keep', False))",
    "getattr with default None": "return DataLoader(ds, num_workers=nw, prefetch_factor=getattr(cfg, 'pf', None))",
    "a configuration value": "return DataLoader(ds, num_workers=cfg.workers, prefetch_factor=cfg.prefetch)",
    "a flag handed on": "return DataLoader(ds, num_workers=nw, persistent_workers=flag)",
    "a flag handed on by bool": "return DataLoader(ds, num_workers=nw, persistent_workers=bool(flag))",
    "nw > 0 as the value": "return DataLoader(ds, num_workers=nw, persistent_workers=nw > 0)",
    "0 < nw as the value": "return DataLoader(ds, num_workers=nw, persistent_workers=0 < nw)",
    "nw >= 1 as the value": "return DataLoader(ds, num_workers=nw, persistent_workers=nw >= 1)",
    "nw != 0 as the value": "return DataLoader(ds, num_workers=nw, persistent_workers=nw != 0)",
    "not nw == 0 as the value": "return DataLoader(ds, num_workers=nw, persistent_workers=not nw == 0)",
    "the number itself as the value": "return DataLoader(ds, num_workers=nw, persistent_workers=nw)",
    "x if nw > 0 else None": "return DataLoader(ds, num_workers=nw, prefetch_factor=2 if nw > 0 else None)",
    "x if nw > 0 else False": "return DataLoader(ds, num_workers=nw, persistent_workers=flag if nw > 0 else False)",
    "x if 0 < nw else None": "return DataLoader(ds, num_workers=nw, prefetch_factor=2 if 0 < nw else None)",
    "True if nw > 0 else False": "return DataLoader(ds, num_workers=nw, persistent_workers=True if nw > 0 else False)",
    "timeout if nw > 0 else 0": "return DataLoader(ds, num_workers=nw, timeout=30 if nw > 0 else 0)",
    "inside if nw > 0": """
        if nw > 0:
            return DataLoader(ds, num_workers=nw, prefetch_factor=2, persistent_workers=True)
        return DataLoader(ds)
        """,
    "in the else of if nw == 0": """
        if nw == 0:
            loader = DataLoader(ds)
        else:
            loader = DataLoader(ds, num_workers=nw, prefetch_factor=2)
        return loader
        """,
    "after an early return": """
        if not nw:
            return DataLoader(ds)
        return DataLoader(ds, num_workers=nw, prefetch_factor=2)
        """,
    "after an assert": "assert nw > 0\nreturn DataLoader(ds, num_workers=nw, prefetch_factor=2)",
    "after a raise": """
        if nw <= 0:
            raise ValueError("at least one worker")
        return DataLoader(ds, num_workers=nw, prefetch_factor=2)
        """,
    "in a branch of and": """
        if flag and nw > 0:
            return DataLoader(ds, num_workers=nw, prefetch_factor=2)
        """,
    "after a return in a branch of or": """
        if flag or nw == 0:
            return DataLoader(ds)
        return DataLoader(ds, num_workers=nw, prefetch_factor=2)
        """,
    "after an assert of both": "assert flag and nw\nreturn DataLoader(ds, num_workers=nw, prefetch_factor=2)",
    "one of two calls in a ternary": """
        return DataLoader(ds, num_workers=nw, prefetch_factor=2) if flag and nw > 0 else DataLoader(ds)
        """,
    "alias pw = nw > 0": """
        pw = nw > 0
        return DataLoader(ds, num_workers=nw, persistent_workers=pw, prefetch_factor=2 if pw else None)
        """,
    "None if nw == 0 else x": "return DataLoader(ds, num_workers=nw, prefetch_factor=None if nw == 0 else 2)",
    "None if nw < 1 else x": "return DataLoader(ds, num_workers=nw, prefetch_factor=None if nw < 1 else 2)",
    "None if not nw else x": "return DataLoader(ds, num_workers=nw, prefetch_factor=None if not nw else 2)",
    "x if nw else None": "return DataLoader(ds, num_workers=nw, multiprocessing_context='spawn' if nw else None)",
    "x and nw > 0": "return DataLoader(ds, num_workers=nw, persistent_workers=cfg.keep and nw > 0)",
    "nw > 0 and x": "return DataLoader(ds, num_workers=nw, persistent_workers=nw > 0 and cfg.keep)",
    "nw and 2 or None": "return DataLoader(ds, num_workers=nw, prefetch_factor=nw and 2 or None)",
    "max(nw, 12)": "n = max(nw, 12)\nreturn DataLoader(ds, num_workers=n, prefetch_factor=2)",
    "max(1, nw) in the call": "return DataLoader(ds, num_workers=max(1, nw), prefetch_factor=2)",
    "ceil(cpus / gpus)": """
        n = math.ceil(os.cpu_count() / torch.cuda.device_count())
        return DataLoader(ds, num_workers=n, prefetch_factor=2)
        """,
    "the number of processors": "return DataLoader(ds, num_workers=os.cpu_count(), prefetch_factor=2)",
    "multiprocessing.cpu_count()": "return DataLoader(ds, num_workers=multiprocessing.cpu_count(), timeout=30)",
    "the processors that we may use": "return DataLoader(ds, num_workers=len(os.sched_getaffinity(0)), timeout=30)",
    "as long as there are processors to spare": """
        n = os.cpu_count() - 1
        return DataLoader(ds, num_workers=n, timeout=n, prefetch_factor=min(2, n) or None)
        """,
    "half of the processors, or one": """
        n = os.cpu_count() // 2 or 1
        return DataLoader(ds, num_workers=n if n > 0 else 0, timeout=30)
        """,
    "one more than something": "return DataLoader(ds, num_workers=len(ds) + 1, prefetch_factor=2)",
    "nw or 4": "return DataLoader(ds, num_workers=nw or 4, prefetch_factor=2)",
    "an earlier division by nw": "share = len(ds) // nw\nreturn DataLoader(ds, num_workers=nw, prefetch_factor=share)",
    "if nw == 0: {} else {…}": """
        if nw == 0:
            options = {}
        else:
            options = {"prefetch_factor": 2, "persistent_workers": True}
        return DataLoader(ds, num_workers=nw, **options)
        """,
    "corrected later when nw == 0": """
        prefetch = 2
        if nw == 0:
            prefetch = None
        return DataLoader(ds, num_workers=nw, prefetch_factor=prefetch)
        """,
    "setdefault that follows num_workers": """
        kwargs = dict(extra)
        kwargs.setdefault("persistent_workers", kwargs.get("num_workers", 0) > 0)
        return DataLoader(ds, **kwargs)
        """,
    "a ternary paired with a ternary": """
        return DataLoader(ds, num_workers=4 if flag else 0, prefetch_factor=2 if flag else None)
        """,
    "dev: no workers, not persistent": """
        return DataLoader(ds, num_workers=0 if debug else 8, persistent_workers=not debug)
        """,
    "bool(nw)": "return DataLoader(ds, num_workers=nw, persistent_workers=bool(nw))",
    "kwargs.pop when nw == 0": """
        kwargs = {"num_workers": nw, "prefetch_factor": 2, "persistent_workers": True}
        if nw == 0:
            kwargs.pop("prefetch_factor")
            kwargs.pop("persistent_workers", None)
        return DataLoader(ds, **kwargs)
        """,
    "del when nw == 0": """
        kwargs = dict(num_workers=nw, prefetch_factor=2)
        if nw == 0:
            del kwargs["prefetch_factor"]
        return DataLoader(ds, **kwargs)
        """,
    "dict(…) if nw else {}": """
        options = dict(prefetch_factor=2, persistent_workers=True) if nw else {}
        return DataLoader(ds, num_workers=nw, **options)
        """,
    "**(dict(…) if nw > 0 else {})": "return DataLoader(ds, num_workers=nw, **(dict(timeout=9) if nw > 0 else {}))",
    "items set only with workers": """
        kwargs = {"num_workers": nw}
        if nw > 0:
            kwargs["prefetch_factor"] = 2
            kwargs.update(persistent_workers=True)
        return DataLoader(ds, **kwargs)
        """,
    "merged only with workers": """
        kwargs = {"num_workers": nw} | ({"prefetch_factor": 2} if nw else {})
        return DataLoader(ds, **kwargs)
        """,
    "rebound to None": """
        prefetch = cfg.get("prefetch", 2)
        if not nw > 0:
            prefetch = None
        return DataLoader(ds, num_workers=nw, prefetch_factor=prefetch)
        """,
    "the number corrected, not the argument": """
        if nw < 1:
            nw = 1
        return DataLoader(ds, num_workers=nw, prefetch_factor=2)
        """,
    "both corrected without a GPU": """
        n, keep = (4, True) if torch.cuda.is_available() else (0, False)
        return DataLoader(ds, num_workers=n, persistent_workers=keep)
        """,
    "the program handles it": """
        try:
            return DataLoader(ds, num_workers=nw, prefetch_factor=2)
        except ValueError:
            return DataLoader(ds)
        """,
    "unknown **kwargs": "return DataLoader(ds, **extra)",
}

FINE_FILES = {
    "a forwarded parameter whose default is None": """
        def load(ds, num_workers, prefetch_factor=None):
            return DataLoader(ds, num_workers=num_workers, prefetch_factor=prefetch_factor)
        """,
    "a forwarded parameter whose default is False": """
        def load(ds, num_workers=0, persistent_workers=False):
            return DataLoader(ds, num_workers=num_workers, persistent_workers=persistent_workers)
        """,
    "a forwarded parameter without default": """
        def load(ds, num_workers, prefetch_factor):
            return DataLoader(ds, num_workers=num_workers, prefetch_factor=prefetch_factor)
        """,
    "a field whose default is None": """
        from dataclasses import dataclass

        @dataclass
        class Config:
            num_workers: int = 0
            prefetch_factor: int | None = None

        def load(ds, cfg: Config):
            return DataLoader(ds, num_workers=cfg.num_workers, prefetch_factor=cfg.prefetch_factor)
        """,
    "an option whose default is None": """
        parser = argparse.ArgumentParser()
        parser.add_argument("--workers", type=int, default=0)
        parser.add_argument("--prefetch", type=int)
        args = parser.parse_args()
        loader = DataLoader([1], num_workers=args.workers, prefetch_factor=args.prefetch)
        """,
    "an attribute set with and nw > 0": """
        class Module:
            def __init__(self, num_workers, persistent_workers=True):
                self.num_workers = num_workers
                self.persistent = persistent_workers and num_workers > 0

            def loader(self, ds):
                return DataLoader(ds, num_workers=self.num_workers, persistent_workers=self.persistent)
        """,
    "an attribute that follows another attribute": """
        class Module:
            def __init__(self, num_workers):
                self.num_workers = num_workers
                self.prefetch = 2 if self.num_workers > 0 else None

            def loader(self, ds):
                return DataLoader(ds, num_workers=self.num_workers, prefetch_factor=self.prefetch)
        """,
    "a property that follows the number": """
        class Module:
            def __init__(self, num_workers):
                self.num_workers = num_workers

            @property
            def keep(self):
                return self.num_workers > 0

            def loader(self, ds):
                return DataLoader(ds, num_workers=self.num_workers, persistent_workers=self.keep)
        """,
    "a positive constant at the top of the file": """
        WORKERS = 4

        def load(ds):
            return DataLoader(ds, num_workers=WORKERS, prefetch_factor=2)
        """,
    "a positive constant in both branches of the top": """
        if torch.cuda.is_available():
            WORKERS = 8
        else:
            WORKERS = 2

        def load(ds):
            return DataLoader(ds, num_workers=WORKERS, prefetch_factor=2)
        """,
    "a positive constant of the class": """
        class Module:
            workers = 4

            def loader(self, ds):
                return DataLoader(ds, num_workers=self.workers, prefetch_factor=2)
        """,
    "click.IntRange(min=1)": """
        @click.command()
        @click.option("--workers", type=click.IntRange(min=1), default=4)
        def main(workers):
            DataLoader([1], num_workers=workers, prefetch_factor=2)
        """,
    "a field of pydantic that is above 0": """
        from pydantic import BaseModel, Field

        class Config(BaseModel):
            num_workers: int = Field(4, gt=0)

        def load(ds, cfg: Config):
            return DataLoader(ds, num_workers=cfg.num_workers, prefetch_factor=2)
        """,
    "argparse with choices above 0": """
        parser = argparse.ArgumentParser()
        parser.add_argument("--workers", type=int, default=2, choices=[1, 2, 4])
        args = parser.parse_args()
        loader = DataLoader([1], num_workers=args.workers, prefetch_factor=2)
        """,
    "the callee normalises": """
        def make(ds, num_workers=0, prefetch_factor=None, persistent_workers=False):
            if num_workers == 0:
                prefetch_factor, persistent_workers = None, False
            return DataLoader(
                ds,
                num_workers=num_workers,
                prefetch_factor=prefetch_factor,
                persistent_workers=persistent_workers,
            )

        def train(ds, workers):
            return make(ds, num_workers=workers, prefetch_factor=2, persistent_workers=True)

        train_loader = make([1], num_workers=0, prefetch_factor=2)
        """,
    "a helper tells": """
        def parallel(workers):
            return workers > 0

        def load(ds, nw):
            return DataLoader(ds, num_workers=nw, persistent_workers=parallel(nw))
        """,
    "a checking helper raises": """
        def check(workers):
            if workers < 1:
                raise ValueError("at least one worker is needed")

        def load(ds, nw):
            check(nw)
            return DataLoader(ds, num_workers=nw, prefetch_factor=2)
        """,
    "pytest.raises": """
        import pytest

        def test_it():
            with pytest.raises(ValueError):
                DataLoader([1], num_workers=0, prefetch_factor=2)
        """,
    "a defaults table": """
        DEFAULTS = {"num_workers": 0, "prefetch_factor": 2, "persistent_workers": True}
        """,
    "a defaults table as dict(…)": """
        DEFAULTS = dict(num_workers=0, prefetch_factor=2, persistent_workers=True)
        """,
    "a table of results": """
        def log(results, seconds):
            results.append({"num_workers": 0, "prefetch_factor": 2, "seconds": seconds})
        """,
    "stylegan3: an EasyDict whose num_workers comes 26 lines later": """
        from easydict import EasyDict

        def main(**kwargs):
            opts = EasyDict(kwargs)
            c = EasyDict()
            c.loader_kwargs = EasyDict(pin_memory=True, prefetch_factor=2)
            c.batch_size = opts.batch
            c.loader_kwargs.num_workers = opts.workers
            return c

        @click.command()
        @click.option("--batch", type=click.IntRange(min=1))
        @click.option("--workers", type=click.IntRange(min=1), default=3)
        def command(**kwargs):
            c = main(**kwargs)
            return DataLoader([1], **c.loader_kwargs)
        """,
    "fairseq: the parent's constructor normalises": """
        class Base:
            def __init__(self, num_workers=0, prefetch_factor=2):
                self.num_workers = num_workers
                self.prefetch_factor = prefetch_factor if num_workers > 0 else None

        class Iterator(Base):
            def __init__(self, dataset, num_workers=0):
                super().__init__(num_workers, prefetch_factor=4)
                self.dataset = dataset

            def loader(self):
                return DataLoader(self.dataset, num_workers=self.num_workers, prefetch_factor=self.prefetch_factor)
        """,
    "a configuration that says how many": """
        train_dataloader = dict(batch_size=2, num_workers=4, persistent_workers=True)
        """,
    "a subclass that normalises": """
        class Loader(DataLoader):
            def __init__(self, dataset, num_workers=0, **kwargs):
                if num_workers == 0:
                    kwargs["prefetch_factor"] = None
                super().__init__(dataset, num_workers=num_workers, **kwargs)

        loader = Loader([1], num_workers=0, prefetch_factor=2)
        """,
    "a partial that is given workers": """
        make = functools.partial(DataLoader, prefetch_factor=2)
        loader = make([1], num_workers=4)
        """,
    "positional arguments": """
        loader = DataLoader([1], 2, False, None, None, 4, None, False, False, 30, None, "spawn")
        """,
    "a function of that name is no loader": """
        def DataLoader(ds, num_workers=0, prefetch_factor=2):
            return list(ds)

        loader = DataLoader([1], num_workers=0, prefetch_factor=2)
        """,
    "a timeout of something else": """
        import requests

        def fetch(url, nw):
            requests.get(url, timeout=30)
            return DataLoader([1], num_workers=nw)
        """,
}
