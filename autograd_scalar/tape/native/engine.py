"""LLVM: intermediate representation in, machine code for this computer out, ready to be called.

Text in LLVM's assembly language is compiled to an object file in memory (which ``cache`` keeps on
the disk), linked against the C library and whatever else it names, and called by ctypes, which
lets go of Python's interpreter lock for the time of the call.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from functools import cache, cached_property
from itertools import count

from autograd_scalar.tape.native import cache as disk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

_VECTOR_LIBRARY = "libmvec.so.1"

_lock = threading.RLock()
_numbers = count()


def available() -> bool:
    """Whether llvmlite is installed.

    >>> available()
    True
    """
    try:
        import llvmlite.binding  # noqa: F401
    except ImportError:
        return False
    return True


@cache
def host() -> Host:
    """The computer that code is made for: this one.

    Raises ImportError if llvmlite is not installed.
    """
    return Host()


class Host:
    """A computer as a target of compilation.

    Attributes:
        lanes: how many doubles its vector registers hold.
        identity: a text that differs wherever the same program may compile to other code.
    """

    def __init__(self) -> None:
        try:
            import llvmlite
            import llvmlite.binding as llvm
        except ImportError as error:
            raise ImportError(
                "machine code for tapes needs llvmlite: "
                'python -m pip install "autograd_scalar[native]"'
            ) from error
        self._llvm: Any = llvm
        with _lock:
            llvm.initialize_native_target()
            llvm.initialize_native_asmprinter()
            self.triple = str(llvm.get_process_triple())
            self.cpu = str(llvm.get_host_cpu_name())
            features = llvm.get_host_cpu_features()
            self.features = str(features.flatten())
        self.lanes = 8 if features.get("avx512f") else 4 if features.get("avx2") else 2
        version = ".".join(map(str, llvm.llvm_version_info))
        self.identity = "\n".join(
            (llvmlite.__version__, version, self.triple, self.cpu, self.features)
        )
        self._machines: dict[int, Any] = {}

    def assemble(self, text: str, level: int = 2, *, passes: bool = True) -> bytes:
        """The object code of a module in LLVM's assembly language.

        ``level`` is 0 to 3: how much time goes into the choice of instructions and registers and,
        from 1 on and with ``passes``, into optimising the text before.

        Raises ValueError if the text is no module.
        """
        with _lock:
            try:
                module = self._llvm.parse_assembly(text, self._llvm.create_context())
                module.triple = self.triple
                machine = self._machine(level)
                module.data_layout = str(machine.target_data)
                module.verify()
            except RuntimeError as error:
                raise ValueError(f"this is no module of LLVM's: {error}") from error
            if level and passes:
                self._optimise(module, machine, level)
            return bytes(machine.emit_object(module))

    def load(self, code: bytes, symbols: Mapping[str, int], names: Iterable[str]) -> Library:
        """Link object code against addresses; ``names`` are the functions that will be called.

        Raises RuntimeError if the code needs a symbol that nobody has.
        """
        with _lock:
            builder = self._llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
            for name, address in symbols.items():
                builder.import_symbol(name, address)
            for name in names:
                builder.export_symbol(name)
            return Library(builder.link(self._linker, f"tape{next(_numbers)}"))

    def build(
        self, text: str, names: Iterable[str], symbols: Mapping[str, int] | None = None,
        level: int = 2, *, passes: bool = True,
    ) -> Library:  # fmt: skip
        """Compile, or find on the disk what was compiled before, and load.

        Arguments and errors as of ``assemble`` and ``load``.
        """
        key = disk.key_of(self.identity, f"{level} {passes}", text)
        code = disk.cached(key, lambda: self.assemble(text, level, passes=passes))
        return self.load(code, symbols or {}, names)

    @cached_property
    def _linker(self) -> Any:
        return self._llvm.create_lljit_compiler(self._new_machine(2), use_jit_link=True)

    def _machine(self, level: int) -> Any:
        if level not in self._machines:
            self._machines[level] = self._new_machine(level)
        return self._machines[level]

    def _new_machine(self, level: int) -> Any:
        return self._llvm.Target.from_triple(self.triple).create_target_machine(
            cpu=self.cpu, features=self.features, opt=level, reloc="pic", codemodel="small",
            jit=True,
        )  # fmt: skip

    def _optimise(self, module: Any, machine: Any, level: int) -> None:
        """What is to be vectorised or unrolled was written that way: LLVM is not to guess."""
        options = self._llvm.create_pipeline_tuning_options(speed_level=level)
        options.loop_vectorization = options.slp_vectorization = False
        options.loop_unrolling = options.loop_interleaving = False
        builder = self._llvm.create_pass_builder(machine, options)
        builder.getModulePassManager().run(module, builder)


class Library:
    """Loaded machine code; it stays loaded as long as it or one of its functions is referred to.

    Attributes:
        needs: what else has to stay alive as long: the functions of Python's that it calls, say.
    """

    def __init__(self, tracker: Any) -> None:
        self._tracker = tracker
        self.needs: tuple[Any, ...] = ()

    def address(self, name: str) -> int:
        """Where the function of that name is in memory."""
        return int(self._tracker[name])

    def function(self, name: str, result: Any, *arguments: Any, holds_lock: bool = False) -> Any:
        """The function of that name, to be called from Python, by ctypes types.

        It lets other threads of Python run meanwhile, unless it ``holds_lock``.
        """
        kind = ctypes.PYFUNCTYPE if holds_lock else ctypes.CFUNCTYPE
        function: Any = kind(result, *arguments)(self.address(name))
        function.library = self
        return function


# --- Symbols --------------------------------------------------------------------------------------


@cache
def c_library() -> Any:
    """The C library of this process, whose mathematical functions Python's ``math`` calls."""
    return ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None)


@cache
def vector_library() -> Any | None:
    """The C library's functions on vectors (glibc's libmvec), or None."""
    try:
        return ctypes.CDLL(_VECTOR_LIBRARY)
    except OSError:
        return None


def address_of(name: str) -> int | None:
    """The address of a function of the C library or of its vector library; None: there is none.

    >>> address_of("exp") is None, address_of("no_such_function") is None
    (False, True)
    """
    for library in (c_library(), vector_library()):
        function = getattr(library, name, None)
        if function is not None:
            return ctypes.cast(function, ctypes.c_void_p).value
    return None
