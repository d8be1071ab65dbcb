/** Modules for proxies, written as text: what each of them does is its name. */
import initWabt from 'wabt';

/** Every module has these. Texts stand at the places that are named in comments; `malloc` never frees. */
const prelude = (texts: string): string => `
  (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_replace_header_map_value" (func $replace (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_remove_header_map_value" (func $remove (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $bytes (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_buffer_bytes" (func $setbytes (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_property" (func $property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response" (func $respond (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_http_call" (func $call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $become (param i32) (result i32)))
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $free (mut i32) (i32.const 4096))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $free))
    (global.set $free (i32.add (global.get $free) (local.get $size)))
    (if (i32.gt_u (global.get $free) (i32.const 60000)) (then (global.set $free (i32.const 4096)) (local.set $at (i32.const 4096)) (global.set $free (i32.add (i32.const 4096) (local.get $size)))))
    (local.get $at))
  (func (export "proxy_on_context_create") (param i32 i32))
  ${texts}`;

/** 16 and 20 are where calls put pointers and sizes. */
const MODULES = {
  /** x-wasm: yes, on requests. */
  'marks requests': `
    (data (i32.const 64) "x-wasmyes")
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (drop (call $add (i32.const 0) (i32.const 64) (i32.const 6) (i32.const 70) (i32.const 3)))
      (i32.const 0))`,
  /** x-configured: CONFIGURATION, on responses. */
  'tells its configuration': `
    (data (i32.const 64) "x-configured")
    (func (export "proxy_on_configure") (param i32 i32) (result i32)
      (drop (call $bytes (i32.const 7) (i32.const 0) (i32.const 1000) (i32.const 24) (i32.const 28)))
      (memory.copy (i32.const 2048) (i32.load (i32.const 24)) (i32.load (i32.const 28)))
      (i32.const 1))
    (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
      (drop (call $replace (i32.const 2) (i32.const 64) (i32.const 12) (i32.const 2048) (i32.load (i32.const 28))))
      (i32.const 0))`,
  /** 403 to every request, with a header and a body. */
  'refuses': `
    (data (i32.const 64) "\\01\\00\\00\\00\\05\\00\\00\\00\\02\\00\\00\\00x-why\\00no\\00")
    (data (i32.const 96) "not today")
    (data (i32.const 112) "refused_by_plugin")
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (drop (call $respond (i32.const 403) (i32.const 112) (i32.const 17) (i32.const 96) (i32.const 9) (i32.const 64) (i32.const 21) (i32.const -1)))
      (i32.const 1))`,
  /** 503 with a body, in place of every answer. */
  'replaces answers': `
    (data (i32.const 96) "instead")
    (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
      (drop (call $respond (i32.const 418) (i32.const 96) (i32.const 7) (i32.const 96) (i32.const 7) (i32.const 0) (i32.const 0) (i32.const -1)))
      (i32.const 1))`,
  /** Fails when it is told of a request with x-trap. */
  'traps': `
    (data (i32.const 64) "x-trap")
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (if (i32.eqz (call $get (i32.const 0) (i32.const 64) (i32.const 6) (i32.const 16) (i32.const 20))) (then unreachable))
      (i32.const 0))`,
  /** Changes the path, the authority and a header of requests; takes one away. */
  'rewrites requests': `
    (data (i32.const 64) ":path/rewrittenx-gonex-seen:authority")
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (if (i32.eqz (call $get (i32.const 0) (i32.const 64) (i32.const 5) (i32.const 16) (i32.const 20)))
        (then (drop (call $replace (i32.const 0) (i32.const 85) (i32.const 6) (i32.load (i32.const 16)) (i32.load (i32.const 20))))))
      (drop (call $replace (i32.const 0) (i32.const 64) (i32.const 5) (i32.const 69) (i32.const 10)))
      (drop (call $remove (i32.const 0) (i32.const 79) (i32.const 6)))
      (i32.const 0))`,
  /** x-property: plugin_name, on responses. */
  'tells its name': `
    (data (i32.const 64) "x-propertyplugin_name")
    (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
      (if (i32.eqz (call $property (i32.const 74) (i32.const 11) (i32.const 16) (i32.const 20)))
        (then (drop (call $replace (i32.const 2) (i32.const 64) (i32.const 10) (i32.load (i32.const 16)) (i32.load (i32.const 20))))))
      (i32.const 0))`,
  /** Waits for all of a body; then puts ! behind that of requests, and > before that of answers. */
  'edits bodies': `
    (data (i32.const 64) "content-length!>")
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (drop (call $remove (i32.const 0) (i32.const 64) (i32.const 14)))
      (i32.const 0))
    (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
      (drop (call $remove (i32.const 2) (i32.const 64) (i32.const 14)))
      (i32.const 0))
    (func (export "proxy_on_request_body") (param $id i32) (param $size i32) (param $end i32) (result i32)
      (if (i32.eqz (local.get $end)) (then (return (i32.const 1))))
      (drop (call $setbytes (i32.const 0) (local.get $size) (i32.const 0) (i32.const 78) (i32.const 1)))
      (i32.const 0))
    (func (export "proxy_on_response_body") (param $id i32) (param $size i32) (param $end i32) (result i32)
      (if (i32.eqz (local.get $end)) (then (return (i32.const 1))))
      (drop (call $setbytes (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 79) (i32.const 1)))
      (i32.const 0))`,
  /** 403 to requests whose body begins with x. */
  'reads bodies': `
    (data (i32.const 96) "bad body")
    (data (i32.const 112) "body_refused")
    (func (export "proxy_on_request_body") (param $id i32) (param $size i32) (param $end i32) (result i32)
      (if (i32.eqz (call $bytes (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16) (i32.const 20)))
        (then (if (i32.eq (i32.load8_u (i32.load (i32.const 16))) (i32.const 120))
          (then
            (drop (call $respond (i32.const 403) (i32.const 112) (i32.const 12) (i32.const 96) (i32.const 8) (i32.const 0) (i32.const 0) (i32.const -1)))
            (return (i32.const 1))))))
      (i32.const 0))`,
  /** Calls /asked of the cluster that is the one key of its configuration, {"CLUSTER":true}, and goes on with its status in x-asked. */
  'asks another': `
    (data (i32.const 64) "x-asked:status")
    (data (i32.const 128) "\\03\\00\\00\\00\\07\\00\\00\\00\\03\\00\\00\\00\\05\\00\\00\\00\\06\\00\\00\\00\\0a\\00\\00\\00\\05\\00\\00\\00:method\\00GET\\00:path\\00/asked\\00:authority\\00asked\\00")
    (func (export "proxy_on_configure") (param i32 i32) (result i32)
      (drop (call $bytes (i32.const 7) (i32.const 0) (i32.const 1000) (i32.const 24) (i32.const 28)))
      (memory.copy (i32.const 2048) (i32.load (i32.const 24)) (i32.load (i32.const 28)))
      (i32.const 1))
    (global $asking (mut i32) (i32.const 0))
    (func (export "proxy_on_request_headers") (param $id i32) (param i32 i32) (result i32)
      (global.set $asking (local.get $id))
      (drop (call $call (i32.const 2050) (i32.sub (i32.load (i32.const 28)) (i32.const 9)) (i32.const 128) (i32.const 70) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 2000) (i32.const 32)))
      (i32.const 1))
    (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
      (drop (call $become (global.get $asking)))
      (if (i32.eqz (call $get (i32.const 6) (i32.const 71) (i32.const 7) (i32.const 16) (i32.const 20)))
        (then (drop (call $replace (i32.const 0) (i32.const 64) (i32.const 7) (i32.load (i32.const 16)) (i32.load (i32.const 20))))))
      (drop (call $continue (i32.const 0))))`,
  /** Hands the host pointers to nowhere; then x-survived: yes. */
  'lies about its memory': `
    (data (i32.const 64) "x-survivedyes")
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (drop (call $add (i32.const 0) (i32.const -1) (i32.const 100) (i32.const 65530) (i32.const 100)))
      (drop (call $add (i32.const 99) (i32.const 64) (i32.const 10) (i32.const 74) (i32.const 3)))
      (drop (call $get (i32.const 0) (i32.const 64) (i32.const 10) (i32.const -4) (i32.const 65535)))
      (drop (call $respond (i32.const 403) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 64) (i32.const 13) (i32.const -1)))
      (drop (call $respond (i32.const 403) (i32.const 0) (i32.const -1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1)))
      (drop (call $add (i32.const 0) (i32.const 64) (i32.const 10) (i32.const 74) (i32.const 3)))
      (i32.const 0))`,
  /** Says no when it is configured. */
  'wants no configuration': `
    (func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.const 0))`,
} as const satisfies Readonly<Record<string, string>>;

export type ModuleName = keyof typeof MODULES;

let wabt: ReturnType<typeof initWabt> | undefined;

export async function wasmModule(name: ModuleName): Promise<Buffer> {
  return compileText(`(module ${prelude(MODULES[name])})`);
}

export async function compileText(text: string): Promise<Buffer> {
  const parsed = (await (wabt ??= initWabt())).parseWat('module.wat', text);
  try {
    return Buffer.from(parsed.toBinary({}).buffer);
  } finally {
    parsed.destroy();
  }
}
