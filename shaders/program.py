"""What a kernel answers for one op: programs to launch, an alias, or the reason why not.

A kernel is a pair of files. `conv_2d.py` says which ops it serves (`OPS`), when it applies, how constants are packed
and how it is launched (`lower`); `conv_2d.glsl` is the body. Modules are found by their file; of those that serve an op
the one with the highest `PRIORITY` (0 where it has none) is asked first, and the first that gives no Reason does it.
Custom ops stand in `CUSTOM`, by name. One that knows several ways to do an op answers with all of them (`Ways`).

Memory: every activation is plain row-major in its file's shape, its elements stored as `types.py` says (float, int,
...), and where a body's addresses allow it may be bound by fours (the last dimension, or the whole size, is a multiple
of 4; `types.in_fours`). An `Arg` or `Stage` may name any tensor index: one that is constant becomes a constant buffer
by itself, stored like an activation. What holds for every op is checked outside the kernels, in
`delegates/gpu/lowering.py`: activations are static in shape; buffers and groups within `Limits`.

Types: a module says of which types its ops read activations (`TYPES`, by default FLOAT32 alone) and of which they write
(`RESULTS`, by default TYPES): sets of TFLite's names, or mappings from the kind of op to one. Other activations never
reach `lower`; a kind may have one module for FLOAT32 and another for INT8. Constants are the kernel's to check.

An op all of whose outputs are without elements is no work, and reaches no kernel. Of others, a module's `EMPTY` says
whether it takes those that read or write some tensor without elements: (False,) unless it says more, which is not.

What a body stores must be a value of the output's type: 0 or 1 for BOOL, -128 to 127 for INT8; nothing checks it, and
other kernels rely on it. Only for FLOAT16 it may be any float: lowering rounds it to what half holds.

A kernel speaks in widths: "float" is one element of a tensor and "vec4" four, whatever its type; lowering makes them
int, ivec4 and so on before GLSL is written. The type of a buffer that a kernel packs itself (`Const`) is GLSL's own.

A body is GLSL that is both 4.30 and ES 3.10: no conversions that are not written down, no doubles. With a `main()`, it
names buffers and constants, never binding numbers, for the generated header (`delegates/gpu/compiler.py`) puts in front
of it:

    #define LOCAL_X 64 ..., the constants by name (floats as literals, `const int NAME[n] = ...` for tuples)
    #define VALUE float          what `store` takes: float, vec4, int, ivec4 ... (`Program.value`, `Program.type`)
    #define ELEMENTS 1200u       how many VALUEs the output has
    lib/index.glsl, lib/activation.glsl, and each of `includes`
    <type> <arg name>(i)         for each input: element `i` of it, where `i` is int or uint
    <type> <arg name>[]          for each of `states`: an array to read and write
    void store(uint i, VALUE x)  applies the fused stages, then writes value `i` of the output
    void fail()                  where the program has `fails`: makes the run raise DelegateError, saying that

Every result leaves a body through `store`, each element once, so that an elementwise op after it can be fused in. `i`
is the index in the whole output, in units of VALUE. Programs of one op that write the same output (CONCATENATION) write
different elements of it, all of it between them; no barrier stands between them, and none reads what another wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Reason
from ..graph.model import Graph, Op
from .ways import Ways


@dataclass(frozen=True)
class Limits:
    """What a GL device allows; the defaults are what planning assumes where there is no device.

    Sources: OpenGL 4.3 core, table 23.x minima, but for `storage_bytes`, where 128 MiB is what Mesa's llvmpipe has.
    `lanes` is how many invocations run in step and `threads` how many run at once. NVIDIA's GL alone tells these, and
    only speed depends on them: the defaults are guesses for a small GPU. `precise` is whether GLSL has that qualifier,
    `texels` whether what is only read is best read as texels of a buffer texture. `halves` is the extension of GLSL by
    which there is arithmetic in half, "" without; `subgroups` says whether those reduce values.
    """

    storage_bytes: int = 1 << 27
    storage_blocks: int = 8
    groups: int = 65535
    invocations: int = 1024
    shared_bytes: int = 32768
    lanes: int = 32
    threads: int = 8192
    precise: bool = True
    texels: bool = False
    halves: str = ""
    subgroups: bool = False

    def plenty(self, results: int) -> bool:
        """Whether software, which gains least from sharing a result, has so many that each thread makes whole ones."""
        return self.texels and results >= 8 * self.threads

    def within(self, other: Limits) -> Limits:
        """What both allow, shaped as for the other: `lanes` and `threads` are its own."""
        least = {name: min(getattr(self, name), getattr(other, name)) for name in asdict(self)}
        return Limits(**{**least, "lanes": other.lanes, "threads": other.threads})


# The least that OpenGL ES 3.1 lets a device allow compute shaders (its specification, implementation dependent limits).
ES_LIMITS = Limits(storage_blocks=4, invocations=128, shared_bytes=16384, precise=False)


@dataclass(frozen=True)
class Const:
    """A constant buffer: `pack` makes the array, once, when the program is compiled. `nbytes` is known before.

    `weights` says that they are floats which may be rounded to half, as weights may where results are. `packed` is how
    several share a word, low bits first: integers as bytes, "INT8" or "UINT8", made up to whole words (`in_bytes` in
    `types.py`); floats in "half", which lowering fills in. A body does not see it. Raises ValueError for others.
    """

    pack: Callable[[], NDArray[Any]]
    nbytes: int
    weights: bool = False
    packed: str = ""

    def __post_init__(self) -> None:
        if self.packed not in ("", "half", "INT8", "UINT8"):
            raise ValueError(f"constants are packed as INT8 or UINT8, not as {self.packed!r}")


@dataclass(frozen=True, eq=False)
class Scratch:
    """Memory that one program of an op hands on to those after it: `size` elements of TFLite's `type`.

    Where all write and read it in `fours`, bytes lie four to a word.
    """

    type: str
    size: int
    fours: bool = False


@dataclass(frozen=True)
class Arg:
    """One input of a body: its name there, a tensor index, a constant or what another program made, and its elements.

    `type` is a width ("float" or "vec4") for a tensor, whose own type makes it GLSL's; for a Const it is GLSL's type.
    """

    name: str
    source: int | Const | Scratch
    type: str = "float"


@dataclass(frozen=True)
class Earlier:
    """As an operand: the value that stage `stage` of the same program began with. Made by fusing, not by kernels."""

    stage: int


@dataclass(frozen=True)
class Stage:
    """An elementwise step on the way to the store.

    `expression` is GLSL over `x` (the value) and `y` (the element of `operand` beside it) that works for one element
    and for four alike: arithmetic, componentwise built-ins, what lib/activation.glsl and `includes` overload for both.
    In it VALUE is the type of x and MADE that of the result: elements of GLSL type `makes`, where that is "" x's too.

    `operand` is an activation or a constant: of the same shape, or with `period` > 0 the first `period` elements of it
    repeated over the output (a last dimension: its size; a scalar: 1), always counted in single elements. With a
    `lookup` it is a table, and y its element x - lookup, for each component of an int x.
    `operand_type` is GLSL's type of one element of it; lowering fills it in where the operand is a tensor.
    """

    expression: str
    operand: int | Const | Scratch | Earlier | None = None
    period: int = 0
    includes: tuple[str, ...] = ()
    lookup: int | None = None
    makes: str = ""
    operand_type: str = "float"


@dataclass(frozen=True)
class Program:
    """One launch of one body.

    `body` names `<body>.glsl`. `constants` become `#define`s: int, bool (as 0 or 1), float, str (as it is), or a tuple
    of ints or floats (a `const` array). `output` is what is written, a tensor or a Scratch; the body
    stores `value` elements at a time ("float": one, "vec4": four) of TFLite's type `type`, by default the output's:
    another where stages change it.
    Those of them in `sizes` are integers, or tuples of them, that are told when it is launched, not known when it is
    compiled: programs that differ in nothing else are one shader. A body can neither size arrays by them nor ask for
    them in an #if.
    `groups` x `local` invocations run; a body checks its own bounds. `shared` is its shared memory in bytes.
    `includes` are lib/*.glsl by name ("reduce"). `states` are variable tensors that the body reads and writes in place.

    `fails` is what the error says where the body calls `fail()`: for values that the reference refuses when it meets
    them. A run with such a program waits for the GPU to know.

    `exact` forbids the compiler to make one rounding of the two of a product and a sum in its stages, as if precise. It
    would reach back into the body, and slow down those that add up products of floats.

    `home` is the module of a kernel that a user registered, beside which the body may lie; lowering fills it in.

    `packed` says of tensors among what it reads and writes how their elements share words (`packing` in `types.py`);
    lowering fills it in. A body does not see it: what it reads and stores is float, or int. `watched` says that what is
    stored is to be looked at, as it may be more than half holds; the run then raises Learned. So it does where the body
    calls `beyond()`, as one with `half_sums` may: it adds up some of its products in half, by the extension that the
    limits name.

    `part` says that it copies all of its one input, as it is, to where that element of the output begins, and that
    nothing else of the op writes there: the input may as well lie there from the start, and the program be left out.

    `way` names which of its op's `Ways` it is of; lowering fills it in.

    `along` is the size of the output's last dimension where the body says in a variable of that name which VALUE along
    it comes next, before it stores that; else the place of an operand that repeats is found by division.

    A variable tensor keeps its value from one run to the next. A program may also read one as an input, or write one as
    its output; an op's programs have to write each variable that the op names.
    """

    body: str
    constants: Mapping[str, Any]
    inputs: tuple[Arg, ...]
    output: int | Scratch
    groups: tuple[int, int, int]
    local: tuple[int, int, int] = (64, 1, 1)
    value: str = "float"
    stages: tuple[Stage, ...] = ()
    includes: tuple[str, ...] = ()
    shared: int = 0
    type: str = ""
    states: tuple[Arg, ...] = ()
    fails: str = ""
    exact: bool = False
    home: str = ""
    packed: Mapping[int | Scratch, str] = field(default_factory=dict)
    watched: bool = False
    half_sums: bool = False
    part: int | None = None
    sizes: tuple[str, ...] = ()
    along: int = 0
    way: str = ""

    @property
    def tells(self) -> bool:
        """Whether a run has to look whether this went well."""
        return bool(self.fails) or self.watched or self.half_sums


@dataclass(frozen=True)
class Alias:
    """The op only renames bytes: `output` shares the memory of `input`."""

    input: int
    output: int


@dataclass(frozen=True)
class Elementwise:
    """The op is elementwise on tensor `input`, its output of the same shape: it may become a Stage of what made that.

    `mirrored` is the same op seen from the stage's operand, where that is an activation of the same shape too: `x` is
    then the operand and `y` is `input`, so that x - y becomes y - x. Where the op cannot be fused it runs alone, as the
    body `elementwise` with `stage`. Where the output is of another type than the input, lowering says so in the stage.
    """

    input: int
    output: int
    stage: Stage
    mirrored: Stage | None = None


# TFLite's kernels ignore the others, TANH and SIGN_BIT (`CalculateActivationRange` in tensorflow/lite/kernels).
ACTIVATIONS: Mapping[str, str] = {"RELU": "relu({})", "RELU6": "relu6({})", "RELU_N1_TO_1": "relu1({})"}


def activated(op: Op, expression: str = "x") -> str:
    """`expression` under the op's `fused_activation_function`, as GLSL that works for float and vec4."""
    return ACTIVATIONS.get(op.options.get("fused_activation_function", "NONE"), "{}").format(expression)


def fused_activation(op: Op) -> tuple[Stage, ...]:
    """The op's activation as the stages of its program: none or one."""
    expression = activated(op)
    return () if expression == "x" else (Stage(expression),)


def literal(value: object) -> str:
    """A Python number (or GLSL text, as it is) as a GLSL expression of the same value; floats keep every bit."""
    if isinstance(value, (bool, np.bool_)):
        return "1" if value else "0"
    if isinstance(value, (int, np.integer)):
        return "(-2147483647 - 1)" if value == -(2**31) else f"({value})" if value < 0 else str(value)
    if isinstance(value, (float, np.floating)):
        single = np.float32(value)
        if not np.isfinite(single):
            return f"uintBitsToFloat({int(single.view(np.uint32)):#010x}u)"
        text = np.format_float_scientific(single, unique=True, trim="0")
        return f"({text})" if value < 0 else text
    return str(value)


def bits(x: float | np.float32) -> int:
    """A float that is told as the integer of its bits, as `sizes` are integers: intBitsToFloat makes it one again."""
    return int(np.float32(x).view(np.int32))


def in_bits(x: float | np.float32) -> str:
    """A float as GLSL whose number is told at the launch, so that ops which differ in it share a shader."""
    return f"intBitsToFloat({bits(x)})"


def valued(value: object) -> str:
    """A number as GLSL of the type VALUE, for functions that want all of one type."""
    return f"VALUE({literal(value)})"


Answer = Alias | Elementwise | tuple[Program, ...] | Reason
Lowered = Answer | Ways
Kernel = Callable[[Graph, Op, Limits], Lowered]


def groups_for(n: int, local: int, limits: Limits) -> tuple[int, int, int]:
    """Groups that cover `n` invocations in one dimension of `local`, folded over y where x would pass the limit.

    The body finds its index as `gl_GlobalInvocationID.x + gl_GlobalInvocationID.y * (gl_NumWorkGroups.x * LOCAL_X)`,
    which `lib/index.glsl` defines as `invocation()`.
    """
    groups = -(-n // local)
    if groups <= limits.groups:
        return (max(groups, 1), 1, 1)
    rows = -(-groups // limits.groups)
    return (-(-groups // rows), rows, 1)
