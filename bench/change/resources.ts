/** What the clients know of the resources that they are sent. Read once for each content, however many clients get it. */
import { fromBinary, type DescMessage } from '@bufbuild/protobuf';
import { ListenerSchema } from '../../src/xds/generated/envoy/config/listener/v3/listener_pb.js';
import { HttpConnectionManagerSchema } from '../../src/xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { TypeUrl } from '../../src/xds/type-urls.ts';
import { readMarkers, type Marker } from './marker.ts';

/** One content of one resource. */
export interface Content {
  readonly id: number;
  readonly version: string;
  readonly markers: readonly Marker[];
  /** Of a listener: the routes that it needs. */
  readonly refers: readonly string[];
  holders: number;
}

export interface Known {
  readonly id: number;
  readonly typeUrl: string;
  readonly name: string;
  readonly contents: Map<string, Content>;
  readonly byId: Map<number, Content>;
}

export class Resources {
  readonly #byName = new Map<string, Map<string, Known>>();
  readonly all: Known[] = [];
  #contents = 0;

  known(typeUrl: string, name: string): Known {
    let names = this.#byName.get(typeUrl);
    if (!names) this.#byName.set(typeUrl, (names = new Map()));
    let known = names.get(name);
    if (!known) {
      known = { id: this.all.length, typeUrl, name, contents: new Map(), byId: new Map() };
      names.set(name, known);
      this.all.push(known);
    }
    return known;
  }

  content(known: Known, version: string, value: Uint8Array): Content {
    let content = known.contents.get(version);
    if (!content) {
      this.#contents += 1;
      content = { id: this.#contents, version, markers: readMarkers(known.typeUrl, value), refers: refersTo(known, value), holders: 0 };
      known.contents.set(version, content);
      known.byId.set(content.id, content);
    }
    return content;
  }

  /** Nobody holds it any more. It may come back in a response that is remembered: then it is known again. */
  forget(known: Known, content: Content): void {
    known.byId.delete(content.id);
    for (const [version, other] of known.contents) if (other === content) known.contents.delete(version);
  }

  /** Somebody holds it (again). */
  hold(known: Known, content: Content): void {
    content.holders += 1;
    if (content.holders > 1) return;
    known.contents.set(content.version, content);
    known.byId.set(content.id, content);
  }
}

function refersTo(known: Known, value: Uint8Array): string[] {
  if (known.typeUrl !== TypeUrl.Listener) return [];
  const listener = fromBinary(ListenerSchema, value);
  const chains = [...listener.filterChains, ...(listener.defaultFilterChain ? [listener.defaultFilterChain] : [])];
  const names = chains.flatMap((chain) => chain.filters).flatMap((filter) => {
    if (filter.configType.case !== 'typedConfig' || !isOf(HttpConnectionManagerSchema, filter.configType.value.typeUrl)) return [];
    const { routeSpecifier } = fromBinary(HttpConnectionManagerSchema, filter.configType.value.value);
    return routeSpecifier.case === 'rds' ? [routeSpecifier.value.routeConfigName] : [];
  });
  return [...new Set(names)];
}

const isOf = (schema: DescMessage, typeUrl: string): boolean => typeUrl.endsWith(`/${schema.typeName}`);
