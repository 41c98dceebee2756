"""What is offered by name, and what of it was perhaps meant by a name that is not."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

from metronome_analytics.errors import ArgumentError
from metronome_analytics.wording import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection


def one_of(argument: str, value: object, allowed: Collection[str]) -> None:
    """Refuse a `value` that is not among `allowed`, and name the one that is near."""
    if value not in allowed:
        known = ", ".join(map(repr, allowed))
        raise ArgumentError(f"{argument} must be one of {known}, not {value!r}.", advice=nearest(value, allowed))


def no_such_name(module: str, name: str) -> AttributeError:
    """The error of a name that `module` does not have, with the nearest of those that it offers."""
    return _missing(f"module {module!r}", name, lambda: vars(sys.modules[module])["__all__"])


def no_such_member(of: object, name: str) -> AttributeError:
    """The error of an attribute that `of` does not have, with the nearest of its public ones."""
    whose = f"{type(of).__name__!r} object"
    return _missing(whose, name, lambda: [member for member in dir(of) if not member.startswith("_")])


def _missing(whose: str, name: str, offered: Callable[[], Collection[str]]) -> AttributeError:
    # A notebook asks for many names of its own before it shows an object: nothing is gone through for those.
    meant = "" if name.startswith("_") else nearest(name, offered())
    error = AttributeError(" ".join(filter(None, (f"{whose} has no attribute {name!r}.", meant))))
    # Python's own traceback offers a name again to an error that it may fill in; a notebook's never does.
    error.name = ""
    return error


def outward(module: str) -> tuple[Callable[[str], NoReturn], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package that lists what is in its `__all__`, and no module of its own."""

    def missing(name: str) -> NoReturn:
        raise no_such_name(module, name)

    return missing, lambda: list(vars(sys.modules[module])["__all__"])
