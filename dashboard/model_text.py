"""A model in the words of the address and of the side bar, each value checked by itself."""

from collections.abc import Mapping
from dataclasses import replace

from flows.domain.model import CHOICES, LIMITS, Model, name_of, z_window_problem
from flows.stats.methods import METHODS

WINDOWS = ("window", "z_window", "correlation_window")
PARAMETERS = ("method", "price", "source", *WINDOWS)
"""In the order of the address."""
TEXTS: Mapping[str, tuple[str, ...]] = {"method": tuple(METHODS), **CHOICES}
LABELS = {
    "method": "method", "price": "price form", "source": "price source", "window": "window", "z_window": "z window",
    "correlation_window": "correlation window",
}  # fmt: skip


def text_of(model: Model) -> str:
    """The parameters as they stand in the address.

    >>> text_of(Model("any", "huber", window=900, z_window=300))
    'huber:log:close:900:300:300'
    """
    return ":".join(str(getattr(model, name)) for name in PARAMETERS)


def problem_of(name: str, value: object) -> str | None:
    """Why a value cannot be that of a parameter, or None."""
    if name in TEXTS:
        known = TEXTS[name]
        return None if value in known else f'{LABELS[name]} must be one of {", ".join(known)}, was "{value}"'
    low, high = LIMITS[name]
    if not isinstance(value, int) or isinstance(value, bool):
        found = "empty" if value is None else f'"{value}"'
        return f"{LABELS[name]} must be a whole number of bars, was {found}"
    return (
        None if low <= value <= high else f"{LABELS[name]} must be from {low:,.0f} to {high:,.0f} bars, was {value:,}"
    )


def problems_of(values: Mapping[str, object]) -> dict[str, str]:
    """What is wrong with the parameters, by name; empty where they make a model."""
    found = {name: problem for name in PARAMETERS if (problem := problem_of(name, values[name]))}
    window, z_window = values["window"], values["z_window"]
    if isinstance(window, int) and isinstance(z_window, int) and not {"window", "z_window"} & set(found):
        problem = z_window_problem(window, z_window)
        found |= {"z_window": f"{LABELS['z_window']} {problem}"} if problem else {}
    return found


def model_of(values: Mapping[str, object]) -> Model:
    """The model of parameters with which nothing is wrong, named after them."""
    model = Model("", **{name: values[name] for name in PARAMETERS})  # type: ignore[arg-type]
    return replace(model, name=name_of(model))


def read_model(text: str) -> tuple[Model, list[str]]:
    """The model of an address. What is wrong or missing is as in a model without settings, and said.

    >>> read_model("huber:log:close:x:300:300")[1]
    ['address: what: window must be a whole number of bars, was "x"']
    """
    given = dict(zip(PARAMETERS, text.split(":"), strict=False))
    values: dict[str, object] = {
        name: int(value) if name in WINDOWS and value.isascii() and value.isdigit() and len(value) < 10 else value
        for name, value in given.items()
    }
    usual = {name: getattr(Model(""), name) for name in PARAMETERS}
    remarks = [f"address: what: {LABELS[name]} is missing" for name in PARAMETERS if name not in values]
    remarks += [f"address: what: {problem}" for name, value in values.items() if (problem := problem_of(name, value))]
    taken = {name: value for name, value in values.items() if not problem_of(name, value)}
    values = usual | taken
    if "z_window" not in taken and "window" in taken:
        values["z_window"] = taken["window"]
    if problem := problems_of(values).get("z_window"):
        remarks.append(f"address: what: {problem}")
        values["z_window"] = values["window"]
    return model_of(values), remarks
