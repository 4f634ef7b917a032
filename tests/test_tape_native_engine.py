"""LLVM's text becomes functions that can be called, and bad text an error that says so."""

import ctypes
import gc
import subprocess
import sys
import threading

import pytest

pytest.importorskip("llvmlite")

from autograd_scalar.tape.native import engine

TWICE = "define double @f(double %x) {\n  %y = fadd double %x, %x\n  ret double %y\n}\n"


@pytest.fixture(autouse=True)
def no_cache(monkeypatch):
    monkeypatch.setenv("AUTOGRAD_SCALAR_CACHE", "")


def function_of(text, symbols=None, **options):
    library = engine.host().build(text, ["f"], symbols, **options)
    return library.function("f", ctypes.c_double, ctypes.c_double)


@pytest.mark.parametrize("level", [0, 1, 2, 3])
@pytest.mark.parametrize("passes", [False, True])
def test_every_level_computes_the_same(level, passes):
    assert function_of(TWICE, level=level, passes=passes)(1.5) == 3.0


def test_additions_are_not_reordered_nor_fused_with_products():
    text = (
        "define double @f(double %x) {\n"
        "  %a = fadd double %x, 1.0e16\n  %b = fadd double %a, -1.0e16\n"
        "  %c = fmul double %b, %b\n  %d = fadd double %c, %x\n  ret double %d\n}\n"
    )
    for x in (0.1, 3.0, -7.3):
        rounded = (x + 1e16) - 1e16
        assert function_of(text, level=3)(x) == rounded * rounded + x


def test_a_symbol_is_what_it_is_said_to_be():
    kind = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)
    hundredfold = kind(lambda x: 100 * x)
    address = ctypes.cast(hundredfold, ctypes.c_void_p).value
    text = (
        "declare double @g(double)\n"
        "define double @f(double %x) {\n  %y = call double @g(double %x)\n  ret double %y\n}\n"
    )
    assert function_of(text, {"g": address})(2.5) == 250.0


@pytest.mark.parametrize("text", ["define nonsense", "define double @f() {\n  ret i64 0\n}\n"])
def test_what_is_no_module_is_an_error(text):
    with pytest.raises(ValueError, match="no module of LLVM's"):
        engine.host().assemble(text)


def test_a_symbol_that_nobody_has_is_an_error():
    text = "declare void @no_such_thing()\ndefine void @f() {\n  call void @no_such_thing()\n"
    with pytest.raises(RuntimeError, match="symbols"):
        engine.host().build(text + "  ret void\n}\n", ["f"])


def test_a_function_keeps_its_code_loaded():
    kept = [function_of(TWICE) for _ in range(20)]
    for _ in range(50):
        assert function_of(TWICE)(2.0) == 4.0
    gc.collect()
    assert [f(1.0) for f in kept] == [2.0] * 20


def test_threads_may_compile_at_once():
    found = []

    def work(k):
        text = TWICE.replace("fadd double %x, %x", f"fadd double %x, {k}.0")
        found.append((k, function_of(text)(1.0)))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [(k, 1.0 + k) for k in range(16)]


def test_the_key_on_disk_tells_texts_levels_and_computers_apart(monkeypatch):
    keys = []
    monkeypatch.setattr(engine.disk, "cached", lambda key, build: keys.append(key) or build())
    host = engine.host()
    host.build(TWICE, ["f"])
    host.build(TWICE, ["f"], level=1)
    host.build(TWICE, ["f"], passes=False)
    host.build(TWICE + "\n", ["f"])
    monkeypatch.setattr(host, "identity", "another computer")
    host.build(TWICE, ["f"])
    assert len(set(keys)) == 5
    host.build(TWICE, ["f"])
    assert len(set(keys)) == 5


def test_addresses_are_those_of_the_c_library():
    kind = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)
    assert kind(engine.address_of("sqrt"))(9.0) == 3.0
    assert engine.address_of("no_such_function") is None


def test_without_llvmlite_the_error_says_what_to_install():
    code = (
        "import sys; sys.modules['llvmlite'] = None\n"
        "from autograd_scalar.tape.native import engine\n"
        "assert not engine.available()\n"
        "try:\n    engine.host()\nexcept ImportError as error:\n    print(error)\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "autograd_scalar[native]"' in found.stdout


def test_importing_the_package_does_not_import_llvmlite():
    code = "import sys, autograd_scalar; assert 'llvmlite' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
