/** Generates the Envoy message types: `.proto` files of @grpc/grpc-js-xds → src/xds/generated (not committed). */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { leanImage, withoutComments } from './lean-image.ts';

export const GENERATED = 'src/xds/generated';
const OUT = GENERATED;
const DEPS = 'node_modules/@grpc/grpc-js-xds/deps';
const ROOTS = ['envoy-api', 'xds', 'googleapis', 'protoc-gen-validate'];
/** Retired API versions, and files whose imports (OpenCensus, Prometheus' client model, …) the package does not carry. */
const LEFT_OUT = /\/(tests|java|v2|v2alpha\d?|servicecontrol|servicemanagement|longrunning)(\/|$)|opencensus\.proto|trace\/v3\/trace\.proto|open_telemetry\/v3|metrics\/v3\/metrics_service|trace\/v3\/trace_service|bootstrap\/v2|envoy\/service\/tap/;

/** All message types, for those who meet a type by its name: `src/xds/message-types.ts` reads them when somebody asks. */
export const DESCRIPTORS = 'descriptors.bin.gz';

/** What the generated tree depends on; written beside it, so that an unchanged tree is not made again. */
function fingerprint(): string {
  const version = (name: string) => JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8')).version;
  return [
    version('@grpc/grpc-js-xds'), version('@bufbuild/protoc-gen-es'),
    ...['proto/istio/ca.proto', 'build/protos.ts', 'build/lean-image.ts'].map((path) => readFileSync(path, 'utf8')),
  ].join('\n');
}

/** Envoy's files use a validation option that the shipped validate.proto does not declare yet; without effect on the messages. */
function repairOptions(tree: string): void {
  for (const entry of readdirSync(tree, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const text = readFileSync(path, 'utf8');
    const repaired = text.replaceAll(/(HTTP_HEADER_(?:NAME|VALUE)),? ignore_empty: true/g, '$1');
    if (repaired !== text) writeFileSync(path, repaired);
  }
}

export function buildProtos(): boolean {
  const mark = fingerprint();
  const stamp = join(OUT, '.fingerprint');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === mark) return false;
  const work = mkdtempSync(join(tmpdir(), 'lateen-protos-'));
  try {
    const tree = join(work, 'protos');
    mkdirSync(tree);
    for (const root of ROOTS) cpSync(join(DEPS, root), tree, { recursive: true, filter: (path) => !LEFT_OUT.test(path) });
    cpSync('proto', tree, { recursive: true });
    repairOptions(tree);
    writeFileSync(join(work, 'buf.yaml'), 'version: v2\nmodules: [{path: protos}]\n');
    writeFileSync(join(work, 'buf.gen.yaml'), JSON.stringify({
      version: 'v2',
      plugins: [{ local: [process.execPath, join(process.cwd(), 'node_modules/.bin/protoc-gen-es')], out: 'out', opt: ['target=js+dts', 'import_extension=js'], strategy: 'all' }],
    }));
    const buf = (...args: string[]) => execFileSync(join(process.cwd(), 'node_modules/.bin/buf'), args, { cwd: work, stdio: ['ignore', 'inherit', 'inherit'] });
    const image = join(work, 'image.binpb');
    buf('build', '--output', image);
    writeFileSync(image, leanImage(readFileSync(image)));
    buf('generate', '--template', 'buf.gen.yaml', image);
    rmSync(OUT, { recursive: true, force: true });
    cpSync(join(work, 'out'), OUT, { recursive: true });
    writeFileSync(join(OUT, DESCRIPTORS), gzipSync(withoutComments(readFileSync(image)), { level: 9 }));
    writeFileSync(stamp, mark);
    return true;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
