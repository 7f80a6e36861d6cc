"""Calling kernels: what goes in, what comes out, and what is refused."""

from __future__ import annotations

import copy
import linecache
import pdb
import pickle
import signal
import threading
import traceback
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.errors import CompileError, InputError, SymbolicError
from tensorgraph.interpret.evaluate import evaluate_graph
from tensorgraph.ir.types import TensorType
from tests.array.lines import above
from tests.compiler.programs import assert_same_bits


def sum_kernel() -> tuple[tg.Kernel, str]:
    x = tg.placeholder(("batch", 3), "float32", name="x")
    line = above()
    y = tg.placeholder(("batch",), "int64", name="y")
    return tg.compile([x, y], tg.sum(x, axis=1) + tg.astype(y, "float32"), name="total"), line


X, Y = np.ones((2, 3), "f4"), np.array([1, 2])


def test_by_position_and_by_name() -> None:
    kernel, _ = sum_kernel()
    for got in (kernel(X, Y), kernel(X, y=Y), kernel(y=Y, x=X)):
        np.testing.assert_array_equal(got, np.array([4, 5], "f4"), strict=True)


def test_wrong_arguments() -> None:
    kernel, _ = sum_kernel()
    for call, message in [
        (lambda: kernel(X), "total was given nothing for input 'y' (int64[batch])"),
        (lambda: kernel(*[]), "total was given nothing for input 'x' (float32[batch, 3]), 'y' (int64[batch])"),
        (lambda: kernel(X, Y, Y), "total takes 2 inputs and was given 3"),
        (lambda: kernel(X, Y, x=X), "total was given input 'x' twice, by position and by name"),
        (lambda: kernel(X, Y, z=X), "total has no input 'z': its inputs are 'x', 'y'"),
    ]:
        line = call.__code__.co_firstlineno
        with pytest.raises(InputError) as error:
            call()
        assert str(error.value) == f"{message} (test_kernel.py:{line})"


def test_wrong_shapes_and_dtypes() -> None:
    kernel, made = sum_kernel()
    where = f"; the placeholder was made at {made}"
    x = "total: input 'x' is float32[batch, 3] and was given"
    for call, message in [
        (lambda: kernel(np.ones((2, 4), "f4"), Y), f"{x} shape [2, 4]: axis 1 is 4 instead of 3{where}"),
        (lambda: kernel(np.ones(3, "f4"), Y), f"{x} shape [3]: 1 axes instead of 2{where}"),
        (lambda: kernel(X.astype("f8"), Y), f"{x} float64[2, 3]: cast it with .astype('float32'){where}"),
        (lambda: kernel([[1j, 2, 3]], Y), f"{x} complex128[1, 3]: cast it with .astype('float32'){where}"),
        (lambda: kernel("text", Y), f"{x} a str that is no array of numbers{where}"),
        (lambda: kernel(None, Y), f"{x} a NoneType that is no array of numbers{where}"),
    ]:
        with pytest.raises(InputError) as error:
            call()
        assert str(error.value) == f"{message} (test_kernel.py:{call.__code__.co_firstlineno})"


def test_sizes_that_disagree() -> None:
    kernel, made = sum_kernel()
    where = f"the placeholder was made at {made.split(':')[0]}:{int(made.split(':')[1]) + 2}"
    with pytest.raises(InputError) as error:
        kernel(X, np.array([1, 2, 3]))
    message = "total: input 'y' is int64[batch] and was given shape [3]: axis 0 is 3, but batch is 2 in x"
    assert str(error.value) == f"{message}; {where} ({above(2)})"


def test_ragged_lists() -> None:
    kernel, _ = sum_kernel()
    with pytest.raises(InputError, match=r"^total: input 'x' is float32\[batch, 3\] and was given a list that is no "):
        kernel([[1.0], [1.0, 2.0]], Y)


def test_safe_casts_and_weak_numbers() -> None:
    x = tg.placeholder((2,), "float64", name="x")
    k = tg.placeholder((2,), "int8", name="k")
    kernel = tg.compile([x, k], [x * 2, k + k])
    small = np.array([1, 2], np.int8)
    for value in (
        np.array([1, 2], "f4"),
        np.array([1, 2], "i2"),
        [1, 2],
        (1.0, 2),
        [True, 2.0],
        tg.asarray([1.0, 2.0]),
    ):
        np.testing.assert_array_equal(kernel(value, small)[0], [2.0, 4.0], strict=True)
    assert kernel([1, 2], [3, -4])[1].dtype == np.int8
    with pytest.raises(
        InputError, match=r"^kernel: input 'k' is int8\[2\] and was given numbers that int8 cannot hold;"
    ):
        kernel([1, 2], [300, 1])
    with pytest.raises(InputError, match=r"^kernel: input 'k' is int8\[2\] and was given float64\[2\]: cast it with"):
        kernel([1, 2], [3.0, 1.0])
    with pytest.raises(InputError, match=r"^kernel: input 'k' is int8\[2\] and was given int64\[2\]: cast it with"):
        kernel([1, 2], np.array([1, 2]))


def test_layouts_that_are_read() -> None:
    x = tg.placeholder(("n", "m"), "float64", name="x")
    kernel = tg.compile([x], tg.cos(x))
    array = np.arange(12.0).reshape(3, 4)
    frozen = array.copy()
    frozen.flags.writeable = False
    for given in (array.astype(">f8"), np.asfortranarray(array), np.repeat(array, 2, 1)[:, ::2], frozen):
        np.testing.assert_array_equal(kernel(given), np.cos(array), strict=True)
    np.testing.assert_array_equal(kernel(array[::-1, ::-1]), np.cos(array[::-1, ::-1]), strict=True)


def test_a_symbolic_input_value_is_refused() -> None:
    x = tg.placeholder((), "float64", name="x")
    with pytest.raises(SymbolicError):
        tg.compile([x], x + 1)(x)


def test_structures_of_outputs() -> None:
    x = tg.placeholder((), "float64", name="x")
    assert isinstance(tg.compile(x, x + 1)(1.0), np.ndarray)
    assert tg.compile([x], [x + 1])(1.0) == [np.array(2.0)]
    assert tg.compile([x], {"a": (x, None), "b": [x * 2]})(1.0) == {"a": (np.array(1.0), None), "b": [np.array(2.0)]}


def test_nothing_to_compute() -> None:
    with pytest.raises(CompileError) as error:
        tg.compile([], [])
    assert str(error.value) == f"compile: there is nothing to compute: give outputs or updates ({above()})"


@pytest.mark.parametrize("name", ["", "two words", "class", "1st"])
def test_names_that_are_none(name: str) -> None:
    x = tg.placeholder((), name="x")
    with pytest.raises(CompileError) as error:
        tg.compile([x], x, name=name)
    assert str(error.value) == f"compile: name={name!r} is no name for a function ({above()})"


def test_inputs_and_updates_that_are_none() -> None:
    x = tg.placeholder((2,), name="x")
    p = tg.Parameter(np.zeros(2), name="p")
    for call, message in [
        (lambda: tg.compile([x, 3], x), "compile: input 1 is a int: inputs are placeholders"),
        (lambda: tg.compile([x + 1], x), "input 0 is the result of add: inputs are placeholders"),
        (lambda: tg.compile([x, x], x), "placeholder 'x' is given twice among the inputs"),
        (lambda: tg.compile([x], x, [(x, x)]), "compile: updates has a Tensor where a Parameter is to be updated"),
        (lambda: tg.compile([x], x, [p]), "compile: updates has a Parameter where a pair (parameter, value) is to be"),
        (lambda: tg.compile([x], x, [(p, x), (p, x)]), "updates: parameter 'p' is given twice"),
        (
            lambda: tg.compile([x], x, {p: x[:1]}),
            "updates: parameter 'p' is float64[2] and its next value is float64[1]; cast or reshape the value",
        ),
    ]:
        with pytest.raises(InputError) as error:
            call()
        assert str(error.value).rpartition(" (")[0] == message


def test_a_missing_placeholder_is_named() -> None:
    x, y = tg.placeholder((), name="x"), tg.placeholder((), name="y")
    line = above()
    with pytest.raises(InputError) as error:
        tg.compile([x], x + y)
    message = f"the outputs need placeholder 'y' (float64[], made at {line}): list it among the inputs"
    assert str(error.value) == f"{message} ({above(2)})"


def test_only_updates() -> None:
    p = tg.Parameter(np.zeros(2), name="p")
    step = tg.compile([], [], {p: p + 1})
    assert step() == []
    assert step() == []
    np.testing.assert_array_equal(p.numpy(), [2, 2])


def test_swapped_parameters_and_views() -> None:
    p = tg.Parameter(np.arange(4.0).reshape(2, 2), name="p")
    q = tg.Parameter(np.ones((2, 2)), name="q")
    tg.compile([], [], {p: q, q: p})()
    np.testing.assert_array_equal(p.numpy(), np.ones((2, 2)))
    np.testing.assert_array_equal(q.numpy(), [[0, 1], [2, 3]])
    tg.compile([], [], {q: tg.matrix_transpose(q)})()
    np.testing.assert_array_equal(q.numpy(), [[0, 2], [1, 3]])
    x = tg.placeholder((2, 2), name="x")
    tg.compile([x], [], {p: x, q: p})(q.numpy())  # an input that is the memory of a parameter
    np.testing.assert_array_equal(p.numpy(), [[0, 2], [1, 3]])
    np.testing.assert_array_equal(q.numpy(), np.ones((2, 2)))


def test_a_variable_that_takes_the_old_value_of_one_written_with_it() -> None:
    p = tg.Parameter(np.arange(4.0), name="p")
    m = tg.Parameter(np.full(4, 10.0), name="m")
    step = tg.compile([], [], {p: p - m * 2, m: p})  # one bundle: the first reads what the second writes
    step()
    np.testing.assert_array_equal(p.numpy(), np.arange(4.0) - 20)
    np.testing.assert_array_equal(m.numpy(), np.arange(4.0))
    step()
    np.testing.assert_array_equal(p.numpy(), -np.arange(4.0) - 20)
    np.testing.assert_array_equal(m.numpy(), np.arange(4.0) - 20)


def test_effects_are_committed() -> None:
    count = tg.Parameter(np.zeros(()), name="count", trainable=False)
    x = tg.placeholder((), name="x")
    y = tg.Tensor((x * 2).node.with_effects([(count.node, (count + x).node)]))
    kernel = tg.compile([x], y + 1)
    assert kernel(3.0) == 7.0
    assert kernel(4.0) == 9.0
    assert count.numpy() == 7.0


def test_effects_that_disagree() -> None:
    count = tg.Parameter(np.zeros(()), name="count", trainable=False)
    x = tg.placeholder((), name="x")
    one = tg.Tensor((x * 2).node.with_effects([(count.node, (count + 1).node)]))
    two = tg.Tensor((x * 3).node.with_effects([(count.node, (count + 2).node)]))
    with pytest.raises(CompileError) as error:
        tg.compile([x], one + two)
    message = "parameter 'count' is written twice in one graph, with different values"
    assert str(error.value) == f"{message} ({above(2)})"
    with pytest.raises(CompileError) as error:
        tg.compile([x], one, {count: count * 2})
    message = "parameter 'count' is written by a layer and by updates=, with different values"
    assert str(error.value) == f"{message} ({above(2)})"


def test_an_exception_leaves_the_state() -> None:
    fail = False

    def fussy(x):
        if fail:
            raise RuntimeError("not now")
        return x

    p, q = tg.Parameter(np.zeros(2), name="p"), tg.Parameter(np.ones(2), name="q")
    x = tg.placeholder((2,), name="x")
    step = tg.compile([x], [x], {p: p + x, q: tg.custom_op(fussy)(q + x)}, name="step")
    line = above()
    fail = True
    with pytest.raises(RuntimeError, match=r"^not now\n") as error:
        step([1.0, 1.0])
    assert error.value.__notes__ == [f"step: in fussy ({line})"]
    np.testing.assert_array_equal(p.numpy(), [0, 0])
    np.testing.assert_array_equal(q.numpy(), [1, 1])
    fail = False
    step([1.0, 1.0])
    np.testing.assert_array_equal(p.numpy(), [1, 1])
    np.testing.assert_array_equal(q.numpy(), [2, 2])


def interrupted(step: tg.Kernel, delay: float) -> bool:
    """Whether a signal after so many seconds reached a loop of steps."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, delay)
        for _ in range(100_000):
            step()
    except KeyboardInterrupt:
        return True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return False


def test_an_interrupt_leaves_the_state_before_or_after() -> None:
    shapes = [(2,), (300, 300), (), (5,)]  # one of them is written in blocks
    parameters = [tg.Parameter(np.zeros(shape), name=f"p{i}") for i, shape in enumerate(shapes)]
    averages = [tg.Parameter(np.zeros(shape), name=f"a{i}", trainable=False) for i, shape in enumerate(shapes)]
    count = tg.Parameter(np.zeros(()), name="count", trainable=False)
    updates = {count: count + 1}
    for p, a in zip(parameters, averages, strict=True):
        updates |= {p: p + 1, a: a + 2 * (p + 1) + tg.exp(p * 0) - 1}
    step = tg.compile([], [], updates)
    step()
    for round_ in range(40):
        assert interrupted(step, 0.0005 + 0.0001137 * round_)
        done = int(count.numpy())
        for p, a in zip(parameters, averages, strict=True):
            np.testing.assert_array_equal(p.numpy(), np.full(p.shape, float(done)))
            np.testing.assert_array_equal(a.numpy(), np.full(p.shape, done * (done + 1.0)))
    assert done > 40


def test_an_interrupt_leaves_what_one_call_writes_before_or_after() -> None:
    """Parameters side by side, which are written by one call at the end of the program."""
    parameters = [tg.Parameter(np.zeros(shape), name=f"p{i}") for i, shape in enumerate([(2,), (300, 300), ()])]
    step = tg.compile([], [], {p: p + 1 for p in parameters})
    assert "update" not in step.source
    for round_ in range(40):
        assert interrupted(step, 0.0005 + 0.0001137 * round_)
        done = float(parameters[2].numpy())
        for p in parameters:
            np.testing.assert_array_equal(p.numpy(), np.full(p.shape, done))
    assert done > 40


def in_threads(count: int, work) -> None:
    failures: list[BaseException] = []

    def guarded(i: int) -> None:
        try:
            work(i)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_concurrent_calls() -> None:
    x = tg.placeholder(("n",), "float64", name="x")
    y = tg.exp(tg.sin(x) * 2) + tg.cos(x)
    kernel = tg.compile([x], tg.max(y * y))

    def work(i: int) -> None:
        for size in range(1, 40):  # more sizes than are remembered
            array = np.linspace(0, i + 1, 500 * (size % 7) + 3)
            assert_same_bits([kernel(array)], evaluate_graph(kernel.graph, [array])[0])

    in_threads(6, work)


def test_concurrent_updates_are_all_made() -> None:
    p = tg.Parameter(np.zeros(500), name="p")
    step = tg.compile([], [], {p: tg.sqrt((p + 1) ** 2)})
    in_threads(4, lambda i: [step() for _ in range(50)])
    np.testing.assert_array_equal(p.numpy(), np.full(500, 200.0))


def test_a_kernel_may_call_itself() -> None:
    depth = 0

    def nested(x):
        nonlocal depth
        depth += 1
        return np.asarray(kernel(x - 1)) if depth < 3 else x

    x = tg.placeholder((2,), name="x")
    kernel = tg.compile([x], tg.exp(x * 0) + tg.custom_op(nested)(x * 2) * 1)
    np.testing.assert_array_equal(kernel([1.0, 2.0]), [5.0, 13.0])


def test_a_custom_function_that_breaks_its_promise() -> None:
    def short(x):
        return x[:1]

    def greedy(x):
        x += 1
        return x

    x = tg.placeholder(("n",), "float64", name="x")
    with pytest.raises(TypeError, match=r"^short gave float64\[1\], where infer= promised float64\[3\]\n"):
        tg.compile([x], tg.custom_op(short)(x))([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="read-only"):
        tg.compile([x], tg.custom_op(greedy)(x))([1.0, 2.0, 3.0])


def test_custom_functions_of_all_kinds() -> None:
    k = 3.0
    x = tg.placeholder((2,), "float64", name="x")
    doubled = tg.custom_op(lambda x: x * 2)
    again = tg.custom_op(lambda x: x * k)
    root = tg.custom_op(np.sqrt)
    mean = tg.custom_op(lambda x: float(np.mean(x)), infer=lambda t: TensorType(t.dtype, ()))
    scaled = tg.custom_op(lambda a, x: a.dtype.type(a) * x, infer=lambda a, t: t)
    kernel = tg.compile([x], [doubled(x), again(x), root(x), mean(x) + x, scaled(2.0, x)])
    for got, expected in zip(kernel([1.0, 4.0]), ([2, 8], [3, 12], [1, 2], [3.5, 6.5], [2, 8]), strict=True):
        np.testing.assert_array_equal(got, np.array(expected, float), strict=True)
    assert kernel.source.count(" = None\n") == 5  # none of them can be copied


def test_tracebacks_and_debuggers_show_the_source(capsys: pytest.CaptureFixture[str]) -> None:
    x = tg.placeholder(("n",), "float64", name="x")
    k = tg.placeholder((2,), "int64", name="k")
    kernel = tg.compile([x, k], tg.take(x, k), name="pick")
    line = above()
    with pytest.raises(IndexError) as error:
        kernel([1.0], [0, 7])
    assert error.value.__notes__ == [f"pick: in gather ({line})"]
    frame = error.traceback[-1]
    text = "".join(traceback.format_exception(error.value))
    shown = next(text for text in kernel.source.splitlines() if "x[k]" in text)
    assert shown.partition("  #")[0].strip() in text
    name = str(frame.frame.code.raw.co_filename)
    linecache.checkcache()
    assert linecache.getlines(name) == kernel.source.splitlines(keepends=True)
    debugger = pdb.Pdb(stdin=StringIO("list\nquit\n"), stdout=(out := StringIO()))
    debugger.reset()
    debugger.interaction(None, error.value.__traceback__)
    assert "x[k]" in out.getvalue()
    capsys.readouterr()


def test_stages_print() -> None:
    kernel, _ = sum_kernel()
    names = ["trace", "drop identities", "fold constants", "simplify", "lay out", "plan", "emit"]
    assert [stage.name for stage in kernel.stages] == names
    assert all(stage.seconds >= 0 for stage in kernel.stages)
    assert str(kernel.stages[0]).splitlines()[1] == "def graph(x, y):"
    lines = ["m0: float32[batch] in piece 0", "m1: float32[batch] in piece 1", "sum_1 = sum -> m0"]
    assert str(kernel.stages[5]).splitlines()[1:4] == lines
    assert str(kernel.stages[6]).partition("\n")[2] == kernel.source
    assert repr(kernel) == "<Kernel total(x: float32[batch, 3], y: int64[batch]): 3 statements>"
    assert kernel.graph is kernel.program.graph
    assert kernel.graph.verify() is kernel.graph


def test_composed_sizes() -> None:
    x = tg.placeholder(("2*n + 1",), "float64", name="x")
    y = tg.placeholder(("n + k", "k"), "float64", name="y")
    kernel = tg.compile([x, y], [tg.mean(x), tg.broadcast_to(tg.mean(y), x[: x.shape[0] // 2].shape)])
    got = kernel(np.arange(7.0), np.ones((5, 2)))
    assert got[0] == 3.0
    np.testing.assert_array_equal(got[1], np.ones(3))
    with pytest.raises(InputError, match=r"^kernel: input 'x' is float64\[2\*n \+ 1\] and was given shape \[6\]"):
        kernel(np.arange(6.0), np.ones((5, 2)))
    z = tg.placeholder(("n*m",), "float64", name="z")
    with pytest.raises(CompileError) as error:
        tg.compile([z], tg.mean(z))
    message = "size m cannot be told from the inputs: give one that has it as an axis"
    assert str(error.value) == f"{message} ({above(2)})"


def test_names_of_the_user_do_not_collide(tmp_path: Path) -> None:
    names = [
        "np",
        "state",
        "memory",
        "m0",
        "compute",
        "buffers",
        "call",
        "class",
        "n",
        "print",
        "two words",
        "x.y",
        "1st",
    ]
    inputs = [tg.placeholder(("n",), "float64", name=name) for name in names]
    total = inputs[0]
    for x in inputs[1:]:
        total = tg.sin(total + x)
    kernel = tg.compile(inputs, tg.sum(total), name="all_names")
    arrays = [np.ones(3)] * len(names)
    expected = kernel(*arrays)
    assert kernel(**dict(zip(names, arrays, strict=True))) == expected
    kernel.save(tmp_path / "names.py")
    space: dict[str, object] = {"__file__": str(tmp_path / "names.py")}
    exec((tmp_path / "names.py").read_text(encoding="utf-8"), space)
    assert space["all_names"]({}, *arrays) == expected


def test_pickles_and_copies() -> None:
    """With its state, which it shares with what is pickled beside it."""
    x = tg.placeholder(("batch", 3), "float32", name="x")
    w = tg.Parameter(np.ones(3, "f4"), name="w")
    loss = tg.sum(tg.square(x @ w))
    step = tg.compile([x], {"loss": loss}, tg.optim.SGD(0.1).updates(loss, [w]), name="step")
    array = np.ones((2, 3), "f4")
    other, v = pickle.loads(pickle.dumps((step, w)))
    assert (other.source, other.name) == (step.source, "step")
    apart, shared = copy.deepcopy(step), copy.copy(step)
    expected = step(array)
    assert other(array) == expected
    np.testing.assert_array_equal(v.numpy(), w.numpy(), strict=True)
    assert apart(array) == expected
    again = shared(array)
    np.testing.assert_allclose(w.numpy(), 0.04, rtol=1e-5)
    assert again == other(array)
