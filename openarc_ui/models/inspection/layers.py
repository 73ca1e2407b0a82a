"""Which block of the model a constant belongs to: by the names of the operations it feeds, else by the way of the data.

Models that Optimum exported name their layers; those built from a GGUF by GenAI don't, and there the attention operations
divide the graph: what leads straight into one is of its block, what comes after it too, until the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from openarc_ui.models.inspection.ir_graph import Graph, Operation

EMBEDDING, OUTPUT, OTHER = "embedding", "output", "other"
ATTENTION = ("ScaledDotProductAttention", "PagedAttentionExtension")
LAYER = re.compile(r"(?:^|[._/])(?:layers?|blocks?|blk|h)[._](\d{1,4})(?=[._/]|$)")
EMBEDDINGS = re.compile(r"(?:embed_tokens|word_embeddings|token_embd|wte|embed_in|tok_embeddings)")
OUTPUTS = re.compile(
    r"(?:lm_head|embed_out|output_layer|^output\.weight|model[./]norm[./]|ln_f|final_layernorm|output_norm)"
)
SHAPES = ("ShapeOf",)
"""What asks for a size lets no data through."""
MANY = -1
"""In place of a layer's number: of several."""


def layer_of_name(name: str) -> str | None:
    """ "self.model.layers.7.mlp.up_proj.weight" -> "layer 7"; None for a name that does not tell."""
    found = LAYER.search(name)
    if found:
        return f"layer {int(found.group(1))}"
    if EMBEDDINGS.search(name):
        return EMBEDDING
    return OUTPUT if OUTPUTS.search(name) else None


def layer_order(name: str) -> tuple[int, int, str]:
    """The order of the computation: embedding, layers by number, output, the rest."""
    if name.startswith("layer "):
        return 1, int(name.removeprefix("layer ")), name
    return {EMBEDDING: 0, OUTPUT: 2}.get(name, 3), 0, name


def layers_of_constants(graph: Graph) -> Iterator[tuple[Operation, str]]:
    """Every constant with its layer."""
    flow = _Flow(graph.operations)
    for place, operation in enumerate(graph.operations):
        if operation.constant is not None:
            yield operation, flow.layer_of(place)


class _Flow:
    """How data goes through a graph. What only constants feed (a scale applied to a weight) counts with the constant."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._operations = operations
        self._is_constant = self._constant_paths()
        self._attention = self._attention_numbers()
        self._above = self._numbers_above()
        self._weighted = [self._has_weight(place) for place in range(len(operations))]
        self._into, self._next, self._ends = self._reached()

    def layer_of(self, place: int) -> str:
        """The layer of a constant."""
        own = layer_of_name(self._operations[place].name)
        if own is not None:
            return own
        users, passed = self._users(place)
        if any(self._is_embedding(place, user, passed) for user in users):
            return EMBEDDING
        return self._layer_of_users(users)

    def _is_embedding(self, place: int, user: int, passed: set[int]) -> bool:
        """A table that rows are taken from at the beginning; one of angles leads straight into attention instead."""
        constant, gather = self._operations[place].constant, self._operations[user]
        is_table = constant is not None and len(constant.shape) >= 2 and gather.first_input in passed
        return gather.kind == "Gather" and is_table and self._above[user] < 0 and self._into[user] is None

    def _layer_of_users(self, users: Sequence[int]) -> str:
        for user in users:
            name = layer_of_name(self._operations[user].name)
            if name is not None:
                return name
        found = {self._layer_by_flow(user) for user in users}
        return found.pop() if len(found) == 1 else OTHER

    def _layer_by_flow(self, user: int) -> str:
        into = self._into[user]
        if into == MANY:
            return OTHER
        if into is not None:
            return f"layer {into}"
        is_matrix = self._operations[user].kind == "MatMul"
        following = self._next[user]
        if self._ends[user] and not following:
            return OUTPUT if self._above[user] >= 0 else OTHER
        if not is_matrix and following and MANY not in following and not self._ends[user]:
            layers = {OUTPUT if self._ends[each] and not self._next[each] else self._into[each] for each in following}
            if len(layers) == 1:
                only = layers.pop()
                if only == OUTPUT:
                    return OUTPUT
                if isinstance(only, int) and only != MANY:
                    return f"layer {only}"
        return f"layer {self._above[user]}" if self._above[user] >= 0 else OTHER

    def _users(self, place: int) -> tuple[list[int], set[int]]:
        """The first operations that mix a constant with data, and what it passes through until then."""
        found: dict[int, None] = {}
        passed, waiting = {place}, [place]
        while waiting:
            for each in self._operations[waiting.pop()].outputs:
                if not self._is_constant[each]:
                    found[each] = None
                elif each not in passed:
                    passed.add(each)
                    waiting.append(each)
        return sorted(found), passed

    def _constant_paths(self) -> list[bool]:
        made: list[bool] = []
        for place, operation in enumerate(self._operations):
            inputs = [each for each in operation.inputs if each < place]
            is_whole = len(inputs) == len(operation.inputs) and bool(inputs)
            made.append(operation.kind == "Const" or (is_whole and all(made[each] for each in inputs)))
        return made

    def _attention_numbers(self) -> dict[int, int]:
        """Of each attention operation, by its place, the number of its layer."""
        places = [place for place, each in enumerate(self._operations) if each.kind in ATTENTION]
        return {place: count for count, place in enumerate(places)}

    def _numbers_above(self) -> list[int]:
        """The highest attention at or before each operation; -1: none."""
        above: list[int] = []
        for place, operation in enumerate(self._operations):
            inputs = operation.inputs if operation.kind not in SHAPES else ()
            before = max((above[each] for each in inputs if each < place), default=-1)
            above.append(max(before, self._attention.get(place, -1)))
        return above

    def _has_weight(self, place: int) -> bool:
        operation = self._operations[place]
        return operation.kind == "MatMul" and any(self._is_constant[each] for each in operation.inputs)

    def _reached(self) -> tuple[list[int | None], list[frozenset[int]], list[bool]]:
        """For each operation, going forward and not beyond a matrix of weights: which attention, matrices, and the end."""
        size = len(self._operations)
        into: list[int | None] = [None] * size
        following: list[frozenset[int]] = [frozenset()] * size
        ends = [False] * size
        for place in reversed(range(size)):
            operation = self._operations[place]
            found: set[int] = set()
            for each in operation.outputs:
                if each <= place or self._operations[each].kind in SHAPES:
                    continue
                if each in self._attention:
                    into[place] = _joined(into[place], self._attention[each])
                elif self._weighted[each]:
                    found.add(each)
                else:
                    into[place] = _joined(into[place], into[each])
                    found |= following[each]
                    ends[place] = ends[place] or ends[each] or self._operations[each].kind == "Result"
            following[place] = frozenset(found) if len(found) <= 8 and MANY not in found else frozenset({MANY})
        return into, following, ends


def _joined(first: int | None, second: int | None) -> int | None:
    if first is None or second is None:
        return second if first is None else first
    return first if first == second else MANY
