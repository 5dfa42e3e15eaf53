"""What pytest runs here, and from where: the kit, by its own settings, and nothing of whoever is graded.

pytest looks for settings in all folders that it is told of, up to the root, and imports every conftest.py on its way to
a test: see "Initialization: determining rootdir and configfile" in its documentation. run.py tells it what is what;
whoever calls pytest himself is refused if it took something else. (What it has imported by then has run.)
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Optional

import pytest

import bytetrain

from ..course.paths import REPO
from .hooks import around, first, of_another_plugin, wrong_usage

_SAFE = "./lab test --submission DIR grades others' work, whatever lies in it"
_PATHS = {  # what pytest calls the values of options
    "submission": "--submission", "results": "--results", "traced": "--traced", "keep_build": "--keep-build",
    "xmlpath": "--junitxml", "log_file": "--log-file", "basetemp": "--basetemp", "confcutdir": "--confcutdir",
}


def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """With run.py: before anything is imported that is named on the command line."""
    _refuse_others(early_config, early_config.known_args_namespace.file_or_dir)


@around
def pytest_cmdline_main(config: pytest.Config) -> Iterator[None]:
    """Without run.py, pytest may have found other settings. And by now it knows of all that is named."""
    if not config.option.help:
        _refuse_others(config, config.args)
    yield


@first
def pytest_configure(config: pytest.Config) -> None:
    """From here on the current folder is the clone: in the one that we were called from there may be anything, and
    pytest-xdist's workers import from where they are."""
    if config.option.help:  # then there is no more than options
        return
    here = config.invocation_params.dir
    given = getattr(config.option, "submission_as_given", config.option.submission)
    config.option.submission_as_given = getattr(config, "workerinput", {}).get("bytetrain_submission", given)
    for name in _PATHS:
        if getattr(config.option, name, None):
            setattr(config.option, name, str(here / str(getattr(config.option, name))))
    named = {word: str(here / word) for word in map(str, config.args)}
    config.args[:] = [named[str(word)] for word in config.args]
    _tell_workers(config, named)
    python_path = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(os.path.isabs, python_path))
    os.chdir(REPO)


def _tell_workers(config: pytest.Config, named: dict[str, str]) -> None:
    """Workers parse the command line anew, in the clone: what it says of this folder is said without it. Of an option
    that is given twice the last one holds."""
    options = ["-c", str(config.inipath), "--rootdir", str(config.rootpath)]
    for name, option in _PATHS.items():
        if getattr(config.option, name, None):
            options += [option, str(getattr(config.option, name))]
    words = [named.get(str(word), str(word)) for word in config.invocation_params.args]
    end = words.index("--") if "--" in words else len(words)
    config.invocation_params = type(config.invocation_params)(
        args=[*words[:end], *options, *words[end:]],
        plugins=config.invocation_params.plugins, dir=config.invocation_params.dir,
    )


@of_another_plugin
def pytest_configure_node(node: Any) -> None:
    """For each worker of xdist: stories show the submission as it was named."""
    node.workerinput["bytetrain_submission"] = str(node.config.option.submission_as_given)


def _refuse_others(config: pytest.Config, named: Iterable[str]) -> None:
    """UsageError if what holds for this run, or is `named` to be run, is not the kit's."""
    kit = Path(config.rootpath)
    if not _holds_us(kit) or config.inipath != kit / "pytest.ini":
        took = f"{config.inipath or 'no settings'}, and {kit} as its root"
        raise wrong_usage(f"pytest took {took}: these are not the kit's. {_SAFE}")
    for word in named:
        path = (config.invocation_params.dir / str(word).partition("::")[0]).resolve()
        if path.exists() and kit.resolve() not in (path, *path.parents):
            raise wrong_usage(f"{word} is no part of the kit. {_SAFE}")
    for each in _conftests(config):
        if kit not in each.parents:
            raise wrong_usage(f"pytest has run {each}, which is no part of the kit. {_SAFE}")


def _holds_us(folder: Path) -> bool:
    """Whether that is harness/, or a copy of it on the same package, as the harness's own tests make."""
    return (folder / "bytetrain").resolve() == Path(bytetrain.__file__).resolve().parent


def _conftests(config: pytest.Config) -> Iterator[Path]:
    for plugin in config.pluginmanager.get_plugins():
        file: Optional[Any] = getattr(plugin, "__file__", None)
        if file and Path(str(file)).name == "conftest.py":
            yield Path(str(file)).resolve()
