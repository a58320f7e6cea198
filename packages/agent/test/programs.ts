// Small WASI programs as text, assembled when a test needs them.
import { createHash } from 'node:crypto';
import wabt from 'wabt';

const IMPORTS = `
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
  (memory (export "memory") 64)
  (func $write (param $fd i32) (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))`;

/** A program whose `_start` is `body`; `data` stands at address 1024. */
function command(body: string, data = ''): string {
  return `(module ${IMPORTS} (data (i32.const 1024) "${data}") (func (export "_start") (local $i i32) ${body}))`;
}

const loop = '(loop $again (br $again))';

export type ProgramName =
  | 'hello'
  | 'exit7'
  | 'exit263'
  | 'trap'
  | 'recurse'
  | 'loop'
  | 'args'
  | 'flood'
  | 'unknownImport'
  | 'library';

/** Programs by name. `flood` writes 16 pieces of 1 MiB to stdout, each byte the piece's number. */
const sources: Readonly<Record<ProgramName, string>> = {
  hello: command(
    '(call $write (i32.const 1) (i32.const 1024) (i32.const 3)) (call $write (i32.const 2) (i32.const 1027) (i32.const 3))',
    'out\\ff\\00e',
  ),
  exit7: command('(call $proc_exit (i32.const 7))'),
  exit263: command('(call $proc_exit (i32.const 263))'),
  trap: command('(call $write (i32.const 1) (i32.const 1024) (i32.const 6)) (unreachable)', 'before'),
  recurse: `(module ${IMPORTS} (func $deeper (param i32) (result i32) (i32.add (i32.const 1) (call $deeper (local.get 0))))
    (func (export "_start") (drop (call $deeper (i32.const 0)))))`,
  loop: command(`(call $write (i32.const 1) (i32.const 1024) (i32.const 5)) ${loop}`, 'begin'),
  args: command(
    `(drop (call $args_sizes_get (i32.const 16) (i32.const 20)))
     (drop (call $args_get (i32.const 4096) (i32.const 65536)))
     (call $write (i32.const 1) (i32.const 65536) (i32.load (i32.const 20)))
     (drop (call $environ_sizes_get (i32.const 16) (i32.const 20)))
     (drop (call $environ_get (i32.const 4096) (i32.const 65536)))
     (call $write (i32.const 2) (i32.const 65536) (i32.load (i32.const 20)))`,
  ),
  flood: command(
    `(loop $again
       (memory.fill (i32.const 65536) (local.get $i) (i32.const 1048576))
       (call $write (i32.const 1) (i32.const 65536) (i32.const 1048576))
       (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 16))))`,
  ),
  unknownImport: '(module (import "env" "launch" (func)) (func (export "_start")))',
  library: '(module (memory (export "memory") 1) (func (export "add")))',
};

export interface Blob {
  readonly digest: string;
  readonly bytes: Uint8Array;
}

/** Assembles a program. */
export async function program(name: ProgramName): Promise<Blob> {
  const { parseWat } = await wabt();
  const module = parseWat(`${name}.wat`, sources[name]);
  try {
    return blob(module.toBinary({ write_debug_names: true }).buffer);
  } finally {
    module.destroy();
  }
}

export function blob(bytes: Uint8Array): Blob {
  return { digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`, bytes };
}

/** `\0asm` and the version and layer of a component. */
export const component: Blob = blob(new Uint8Array([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0]));
