"""Idioms of real repositories that raise: the body of `load`, each with what has to be said of it."""

from __future__ import annotations

WRONG: dict[str, tuple[str, ...]] = {
    "hardcoded beside a parameter": ("return DataLoader(ds, num_workers=nw, prefetch_factor=2)", "PKS111 possible"),
    "every argument of the four": (
        """
        return DataLoader(
            ds,
            num_workers=nw,
            prefetch_factor=2,
            persistent_workers=True,
            multiprocessing_context="spawn",
            timeout=30,
        )
        """,
        "PKS111 possible",
        "PKS112 possible",
        "PKS113 possible",
        "PKS114 possible",
    ),
    "every argument without workers": (
        """
        return DataLoader(
            ds,
            prefetch_factor=2,
            persistent_workers=True,
            multiprocessing_context="spawn",
            timeout=30,
        )
        """,
        "PKS101 certain",
        "PKS102 certain",
        "PKS103 certain",
        "PKS104 certain",
    ),
    "beside a configuration value": (
        "return DataLoader(ds, num_workers=cfg.data.workers, persistent_workers=True)",
        "PKS112 possible",
    ),
    "beside an item of a configuration": (
        "return DataLoader(ds, num_workers=cfg['workers'], multiprocessing_context='fork')",
        "PKS113 possible",
    ),
    "beside a look-up whose default is 4": (
        "return DataLoader(ds, num_workers=cfg.get('workers', 4), prefetch_factor=2)",
        "PKS111 possible",
    ),
    "cfg.get(key, True)": (
        "return DataLoader(ds, num_workers=nw, persistent_workers=cfg.get('keep', True))",
        "PKS112 possible",
    ),
    "getattr(cfg, key, 2)": (
        "return DataLoader(ds, num_workers=nw, prefetch_factor=getattr(cfg, 'prefetch', 2))",
        "PKS111 possible",
    ),
    "a wrong else: … else 2": (
        "return DataLoader(ds, num_workers=nw, prefetch_factor=4 if nw > 0 else 2)",
        "PKS111 possible",
    ),
    "a wrong else: … else 0": (
        "return DataLoader(ds, num_workers=nw, prefetch_factor=4 if nw > 0 else 0)",
        "PKS111 possible",
    ),
    "the wrong way round": (
        "return DataLoader(ds, num_workers=nw, prefetch_factor=2 if nw == 0 else None)",
        "PKS111 possible",
    ),
    "nw >= 0 is always so": ("return DataLoader(ds, num_workers=nw, persistent_workers=nw >= 0)", "PKS112 possible"),
    "half guarded, as CpGPT is": (
        "return DataLoader(ds, num_workers=nw, prefetch_factor=2, persistent_workers=nw > 0)",
        "PKS111 possible",
    ),
    "half guarded the other way": (
        "return DataLoader(ds, num_workers=nw, prefetch_factor=2 if nw else None, persistent_workers=True)",
        "PKS112 possible",
    ),
    "literal 0": ("return DataLoader(ds, num_workers=0, prefetch_factor=2)", "PKS101 certain"),
    "False is no worker": ("return DataLoader(ds, num_workers=False, persistent_workers=True)", "PKS102 certain"),
    "0.0 is no worker": ("return DataLoader(ds, num_workers=0.0, prefetch_factor=2)", "PKS101 certain"),
    "num_workers absent": ("return DataLoader(ds, persistent_workers=True)", "PKS102 certain"),
    "prefetch_factor=0 raises as well": (
        "return DataLoader(ds, num_workers=0, prefetch_factor=0)",
        "PKS101 certain",
    ),
    "the text 'False' counts as true": (
        "return DataLoader(ds, num_workers=0, persistent_workers='False')",
        "PKS102 certain",
    ),
    "1 counts as true": ("return DataLoader(ds, num_workers=nw, persistent_workers=1)", "PKS112 possible"),
    "a context object": (
        "return DataLoader(ds, num_workers=nw, multiprocessing_context=multiprocessing.get_context('spawn'))",
        "PKS113 possible",
    ),
    "a local that is 0": ("n = 0\nreturn DataLoader(ds, num_workers=n, prefetch_factor=2)", "PKS101 certain"),
    "in the branch without workers": (
        "if nw == 0:\n    return DataLoader(ds, num_workers=nw, prefetch_factor=2)",
        "PKS101 certain",
    ),
    "trap: min(nw, cpus - 1) can be 0": (
        "return DataLoader(ds, num_workers=min(nw, os.cpu_count() - 1), prefetch_factor=2)",
        "PKS111 possible",
    ),
    "trap: os.cpu_count() - 1 can be 0": (
        "return DataLoader(ds, num_workers=os.cpu_count() - 1, prefetch_factor=2)",
        "PKS111 possible",
    ),
    "trap: half of the processors can be 0": (
        "return DataLoader(ds, num_workers=os.cpu_count() // 2, prefetch_factor=2)",
        "PKS111 possible",
    ),
    "trap: max(nw, 0) can be 0": (
        "return DataLoader(ds, num_workers=max(nw, 0), prefetch_factor=2)",
        "PKS111 possible",
    ),
    "trap: bool(cfg.x) tests the wrong variable": (
        "return DataLoader(ds, num_workers=nw, prefetch_factor=2 if bool(cfg.x) else None)",
        "PKS111 possible",
    ),
    "trap: if flag tests the wrong variable": (
        """
        options = {}
        if flag:
            options["prefetch_factor"] = 2
        return DataLoader(ds, num_workers=nw, **options)
        """,
        "PKS111 possible",
    ),
    "trap: True if flag else False tests the wrong variable": (
        "return DataLoader(ds, num_workers=nw, persistent_workers=True if flag else False)",
        "PKS112 possible",
    ),
    "trap: if flag sets True": (
        """
        keep = False
        if flag:
            keep = True
        return DataLoader(ds, num_workers=nw, persistent_workers=keep)
        """,
        "PKS112 possible",
    ),
    "trap: not flag tests the wrong variable": (
        "return DataLoader(ds, num_workers=nw, persistent_workers=not flag)",
        "PKS112 possible",
    ),
    "trap: the guard comes after the call": (
        """
        prefetch = 2
        loader = DataLoader(ds, num_workers=nw, prefetch_factor=prefetch)
        if nw == 0:
            prefetch = None
        return loader
        """,
        "PKS111 possible",
    ),
    "trap: the guard looked at another number": (
        "pw = nw > 0\nnw = cfg.workers\nreturn DataLoader(ds, num_workers=nw, persistent_workers=pw)",
        "PKS112 possible",
    ),
    "trap: the correction warns but corrects nothing": (
        """
        if nw == 0:
            print("no workers")
        return DataLoader(ds, num_workers=nw, prefetch_factor=2)
        """,
        "PKS111 possible",
    ),
    "a ternary paired the wrong way": (
        "return DataLoader(ds, num_workers=0 if debug else 8, persistent_workers=debug)",
        "PKS112 possible",
    ),
    "no workers where a flag is set": (
        "return DataLoader(ds, num_workers=int(not debug), prefetch_factor=2)",
        "PKS111 possible",
    ),
    "a value that is calculated is never None": (
        "return DataLoader(ds, num_workers=nw, prefetch_factor=2 * flag)",
        "PKS111 possible",
    ),
    "a ternary beside a constant": (
        "return DataLoader(ds, num_workers=0 if debug else 8, persistent_workers=True)",
        "PKS112 possible",
    ),
    "a dict literal": (
        'kwargs = {"num_workers": nw, "prefetch_factor": 2}\nreturn DataLoader(ds, **kwargs)',
        "PKS111 possible",
    ),
    "dict(…)": ("return DataLoader(ds, **dict(num_workers=nw, persistent_workers=True))", "PKS112 possible"),
    "an item assignment": (
        'kwargs = dict(num_workers=nw)\nkwargs["prefetch_factor"] = 2\nreturn DataLoader(ds, **kwargs)',
        "PKS111 possible",
    ),
    "update with a dict": (
        'kwargs = dict(num_workers=nw)\nkwargs.update({"timeout": 30})\nreturn DataLoader(ds, **kwargs)',
        "PKS114 possible",
    ),
    "update with names": (
        "kwargs = dict(num_workers=nw)\nkwargs.update(timeout=30)\nreturn DataLoader(ds, **kwargs)",
        "PKS114 possible",
    ),
    "the | of two dicts": (
        'return DataLoader(ds, **({"num_workers": nw} | {"prefetch_factor": 2}))',
        "PKS111 possible",
    ),
    "a dict within a dict": (
        'base = {"num_workers": 0}\nreturn DataLoader(ds, **{**base, "prefetch_factor": 2})',
        "PKS101 certain",
    ),
    "setdefault": (
        'kwargs = {"num_workers": nw}\nkwargs.setdefault("prefetch_factor", 2)\nreturn DataLoader(ds, **kwargs)',
        "PKS111 possible",
    ),
    "pop of another entry": (
        """
        kwargs = {"num_workers": nw, "prefetch_factor": 2, "timeout": 30}
        if nw == 0:
            kwargs.pop("timeout")
        return DataLoader(ds, **kwargs)
        """,
        "PKS111 possible",
    ),
    "the program handles another exception": (
        """
        try:
            return DataLoader(ds, num_workers=nw, prefetch_factor=2)
        except TypeError:
            return None
        """,
        "PKS111 possible",
    ),
    "unknown *args may hold num_workers": ("return DataLoader(ds, *args, prefetch_factor=2)", "PKS111 possible"),
    "unknown **kwargs may hold num_workers": (
        "return DataLoader(ds, prefetch_factor=2, **cfg.loader)",
        "PKS111 possible",
    ),
    "a negative number": ("return DataLoader(ds, num_workers=-1)", "PKS105 certain"),
    "a number in quotes": ("return DataLoader(ds, num_workers='4')", "PKS105 certain"),
    "None as the number": ("return DataLoader(ds, num_workers=None)", "PKS105 certain"),
    "a fraction as the number": ("return DataLoader(ds, num_workers=2.5)", "PKS105 certain"),
    "a prefetch_factor of 0 beside workers": (
        "return DataLoader(ds, num_workers=2, prefetch_factor=0)",
        "PKS105 certain",
    ),
    "a negative prefetch_factor beside workers": (
        "return DataLoader(ds, num_workers=2, prefetch_factor=-2)",
        "PKS105 certain",
    ),
}
