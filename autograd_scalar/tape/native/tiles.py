"""The machine code of a batch: loops over tiles of examples."""

from __future__ import annotations

from autograd_scalar.tape.native.blocks import (
    Dots,
    DotSum,
    Loop,
    MatrixVector,
    OuterSum,
    PlainSum,
    Plan,
    Straight,
)
from autograd_scalar.tape.native.emit import Code, Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from autograd_scalar.tape.native.blocks import Item
    from autograd_scalar.tape.program import Tape

_VECTORS = 8
"""Vectors of examples in a tile, at most."""

_CACHE = 2**20
"""Bytes that a tile should not exceed: half of the second-level cache of current processors."""

_ARGUMENTS = "ptr noalias %packed, ptr noalias %tile, ptr noalias %sums, i64 %live"


class Writer:
    """Writes a program into a module.

    It becomes a function that takes pieces of the batch until a counter says that there are no
    more::

        void @run(ptr %packed, ptr %columns, ptr %rows, ptr %sums, ptr %work, ptr %counter,
                  i64 %n, i64 %piece)

    Attributes:
        tile: examples in a tile.
        packed: the shared operands in the order in which the code reads them from ``%packed``.
        sums: for each number of a piece in ``%sums`` the outputs that it is.
        work_size: how many doubles ``%work`` has.
    """

    def __init__(
        self,
        tape: Tape,
        varies: Sequence[int],
        batched: Sequence[int],
        summed: frozenset[int],
        module: Module,
        lanes: int,
        *,
        contract: bool,
    ) -> None:
        self._tape = tape
        self._varies = varies
        self._batched = batched
        self._module = module
        self._lanes = lanes
        self._contract = contract
        self._registers = 16 if lanes == 8 else 8  # for sums under way
        self.packed: list[int] = []
        self.sums: list[list[int]] = []
        self._items = Plan(tape, varies, summed).items
        self._row_outputs = [i for i in range(len(tape.outputs)) if i not in summed]
        self._find_places()
        for number, item in enumerate(self._items):
            self._write_item(item, f"item{number}")
        self._write_tile()
        self._write_run()
        self.work_size = self._size * self.tile + len(self.sums) * lanes

    # --- Memory -----------------------------------------------------------------------------------

    def _find_places(self) -> None:
        """A row of the tile for each number that another item, or the end, needs.

        A shared number that stands for one that varies fills a row, too, once and for all.
        """
        rows = [(k, self._tape.outputs[i]) for k, i in enumerate(self._row_outputs)]
        self._copied = [(k, o) for k, o in rows if o >= 0 and self._varies[o]]
        last: dict[int, int] = {}
        for i, item in enumerate(self._items):
            for slot in self._reads(item):
                last[slot] = i
        last |= {slot: len(self._items) for _, slot in self._copied}
        for i, item in enumerate(self._items):  # a column is stored whole or not at all
            for column in item.columns if isinstance(item, Loop) else ():
                if any(slot in last for slot in column):
                    last |= {slot: i for slot in column if slot not in last}
        self._filled = [o for o in last if o < 0 or not self._varies[o]]
        always = dict.fromkeys((*self._filled, *self._batched))
        self._place = {o: i for i, o in enumerate(always)}
        self._size = len(always)
        ending: dict[int, list[int]] = {}
        for slot, i in last.items():
            ending.setdefault(i, []).append(slot)
        free: list[int] = []
        for i, item in enumerate(self._items):
            for slot in _computes(item):
                if slot in last:
                    if not free:
                        free.append(self._size)
                        self._size += 1
                    self._place[slot] = free.pop()
            free += [self._place[o] for o in ending.get(i, ()) if o not in always]
        self.tile = _VECTORS * self._lanes
        while self.tile > self._lanes and 8 * self.tile * self._size > _CACHE:
            self.tile //= 2

    def _reads(self, item: Item) -> Iterator[int]:
        """What an item reads from rows of the tile."""
        if isinstance(item, OuterSum):
            yield from (*item.rows, *item.columns)
        elif isinstance(item, DotSum):
            yield from [o for row in item.pairs for pair in row for o in pair]
        elif isinstance(item, PlainSum):
            yield from item.slots
        elif isinstance(item, Straight):
            yield from self._operands_from_outside(item.nodes)
        else:
            head = item.head
            if isinstance(head, MatrixVector):
                yield from head.vector
            elif isinstance(head, Dots):
                for row in head.pairs:
                    for a, b in row:
                        yield b
                        if not head.shared:
                            yield a
            columns = item.columns if head is None else item.columns[1:]
            inside = {slot for column in item.columns for slot in column}
            yield from self._operands_from_outside([s for c in columns for s in c], inside)

    def _operands_from_outside(
        self, nodes: Sequence[int], inside: set[int] | None = None
    ) -> Iterator[int]:
        known = set(nodes) if inside is None else inside
        for slot in nodes:
            for o in self._tape.operands_of(slot):
                if o >= 0 and self._varies[o] and o not in known:
                    yield o

    def _offset(self, operand: int) -> int:
        return self._place[operand] * self.tile

    def _pack(self, operands: Sequence[int]) -> int:
        """Where these shared numbers are, one after the other."""
        start = len(self.packed)
        self.packed += operands
        return start

    # --- Items ------------------------------------------------------------------------------------

    def _code(self) -> Code:
        return Code(self._module, self._lanes, contract=self._contract)

    def _write_item(self, item: Item, name: str) -> None:
        code = self._code()
        writers: dict[type, Callable[..., None]] = {
            Straight: self._straight,
            Loop: self._loop,
            OuterSum: self._outer_sum,
            DotSum: self._dot_sum,
            PlainSum: self._plain_sum,
        }
        writers[type(item)](code, item)
        code.do("ret void")
        self._module.define(f"internal void @{name}({_ARGUMENTS}) noinline nounwind", code.lines)

    def _straight(self, code: Code, item: Straight) -> None:
        tape = self._tape
        with code.loop(self.tile // self._lanes, step=self._lanes) as (v, _, go_on):
            known: dict[int, str] = {}

            def value(o: int) -> str:
                if o not in known:
                    if o < 0:
                        known[o] = code.constant(tape.constants[~o])
                    elif self._varies[o]:
                        known[o] = code.load(code.at(code.at("%tile", self._offset(o)), v))
                    else:
                        known[o] = self._shared(code, code.at("%packed", self._pack([o])))
                return known[o]

            for slot in item.nodes:
                operands = list(map(value, tape.operands_of(slot)))
                known[slot] = code.operation(tape.primitive_of(slot), operands)
                if slot in self._place:
                    code.store(known[slot], code.at(code.at("%tile", self._offset(slot)), v))
            go_on()

    @staticmethod
    def _shared(code: Code, pointer: str) -> str:
        return code.splat(code.value(f"load double, ptr {pointer}, align 8"))

    def _row_at(self, code: Code, table: str, index: str) -> str:
        """The address of the row of the tile that a table's entry tells."""
        at = code.value(f"getelementptr inbounds i32, ptr {table}, i64 {index}")
        offset = code.value(f"load i32, ptr {at}, align 4")
        return code.at("%tile", code.value(f"zext i32 {offset} to i64"))

    def _loop(self, code: Code, loop: Loop) -> None:
        body = _Body(self, loop)
        if isinstance(loop.head, MatrixVector):
            self._matrix_vector(code, loop.head, body)
        elif isinstance(loop.head, Dots):
            self._dots(code, loop.head, body)
        else:
            with code.loop(loop.rounds) as (i, _, go_on):
                write = body.begin(code, i)
                with code.loop(self.tile // self._lanes, step=self._lanes) as (v, _, go_on_inside):
                    write(v, None)
                    go_on_inside()
                go_on()

    def _vectors(self, rows: int) -> int:
        """How many vectors of examples at a time: as many sums as there are registers for."""
        count = self.tile // self._lanes
        while count * rows > self._registers:
            count //= 2
        return max(1, count)

    def _matrix_vector(self, code: Code, head: MatrixVector, body: _Body) -> None:
        """Four rows by four vectors of examples, say, are 16 sums under way, all in registers."""
        lanes, terms = self._lanes, len(head.vector)
        table = self._module.table([self._offset(o) for o in head.vector])
        for start, blocks, height in _blocks(len(head.matrix), 4):
            panel = self._pack(
                [
                    head.matrix[start + block * height + r][k]
                    for block in range(blocks)
                    for k in range(terms)
                    for r in range(height)
                ]
            )
            width = self._vectors(height)
            zeros = [(code.kind, code.constant(-0.0))] * (height * width)
            with code.loop(blocks) as (block, _, next_block):
                at = code.value(f"mul nuw nsw i64 {block}, {terms * height}")
                weights = code.at(code.at("%packed", panel), at)
                row = code.value(f"mul nuw nsw i64 {block}, {height}")
                rounds = [code.value(f"add nuw nsw i64 {row}, {start + r}") for r in range(height)]
                with code.loop(self.tile // lanes // width, step=width * lanes) as (v, _, next_v):
                    with code.loop(terms, zeros) as (k, sums, next_term):
                        from_row = code.at(self._row_at(code, table, k), v)
                        xs = [code.load(code.at(from_row, j * lanes)) for j in range(width)]
                        weight = code.at(weights, code.value(f"mul nuw nsw i64 {k}, {height}"))
                        found = []
                        for r in range(height):
                            w = self._shared(code, code.at(weight, r))
                            for j in range(width):
                                product = code.multiply(w, xs[j])
                                found.append(code.add(sums[r * width + j], product))
                        next_term(*found)
                    for r in range(height):
                        write = body.begin(code, rounds[r])
                        for j in range(width):
                            u = code.value(f"add nuw nsw i64 {v}, {j * lanes}")
                            write(u, sums[r * width + j])
                    next_v()
                next_block()

    def _dots(self, code: Code, head: Dots, body: _Body) -> None:
        lanes, terms = self._lanes, len(head.pairs[0])
        width = self._vectors(2)
        firsts = [a for row in head.pairs for a, _ in row]
        seconds = self._module.table([self._offset(b) for row in head.pairs for _, b in row])
        if head.shared:
            packed = code.at("%packed", self._pack(firsts))
        else:
            table = self._module.table([self._offset(a) for a in firsts])
        zeros = [(code.kind, code.constant(-0.0))] * width
        with code.loop(len(head.pairs)) as (i, _, next_row):
            first = code.value(f"mul nuw nsw i64 {i}, {terms}")
            with code.loop(self.tile // lanes // width, step=width * lanes) as (v, _, next_v):
                with code.loop(terms, zeros) as (k, sums, next_term):
                    index = code.value(f"add nuw nsw i64 {first}, {k}")
                    b = code.at(self._row_at(code, seconds, index), v)
                    if head.shared:
                        a = [self._shared(code, code.at(packed, index))] * width
                    else:
                        at = code.at(self._row_at(code, table, index), v)
                        a = [code.load(code.at(at, j * lanes)) for j in range(width)]
                    found = []
                    for j in range(width):
                        product = code.multiply(a[j], code.load(code.at(b, j * lanes)))
                        found.append(code.add(sums[j], product))
                    next_term(*found)
                write = body.begin(code, i)
                for j in range(width):
                    write(code.value(f"add nuw nsw i64 {v}, {j * lanes}"), sums[j])
                next_v()
            next_row()

    # --- Sums over the batch ----------------------------------------------------------------------

    def _new_sums(self, outputs: Sequence[list[int]]) -> int:
        start = len(self.sums)
        self.sums += outputs
        return start

    def _add_to_sum(self, code: Code, number: str, value: str) -> None:
        """``number`` counts the sums; each is a vector, in whose lanes examples take turns."""
        place = code.at("%sums", code.value(f"mul nuw nsw i64 {number}, {self._lanes}"))
        code.store(code.add(code.load(place), value), place)

    def _clear_tail(self, code: Code, table: str, count: int) -> None:
        """Where the tile is not full the rest of these rows becomes 0."""
        self._define_clear_tail()
        full = code.value(f"icmp eq i64 %live, {self.tile}")
        partly, go_on = code.label("partly"), code.label("full")
        code.do(f"br i1 {full}, label %{go_on}, label %{partly}")
        code.block(partly)
        code.do(f"call void @clear_tail(ptr %tile, ptr {table}, i64 {count}, i64 %live)")
        code.do(f"br label %{go_on}")
        code.block(go_on)

    def _define_clear_tail(self) -> None:
        if self._module.defines("clear_tail"):
            return
        code = Code(self._module)
        rest = code.value(f"sub i64 {self.tile}, %live")
        with code.loop("%count") as (i, _, go_on):
            start = code.at(self._row_at(code, "%table", i), "%live")
            with code.loop(rest) as (k, _, go_on_inside):
                code.store(code.constant(0.0), code.at(start, k))
                go_on_inside()
            go_on()
        code.do("ret void")
        head = "internal void @clear_tail(ptr %tile, ptr %table, i64 %count, i64 %live) noinline"
        self._module.define(head, code.lines, "clear_tail")

    def _plain_sum(self, code: Code, item: PlainSum) -> None:
        table = self._module.table([self._offset(o) for o in item.slots])
        self._clear_tail(code, table, len(item.slots))
        start = self._new_sums(item.outputs)
        zero = [(code.kind, code.constant(0.0))]
        with code.loop(len(item.slots)) as (i, _, go_on):
            row = self._row_at(code, table, i)
            with code.loop(self.tile // self._lanes, zero, self._lanes) as (v, total, next_v):
                next_v(code.add(total[0], code.load(code.at(row, v))))
            self._add_to_sum(code, code.value(f"add nuw nsw i64 {i}, {start}"), total[0])
            go_on()

    def _outer_sum(self, code: Code, item: OuterSum) -> None:
        rows = self._module.table([self._offset(o) for o in item.rows])
        columns = self._module.table([self._offset(o) for o in item.columns])
        self._clear_tail(code, rows, len(item.rows))
        self._clear_tail(code, columns, len(item.columns))
        across = len(item.columns)
        start = self._new_sums([outputs for row in item.outputs for outputs in row])
        for top, row_blocks, height in _blocks(len(item.rows), 4):
            for left, column_blocks, width in _blocks(across, self._registers // height):
                zeros = [(code.kind, code.constant(0.0))] * (height * width)
                with code.loop(row_blocks, step=height) as (i, _, next_rows):
                    a = self._several_rows(code, rows, i, top, height)
                    line = code.value(f"mul nuw nsw i64 {i}, {across}")
                    with code.loop(column_blocks, step=width) as (j, _, next_columns):
                        b = self._several_rows(code, columns, j, left, width)
                        vectors = self.tile // self._lanes
                        with code.loop(vectors, zeros, self._lanes) as (v, sums, next_v):
                            xs = [code.load(code.at(pointer, v)) for pointer in a]
                            ys = [code.load(code.at(pointer, v)) for pointer in b]
                            products = [code.multiply(x, y) for x in xs for y in ys]
                            next_v(*map(code.add, sums, products))
                        first = code.value(f"add nuw nsw i64 {line}, {j}")
                        for r in range(height):
                            for c in range(width):
                                at = start + (top + r) * across + left + c
                                number = code.value(f"add nuw nsw i64 {first}, {at}")
                                self._add_to_sum(code, number, sums[r * width + c])
                        next_columns()
                    next_rows()

    def _several_rows(self, code: Code, table: str, i: str, first: int, count: int) -> list[str]:
        return [
            self._row_at(code, table, code.value(f"add nuw nsw i64 {i}, {first + r}"))
            for r in range(count)
        ]

    def _dot_sum(self, code: Code, item: DotSum) -> None:
        lanes, terms = self._lanes, len(item.pairs[0])
        flat = [self._offset(o) for row in item.pairs for pair in row for o in pair]
        table = self._module.table(flat)
        self._clear_tail(code, table, len(flat))
        start = self._new_sums(item.outputs)
        width = self._vectors(2)
        zero = [(code.kind, code.constant(0.0))]
        zeros = [(code.kind, code.constant(-0.0))] * width
        with code.loop(len(item.pairs)) as (i, _, next_row):
            first = code.value(f"mul nuw nsw i64 {i}, {2 * terms}")
            vectors = self.tile // lanes // width
            with code.loop(vectors, zero, width * lanes) as (v, total, next_v):
                with code.loop(terms, zeros, 2) as (k, sums, next_term):
                    index = code.value(f"add nuw nsw i64 {first}, {k}")
                    a = code.at(self._row_at(code, table, index), v)
                    index = code.value(f"add nuw nsw i64 {index}, 1")
                    b = code.at(self._row_at(code, table, index), v)
                    found = []
                    for j in range(width):
                        x, y = (code.load(code.at(pointer, j * lanes)) for pointer in (a, b))
                        found.append(code.add(sums[j], code.multiply(x, y)))
                    next_term(*found)
                value = total[0]
                for j in range(width):
                    value = code.add(value, sums[j])
                next_v(value)
            self._add_to_sum(code, code.value(f"add nuw nsw i64 {i}, {start}"), total[0])
            next_row()

    # --- The whole --------------------------------------------------------------------------------

    def _write_tile(self) -> None:
        """Copy the columns in, run the items, copy the rows out."""
        code = self._code()
        for k, slot in enumerate(self._batched):
            at = code.value(f"getelementptr [2 x i64], ptr %columns, i64 {k}")
            address = code.value(f"load ptr, ptr {at}, align 8")
            at = code.value(f"getelementptr i64, ptr {at}, i64 1")
            stride = code.value(f"load i64, ptr {at}, align 8")
            shift = code.value(f"mul i64 {stride}, %first")
            source = code.value(f"getelementptr i8, ptr {address}, i64 {shift}")
            target = code.at("%tile", self._offset(slot))
            code.do(f"call void @gather(ptr {target}, ptr {source}, i64 {stride}, i64 %live)")
        for number in range(len(self._items)):
            code.do(f"call void @item{number}(ptr %packed, ptr %tile, ptr %sums, i64 %live)")
        size = code.value("shl i64 %live, 3")
        copy = "llvm.memcpy.p0.p0.i64"
        self._module.declare(copy, f"declare void @{copy}(ptr, ptr, i64, i1)")
        for k, slot in self._copied:
            line = code.at("%rows", code.value(f"mul i64 %n, {k}"))
            target = code.at(line, "%first")
            source = code.at("%tile", self._offset(slot))
            code.do(f"call void @{copy}(ptr {target}, ptr {source}, i64 {size}, i1 false)")
        code.do("ret void")
        self._module.define(
            "internal void @tile(ptr %packed, ptr %tile, ptr %sums, ptr %columns, ptr %rows, "
            "i64 %first, i64 %live, i64 %n) noinline nounwind",
            code.lines,
        )
        self._define_gather()

    def _define_gather(self) -> None:
        """Numbers at equal distances, in a row; where the tile is not full the last one again."""
        code = Code(self._module)

        def number_at(i: str) -> str:
            shift = code.value(f"mul i64 {i}, %stride")
            return code.load(code.value(f"getelementptr i8, ptr %source, i64 {shift}"))

        full = code.value(f"icmp eq i64 %live, {self.tile}")
        code.do(f"br i1 {full}, label %all, label %some")
        code.block("all")
        together = min(8, self.tile)
        with code.loop(self.tile // together, step=together) as (i, _, go_on):
            for k in range(together):
                j = code.value(f"add i64 {i}, {k}")
                code.store(number_at(j), code.at("%target", j))
            go_on()
        code.do("ret void")
        code.block("some")
        last = code.value("sub i64 %live, 1")
        with code.loop(self.tile) as (i, _, go_on):
            inside = code.value(f"icmp ult i64 {i}, %live")
            j = code.value(f"select i1 {inside}, i64 {i}, i64 {last}")
            code.store(number_at(j), code.at("%target", i))
            go_on()
        code.do("ret void")
        head = "internal void @gather(ptr noalias %target, ptr noalias %source, "
        self._module.define(head + "i64 %stride, i64 %live) noinline nounwind", code.lines)

    def _write_run(self) -> None:
        code = self._code()
        lanes = self._lanes
        accumulators = code.at("%work", self._size * self.tile)
        for o in self._filled:
            value = self._shared(code, code.at("%packed", self._pack([o])))
            row = code.at("%work", self._offset(o))
            with code.loop(self.tile // lanes, step=lanes) as (v, _, go_on):
                code.store(value, code.at(row, v))
                go_on()
        code.do("br label %pieces")
        code.block("pieces")
        number = code.value("atomicrmw add ptr %counter, i64 1 monotonic, align 8")
        start = code.value(f"mul i64 {number}, %piece")
        more = code.value(f"icmp slt i64 {start}, %n")
        code.do(f"br i1 {more}, label %go, label %done")
        code.block("done")
        code.do("ret void")
        code.block("go")
        if self.sums:
            with code.loop(len(self.sums), step=lanes) as (k, _, go_on):
                code.store(code.constant(0.0), code.at(accumulators, k))
                go_on()
        left = code.value(f"sub i64 %n, {start}")
        size = self._smaller(code, left, "%piece")
        up = code.value(f"add i64 {size}, {self.tile - 1}")
        tiles = code.value(f"udiv i64 {up}, {self.tile}")
        with code.loop(tiles) as (k, _, go_on):
            done = code.value(f"mul i64 {k}, {self.tile}")
            first = code.value(f"add i64 {start}, {done}")
            rest = code.value(f"sub i64 {size}, {done}")
            live = self._smaller(code, rest, str(self.tile))
            code.do(
                f"call void @tile(ptr %packed, ptr %work, ptr {accumulators}, ptr %columns, "
                f"ptr %rows, i64 {first}, i64 {live}, i64 %n)"
            )
            go_on()
        if self.sums:
            line = code.at("%sums", code.value(f"mul i64 {number}, {len(self.sums)}"))
            with code.loop(len(self.sums)) as (k, _, go_on):
                at = code.value(f"mul i64 {k}, {lanes}")
                value = code.load(code.at(accumulators, at))
                code.do(f"store double {_lane_sum(code, value)}, ptr {code.at(line, k)}, align 8")
                go_on()
        code.do("br label %pieces")
        self._module.define(
            "void @run(ptr noalias %packed, ptr noalias %columns, ptr noalias %rows, "
            "ptr noalias %sums, ptr noalias %work, ptr %counter, i64 %n, i64 %piece) nounwind",
            code.lines,
        )

    @staticmethod
    def _smaller(code: Code, a: str, b: str) -> str:
        less = code.value(f"icmp slt i64 {a}, {b}")
        return code.value(f"select i1 {less}, i64 {a}, i64 {b}")


class _Body:
    """What is done in each round of a loop, apart from its head.

    Each operand is one of these: a constant; the value of an earlier column; a shared number, of
    which the rounds have one each, in a row; or a row of the tile, which a table tells.
    """

    def __init__(self, writer: Writer, loop: Loop) -> None:
        self._writer = writer
        self._loop = loop
        tape = writer._tape
        self._first = 0 if loop.head is None else 1
        self._columns = [
            (tape.primitive_of(column[0]), list(zip(*map(tape.operands_of, column), strict=True)))
            for column in loop.columns[self._first :]
        ]
        self._column_of = {tuple(column): k for k, column in enumerate(loop.columns)}
        self._shared: dict[tuple[int, ...], int] = {}
        self._rows: dict[tuple[int, ...], int] = {}
        for _, operands in self._columns:
            for members in operands:
                if members in self._column_of or self._constant(members) is not None:
                    continue
                o = members[0]
                varies = o >= 0 and writer._varies[o]
                known = self._rows if varies else self._shared
                known.setdefault(members, len(known))
        self._stored = [
            (k, column)
            for k, column in enumerate(loop.columns)
            if any(slot in writer._place for slot in column)
        ]
        rounds = range(loop.rounds)
        self._packed = writer._pack([members[i] for i in rounds for members in self._shared])
        self._table = writer._module.table(
            [
                offset
                for i in rounds
                for offset in (
                    *[writer._offset(members[i]) for members in self._rows],
                    *[writer._offset(column[i]) for _, column in self._stored],
                )
            ]
        )

    def _constant(self, members: tuple[int, ...]) -> float | None:
        """The constant that the operand is in every round."""
        o = members[0]
        return (
            self._writer._tape.constants[~o] if o < 0 and members == (o,) * len(members) else None
        )

    def begin(self, code: Code, i: str) -> Callable[[str, str | None], None]:
        """Write what round i needs for all examples, and return how to write the rest.

        That is a function of where the examples begin in their rows, and of the head's value.
        """
        writer = self._writer
        width = len(self._rows) + len(self._stored)
        entry = code.value(f"mul nuw nsw i64 {i}, {width}")
        pointers = []
        for k in range(width):
            index = code.value(f"add nuw nsw i64 {entry}, {k}")
            pointers.append(writer._row_at(code, self._table, index))
        shared = []
        if self._shared:
            at = code.value(f"mul nuw nsw i64 {i}, {len(self._shared)}")
            start = code.at(code.at("%packed", self._packed), at)
            shared = [writer._shared(code, code.at(start, k)) for k in range(len(self._shared))]

        def write(v: str, head: str | None) -> None:
            values = [] if head is None else [head]
            loaded: dict[int, str] = {}
            for primitive, operands in self._columns:
                found = []
                for members in operands:
                    constant = self._constant(members)
                    if members in self._column_of:
                        found.append(values[self._column_of[members]])
                    elif constant is not None:
                        found.append(code.constant(constant))
                    elif members in self._shared:
                        found.append(shared[self._shared[members]])
                    else:
                        row = self._rows[members]
                        if row not in loaded:
                            loaded[row] = code.load(code.at(pointers[row], v))
                        found.append(loaded[row])
                values.append(code.operation(primitive, found))
            for k, (column, _) in enumerate(self._stored, len(self._rows)):
                code.store(values[column], code.at(pointers[k], v))

        return write


def _computes(item: Item) -> Iterator[int]:
    if isinstance(item, Straight):
        yield from item.nodes
    elif isinstance(item, Loop):
        for column in item.columns:
            yield from column


def _blocks(count: int, height: int) -> Iterator[tuple[int, int, int]]:
    """Cut so many rows into blocks of that height and one lower: first row, blocks, height."""
    whole, rest = divmod(count, height)
    if whole:
        yield 0, whole, height
    if rest:
        yield whole * height, 1, rest


def _lane_sum(code: Code, value: str) -> str:
    """The lanes of a vector added up, half to half."""
    lanes = code.lanes
    while lanes > 1:
        kind, half = f"<{lanes} x double>", lanes // 2
        parts = []
        for first in (0, half):
            lane_numbers = ", ".join([f"i32 {first + k}" for k in range(half)])
            parts.append(
                code.value(
                    f"shufflevector {kind} {value}, {kind} poison, <{half} x i32> <{lane_numbers}>"
                )
            )
        value = code.value(f"fadd <{half} x double> {parts[0]}, {parts[1]}")
        lanes = half
    return code.value(f"extractelement <1 x double> {value}, i64 0")
