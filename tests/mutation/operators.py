"""What a mutant changes: the operators of Cosmic Ray that mean something here, and three for polars and the API."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator

if TYPE_CHECKING:
    from collections.abc import Iterator

CORE = (
    "NumberReplacer",
    "AddNot",
    "ReplaceTrueWithFalse",
    "ReplaceFalseWithTrue",
    "ReplaceAndWithOr",
    "ReplaceOrWithAnd",
    "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak",
    "ZeroIterationForLoop",
    "ReplaceUnaryOperator_USub_UAdd",
    "ReplaceUnaryOperator_Delete_Invert",
    "ReplaceUnaryOperator_Delete_Not",
    *(f"ReplaceBinaryOperator_{pair}" for pair in ("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul")),
    *(f"ReplaceBinaryOperator_{pair}" for pair in ("FloorDiv_Mul", "Mod_Mul", "BitAnd_BitOr", "BitOr_BitAnd")),
    # The boundary and the opposite of each comparison.
    *(f"ReplaceComparisonOperator_{pair}" for pair in ("Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is")),
    *(f"ReplaceComparisonOperator_{pair}" for pair in ("Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt")),
    *(f"ReplaceComparisonOperator_{pair}" for pair in ("Gt_GtE", "Gt_LtE", "GtE_Gt", "GtE_Lt")),
)

_PAIRS = (
    ("is_null", "is_not_null"),
    ("min", "max"),
    ("min_horizontal", "max_horizontal"),
    ("first", "last"),
    ("any", "all"),
    ("any_horizontal", "all_horizontal"),
    ("starts_with", "ends_with"),
    ("head", "tail"),
    ("floor", "ceil"),
)
OTHER_METHOD = {**dict(_PAIRS), **{right: left for left, right in _PAIRS}}
OTHER_WORD = {"left": "inner", "inner": "left", "semi": "anti", "anti": "semi", "full": "left"}
DROPPED = frozenset({"filter", "fill_null", "drop_nulls", "unique", "round", "abs", "clip"})
# A word of the API, as the vocabulary spells them.
_API_WORD = re.compile(r"""(["'])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*\1""")
_NUMBER = re.compile(r"""(["'])\d+(?:\.\d+)?\1""")
_JOIN_WORD = re.compile(rf"""(["'])({"|".join(OTHER_WORD)})\1""")


class OtherMethod(Operator):  # type: ignore[misc]  # Cosmic Ray ships no types
    """First for last, least for most, null for not null."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        """Every `.name` whose opposite is known."""
        if node.type == "name" and node.value in OTHER_METHOD and node.parent.type == "trailer":
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """Write the opposite."""
        node.value = OTHER_METHOD[node.value]
        return node

    @classmethod
    def examples(cls) -> tuple[Any, ...]:
        """None: they document what is shipped, and this is not."""
        return ()


class OtherWord(OtherMethod):
    """A word of the API that it does not know, a join of another kind, and twice an amount that is written as text."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        """Every string that is such a word."""
        if node.type == "string" and any(like.fullmatch(node.value) for like in (_API_WORD, _JOIN_WORD, _NUMBER)):
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """Write another."""
        word = node.value[1:-1]
        other = str(2 * Decimal(word)) if _NUMBER.fullmatch(node.value) else f"{word}_OTHER"
        node.value = repr(OTHER_WORD.get(word, other))
        return node


class DropCall(OtherMethod):
    """A step of a chain left out: its filter, its fill of nulls, its rounding."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        """Every `.filter(...)` and the like."""
        for place in self._places(node):
            yield node.children[place].start_pos, node.children[place + 1].end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """Leave it out."""
        place = list(self._places(node))[index]
        del node.children[place : place + 2]
        return node

    @staticmethod
    def _places(node: Any) -> Iterator[int]:
        if node.type not in {"atom_expr", "power"}:
            return
        for place, (name, call) in enumerate(zip(node.children, node.children[1:], strict=False)):
            if name.type == call.type == "trailer" and name.children[-1].get_code(include_prefix=False) in DROPPED:
                yield place


class OtherException(OtherMethod):
    """An exception that nobody raises, where Cosmic Ray's own knows no dotted name."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        """Every exception that is caught."""
        for each in self._caught(node):
            yield each.start_pos, each.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """Catch another."""
        caught = self._caught(node)[index]
        caught.get_first_leaf().value = "StopAsyncIteration"
        if caught.type != "name":
            del caught.children[1:]
        return node

    @staticmethod
    def _caught(node: Any) -> list[Any]:
        if node.type != "except_clause":
            return []
        caught = node.children[1]
        if caught.type != "atom":
            return [caught]
        inner = caught.children[1]
        return inner.children[::2] if inner.type == "testlist_comp" else [inner]


def operators() -> dict[str, Any]:
    """Every operator, by its name."""
    core = {name: get_operator(f"core/{name}")() for name in CORE}
    return core | {each.__name__: each() for each in (OtherMethod, OtherWord, DropCall, OtherException)}
