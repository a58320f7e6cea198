;; The first pod: greets, and shows that arguments arrive. Hand-written so that the first minutes need no compiler.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 64) "Hello from WebAssembly, on a Kubernetes node made of browsers!\n")
  (data (i32.const 160) "argument: ")
  (data (i32.const 176) "\n")
  ;; 0: iovec, 8: bytes written, 16: argc, 20: argument bytes, 1024: argv, 65536: argument text

  (func $print (param $text i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $text))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

  (func $length (param $text i32) (result i32)
    (local $end i32)
    (local.set $end (local.get $text))
    (block $found
      (loop $next
        (br_if $found (i32.eqz (i32.load8_u (local.get $end))))
        (local.set $end (i32.add (local.get $end) (i32.const 1)))
        (br $next)))
    (i32.sub (local.get $end) (local.get $text)))

  (func (export "_start")
    (local $index i32)
    (local $argument i32)
    (call $print (i32.const 64) (i32.const 63))
    (drop (call $args_sizes_get (i32.const 16) (i32.const 20)))
    ;; More than fits is not shown: this is a greeting, not echo.
    (if (i32.or (i32.gt_u (i32.load (i32.const 16)) (i32.const 1000)) (i32.gt_u (i32.load (i32.const 20)) (i32.const 65536)))
      (then (return)))
    (drop (call $args_get (i32.const 1024) (i32.const 65536)))
    (local.set $index (i32.const 1))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $index) (i32.load (i32.const 16))))
        (local.set $argument (i32.load (i32.add (i32.const 1024) (i32.shl (local.get $index) (i32.const 2)))))
        (call $print (i32.const 160) (i32.const 10))
        (call $print (local.get $argument) (call $length (local.get $argument)))
        (call $print (i32.const 176) (i32.const 1))
        (local.set $index (i32.add (local.get $index) (i32.const 1)))
        (br $next)))))
