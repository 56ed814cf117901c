"""Idioms of real repositories that raise, which take a whole file, each with what has to be said of it."""

from __future__ import annotations

WRONG_FILES: dict[str, tuple[str, ...]] = {
    "a forwarded parameter whose default is 2": (
        """
        def load(ds, num_workers, prefetch_factor=2):
            return DataLoader(ds, num_workers=num_workers, prefetch_factor=prefetch_factor)
        """,
        "PKS111 possible",
    ),
    "a forwarded parameter whose default is True": (
        """
        def load(ds, *, num_workers, persistent_workers=True):
            return DataLoader(ds, num_workers=num_workers, persistent_workers=persistent_workers)
        """,
        "PKS112 possible",
    ),
    "the default of both: no workers and persistent": (
        """
        def load(ds, num_workers=0, persistent_workers=True):
            return DataLoader(ds, num_workers=num_workers, persistent_workers=persistent_workers)
        """,
        "PKS112 possible",
    ),
    "a field whose default is True": (
        """
        from dataclasses import dataclass

        @dataclass
        class Config:
            num_workers: int = 4
            persistent_workers: bool = True

        def load(ds, cfg: Config):
            return DataLoader(ds, num_workers=cfg.num_workers, persistent_workers=cfg.persistent_workers)
        """,
        "PKS112 possible",
    ),
    "an option of argparse": (
        """
        parser = argparse.ArgumentParser()
        parser.add_argument("--workers", type=int, default=4)
        args = parser.parse_args()
        loader = DataLoader([1], num_workers=args.workers, prefetch_factor=2)
        """,
        "PKS111 possible",
    ),
    "an option of click": (
        """
        @click.command()
        @click.option("--workers", default=4)
        def main(workers):
            DataLoader([1], num_workers=workers, prefetch_factor=2)
        """,
        "PKS111 possible",
    ),
    "click.IntRange(min=0)": (
        """
        @click.command()
        @click.option("--workers", type=click.IntRange(min=0), default=4)
        def main(workers):
            DataLoader([1], num_workers=workers, prefetch_factor=2)
        """,
        "PKS111 possible",
    ),
    "an attribute": (
        """
        class Module:
            def __init__(self, num_workers):
                self.num_workers = num_workers

            def loader(self, ds):
                return DataLoader(ds, num_workers=self.num_workers, persistent_workers=True)
        """,
        "PKS112 possible",
    ),
    "an attribute that nobody guards": (
        """
        class Module:
            def __init__(self, num_workers, persistent=True):
                self.num_workers = num_workers
                self.persistent = persistent

            def loader(self, ds):
                return DataLoader(ds, num_workers=self.num_workers, persistent_workers=self.persistent)
        """,
        "PKS112 possible",
    ),
    "hyperparameters that lightning keeps": (
        """
        class Module:
            def __init__(self, num_workers=4):
                self.save_hyperparameters()

            def loader(self, ds):
                return DataLoader(ds, num_workers=self.hparams.num_workers, persistent_workers=True)
        """,
        "PKS112 possible",
    ),
    "hyperparameters whose default is True": (
        """
        class Module:
            def __init__(self, num_workers=4, keep=True):
                self.save_hyperparameters()

            def loader(self, ds):
                return DataLoader(ds, num_workers=self.hparams.num_workers, persistent_workers=self.hparams.keep)
        """,
        "PKS112 possible",
    ),
    "a constant 0 in one branch of the top": (
        """
        if torch.cuda.is_available():
            WORKERS = 8
        else:
            WORKERS = 0

        def load(ds):
            return DataLoader(ds, num_workers=WORKERS, prefetch_factor=2)
        """,
        "PKS111 possible",
    ),
    "a field of pydantic that may be 0": (
        """
        from pydantic import BaseModel, Field

        class Config(BaseModel):
            num_workers: int = Field(4, ge=0)

        def load(ds, cfg: Config):
            return DataLoader(ds, num_workers=cfg.num_workers, prefetch_factor=2)
        """,
        "PKS111 possible",
    ),
    "class methods and static methods": (
        """
        class Loaders:
            @classmethod
            def make(cls, ds, nw):
                return cls.build(ds, nw)

            @staticmethod
            def build(ds, nw):
                return DataLoader(ds, num_workers=nw, prefetch_factor=2)

        first, second = Loaders.make([1], 0), Loaders().build([1], 0)
        """,
        "PKS111 possible",
        "PKS101 certain",
        "PKS101 certain",
    ),
    "a timeout whose ValueError is handled: it raises AssertionError": (
        """
        def load(ds, nw):
            try:
                return DataLoader(ds, num_workers=nw, timeout=30)
            except ValueError:
                return None
        """,
        "PKS114 possible",
    ),
    "a constant 0 at the top of the file": (
        """
        WORKERS = 0

        def load(ds):
            return DataLoader(ds, num_workers=WORKERS, prefetch_factor=2)
        """,
        "PKS101 certain",
    ),
    "an environment variable": (
        """
        WORKERS = int(os.environ.get("WORKERS", "4"))

        def load(ds):
            return DataLoader(ds, num_workers=WORKERS, prefetch_factor=2)
        """,
        "PKS111 possible",
    ),
    "a wrapper that takes num_workers and never passes it on": (
        """
        def load(ds, num_workers=4):
            return DataLoader(ds, prefetch_factor=2)
        """,
        "PKS101 certain",
    ),
    "a checking helper that lets 0 through": (
        """
        def check(workers):
            if workers < 0:
                raise ValueError("not negative")

        def load(ds, nw):
            check(nw)
            return DataLoader(ds, num_workers=nw, prefetch_factor=2)
        """,
        "PKS111 possible",
    ),
    "a lambda": ("make = lambda ds, nw: DataLoader(ds, num_workers=nw, prefetch_factor=2)", "PKS111 possible"),
    "a flag of absl": (
        """
        from absl import flags

        FLAGS = flags.FLAGS

        def load(ds):
            return DataLoader(ds, num_workers=FLAGS.num_workers, timeout=30)
        """,
        "PKS114 possible",
    ),
    "a configuration from outside the project": (
        """
        import wandb
        from settings import cfg, NUM_WORKERS

        def load(ds):
            DataLoader(ds, num_workers=wandb.config.num_workers, timeout=30)
            DataLoader(ds, num_workers=cfg.num_workers, timeout=30)
            DataLoader(ds, num_workers=NUM_WORKERS, timeout=30)
        """,
        "PKS114 possible",
        "PKS114 possible",
        "PKS114 possible",
    ),
    "a partial": (
        """
        def load(ds, nw):
            make = functools.partial(DataLoader, num_workers=nw, prefetch_factor=2)
            return make(ds)
        """,
        "PKS111 possible",
    ),
    "a partial that nobody calls here": (
        """
        def factory(nw):
            return functools.partial(DataLoader, num_workers=nw, persistent_workers=True)
        """,
        "PKS112 possible",
    ),
    "a subclass": (
        """
        class Loader(DataLoader):
            pass

        def load(ds, nw):
            return Loader(ds, num_workers=nw, prefetch_factor=2)
        """,
        "PKS111 possible",
    ),
    "a subclass that hardcodes it": (
        """
        class Loader(DataLoader):
            def __init__(self, dataset, num_workers=0, **kwargs):
                super().__init__(dataset, num_workers=num_workers, prefetch_factor=2, **kwargs)
        """,
        "PKS111 possible",
    ),
    "OLMo: one of its builders does not guard": (
        """
        def train(cfg, ds):
            return DataLoader(
                ds,
                num_workers=cfg.data.num_workers,
                prefetch_factor=None if cfg.data.num_workers == 0 else 16,
            )

        def evaluate(cfg, ds):
            return DataLoader(ds, num_workers=cfg.data.num_workers, prefetch_factor=16)
        """,
        "PKS111 possible",
    ),
    "a positional context beside no workers": (
        "loader = DataLoader([1], 2, False, None, None, 0, None, False, False, 0, None, 'spawn')",
        "PKS103 certain",
    ),
    "a positional timeout beside a parameter": (
        "def load(ds, nw):\n    return DataLoader(ds, 2, False, None, None, nw, None, False, False, 30)",
        "PKS114 possible",
    ),
    "a method that is called later": (
        """
        class Module:
            def __init__(self):
                self.num_workers = 0

            def loader(self, ds):
                return DataLoader(ds, num_workers=self.num_workers, prefetch_factor=2)
        """,
        "PKS111 possible",
    ),
    "a method that is called later, the attribute private": (
        """
        class Module:
            def __init__(self):
                self._workers = 0

            def loader(self, ds):
                return DataLoader(ds, num_workers=self._workers, prefetch_factor=2)
        """,
        "PKS101 certain",
    ),
    "a class's 0 that a subclass may override": (
        """
        class Module:
            workers = 0

            def loader(self, ds):
                return DataLoader(ds, num_workers=self.workers, prefetch_factor=2)
        """,
        "PKS111 possible",
    ),
    "a final class's 0": (
        """
        @typing.final
        class Module:
            workers = 0

            def loader(self, ds):
                return DataLoader(ds, num_workers=self.workers, prefetch_factor=2)
        """,
        "PKS101 certain",
    ),
    "a class's 0 for good": (
        """
        class Module:
            workers: Final[int] = 0

            def loader(self, ds):
                return DataLoader(ds, num_workers=self.workers, prefetch_factor=2)
        """,
        "PKS101 certain",
    ),
    "a class's 0 that is read from the class": (
        """
        class Module:
            workers = 0

        def load(ds):
            return DataLoader(ds, num_workers=Module.workers, prefetch_factor=2)
        """,
        "PKS101 certain",
    ),
    "setdefault for a lambda that hands it on": (
        """
        build = lambda ds, **kwargs: DataLoader(ds, **kwargs)

        def load(ds, nw):
            kwargs = {}
            kwargs.setdefault("num_workers", nw)
            kwargs.setdefault("prefetch_factor", 2)
            return build(ds, **kwargs)
        """,
        "PKS111 possible",
    ),
    "within a comprehension": (
        "def load(parts, nw):\n    return [DataLoader(part, num_workers=nw, timeout=30) for part in parts]",
        "PKS114 possible",
    ),
    "within a nested function": (
        """
        def outer(ds, nw):
            def inner():
                return DataLoader(ds, num_workers=nw, prefetch_factor=2)
            return inner
        """,
        "PKS111 possible",
    ),
    "within an async function": (
        "async def load(ds, nw):\n    return DataLoader(ds, num_workers=nw, prefetch_factor=2)",
        "PKS111 possible",
    ),
    "mmengine: a configuration without any call": (
        "train_dataloader = dict(batch_size=2, num_workers=0, persistent_workers=True)",
        "PKS102 certain",
    ),
    "mmengine: within a larger configuration": (
        "val_dataloader = test_dataloader = dict(num_workers=0, persistent_workers=True, dataset=dict(type='Coco'))",
        "PKS102 certain",
    ),
}
