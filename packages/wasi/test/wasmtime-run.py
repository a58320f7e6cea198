# Runs SCRATCH/program.wasm with SCRATCH/root at "/" and prints its exit code and how long it ran. The argument is a JSON object.
import json
import os
import sys
import time

import wasmtime

spec = json.loads(sys.argv[1])
scratch = spec["scratch"]
os.mkdir(os.path.join(scratch, "root"))
config = wasmtime.WasiConfig()
config.argv = spec["args"]
config.env = list(spec["env"].items())
config.preopen_dir(os.path.join(scratch, "root"), "/")
config.stdin_file = os.path.join(scratch, "stdin")
config.stdout_file = os.path.join(scratch, "stdout")
config.stderr_file = os.path.join(scratch, "stderr")
settings = wasmtime.Config()
settings.cache = True
engine = wasmtime.Engine(settings)
linker = wasmtime.Linker(engine)
linker.define_wasi()
store = wasmtime.Store(engine)
store.set_wasi(config)
module = wasmtime.Module.from_file(engine, os.path.join(scratch, "program.wasm"))
began = time.perf_counter()
code = 0
try:
    linker.instantiate(store, module).exports(store)["_start"](store)
except wasmtime.ExitTrap as exit:
    code = exit.code
print(json.dumps({"code": code, "seconds": time.perf_counter() - began}))
