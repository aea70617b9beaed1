"""Applying a model: it is stored beside the data, where the flow finds it. No path and no text of the browser enters the file."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from dashboard.data import Catalogue
from dashboard.poller import Poller
from flows.domain.model import Model
from flows.errors import SettingsError
from flows.storage.models import ModelStore

_POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class Applied:
    """What the file says: the models, or why it cannot be read."""

    models: tuple[Model, ...] = ()
    problem: str = ""


class AppliedWatch(Poller[Applied]):
    """The models that were applied to the data of one origin, and how others are.

    Attributes:
        applied: nothing before the first answer. supervised: the flow is started anew by itself when they change.
        said: why the last change was refused, '' where it was not. removed: names that were removed here.
    """

    def __init__(self, store: ModelStore, supervised: bool) -> None:
        super().__init__(lambda: None, _POLL_S)
        self._store, self.supervised = store, supervised
        self.applied, self.said = Applied(), ""
        self.removed: set[str] = set()
        self._changes: set[asyncio.Task[None]] = set()

    def apply(self, model: Model) -> None:
        """Store a model; subscribers are told when it is."""
        self.removed.discard(model.name)
        self._change(lambda: self._store.add(model))

    def remove(self, name: str) -> None:
        """Store it no longer."""
        self.removed.add(name)
        self._change(lambda: self._store.remove(name))

    def _change(self, change: Callable[[], object]) -> None:
        def changed() -> tuple[str, Applied]:
            try:
                change()
            except SettingsError as error:
                return str(error), self._ask()
            return "", self._ask()

        async def tell() -> None:
            self.said, self.applied = await asyncio.to_thread(changed)
            self._notify()

        task = asyncio.get_running_loop().create_task(tell())
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)

    def _ask(self) -> Applied:
        try:
            return Applied(self._store.read())
        except SettingsError as error:
            return Applied(problem=str(error))

    def _take(self, answer: Applied) -> bool:
        news = answer != self.applied
        self.applied = answer
        return news


def no_flow(catalogue: Catalogue) -> str:
    """Why nothing can be applied to a dataset, or ''."""
    if catalogue.origin == "replay":
        return "A replay is over: there is no flow that could compute this model."
    if catalogue.dataset:
        return f"No flow fills the dataset {catalogue.dataset}: models are applied to the main data."
    return ""


def standing(tried: Model | None, shown: str, catalogue: Catalogue, watch: AppliedWatch) -> str:
    """How far the model that the page shows is on its way into the flow, in words; '' where there is nothing to say."""
    stored, computed = {model.name for model in watch.applied.models}, {model.name for model in catalogue.models}
    name = tried.name if tried is not None else shown
    if name in stored and name not in computed:
        return f"{name} is stored. {_taken_up(watch.supervised)}"
    if tried is not None and name in computed:
        return f"The flow computes {name} now, from the bar on at which it came: choose it under Model."
    if tried is None and shown in watch.removed and shown in computed:
        return f"{shown} is no longer stored; its rows stay. {_taken_up(watch.supervised)}"
    return ""


def _taken_up(supervised: bool) -> str:
    if supervised:
        return "The flow starts anew for it; what is traded meanwhile is fetched, and the other models go on."
    return (
        "A flow under “pairs up” starts anew for it by itself. One that was started by hand needs a restart: end it with Ctrl-C and"
        " start it again with the same command; with -r the other models go on."
    )
