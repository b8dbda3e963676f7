"""Loops over arrays that apply a function of Lanes, compiled for a target and called."""

import ctypes

import llvmlite.binding as llvm
import numpy as np

from tidegrad.jit.lanes import Code, Lane, Module, cast, llvm_type

llvm.initialize_all_targets()
llvm.initialize_all_asmprinters()

# The triple (None: this machine's), CPU and whether it has fused multiply-add.
TARGETS = {
    "host": (None, llvm.get_host_cpu_name(), True),
    "sse2": ("x86_64-unknown-linux-gnu", "x86-64", False),
    "avx2": ("x86_64-unknown-linux-gnu", "haswell", True),
    "avx512": ("x86_64-unknown-linux-gnu", "skylake-avx512", True),
    "aarch64": ("aarch64-unknown-linux-gnu", "generic", True),
}


def machine(target):
    """A new one: an engine takes its own over."""
    triple, cpu, _ = TARGETS[target]
    triple = triple or llvm.get_process_triple()
    features = llvm.get_host_cpu_features().flatten() if target == "host" else ""
    return llvm.Target.from_triple(triple).create_target_machine(cpu=cpu, features=features, opt=2)


def loop(module, function, dtypes, width, name="loop"):
    """Add the loop `name(*inputs, output, count)` to the module; gives the dtype of its output."""
    pointers = [("ptr", f"%p{k}") for k in range(len(dtypes))]
    code = module.function(name, "void", [*pointers, ("ptr", "%out"), ("i64", "%count")])
    body, end = code.label("body"), code.label("end")
    code.line(f"br label %{body}")
    code.place(body)
    at = len(code.lines)
    code.line("")
    z = function(*[loaded(code, f"%p{k}", dtype, width) for k, dtype in enumerate(dtypes)])
    dtype = z.dtype
    z = cast(z, np.dtype("u1")) if dtype.kind == "b" else z
    place = code.emit(f"getelementptr {llvm_type(z.dtype)}, ptr %out, i64 %i")
    code.line(f"store {z.type} {z.name}, ptr {place}, align {z.dtype.itemsize}")
    code.line(f"%next = add i64 %i, {width}")
    more = code.emit("icmp ult i64 %next, %count")
    code.lines[at] = f"  %i = phi i64 [ 0, %entry ], [ %next, %{code.block} ]"
    code.line(f"br i1 {more}, label %{body}, label %{end}")
    code.place(end)
    code.line("ret void")
    return dtype


def loaded(code: Code, pointer: str, dtype: np.dtype, width: int) -> Lane:
    kind = llvm_type(dtype, width)
    place = code.emit(f"getelementptr {llvm_type(dtype)}, ptr {pointer}, i64 %i")
    name = code.emit(f"load {kind}, ptr {place}, align {dtype.itemsize}")
    if dtype.kind == "b":
        return cast(Lane(code, name, np.dtype("u1"), width), dtype)
    return Lane(code, name, dtype, width)


def optimised(module, target):
    parsed = llvm.parse_assembly(module.text())
    parsed.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    builder = llvm.create_pass_builder(machine(target), options)
    builder.getModulePassManager().run(parsed, builder)
    return parsed


def applied(function, *arrays, width=1, target="host", contract=True):
    """`function` of Lanes, applied to flat arrays."""
    module = Module(contract=contract, fma=TARGETS[target][2])
    dtype = loop(module, function, [a.dtype for a in arrays], width)
    engine = llvm.create_mcjit_compiler(optimised(module, target), machine(target))
    engine.finalize_object()
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (len(arrays) + 1), ctypes.c_int64)
    count = -(-arrays[0].size // width) * width
    padded = [np.resize(a, count) for a in arrays]
    out = np.empty(count, dtype)
    run = kind(engine.get_function_address("loop"))
    run(*[a.ctypes.data for a in padded], out.ctypes.data, count)
    return out[: arrays[0].size]
