/** What the control plane says, and who takes it: which types of resources are asked for, and by whose names. */
import type { Clock } from '../base/clock.ts';
import { errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { createAdsClient, type AdsClient } from '../xds/client/ads-client.ts';
import { createLastGoodFile } from '../xds/client/last-good-file.ts';
import { TAKES_VIRTUAL_HOSTS, TypeUrl } from '../xds/type-urls.ts';
import { connectDiscovery } from './bootstrap/control-plane.ts';
import type { ProxySettings } from './bootstrap/settings.ts';
import { encodeNode, type Announcement } from './bootstrap/xds-node.ts';
import type { DnsProxy } from './dns/dns-proxy.ts';
import type { ProxyRuntime, Rejected, ResourceUpdate } from './runtime-contract.ts';
import type { SignedWorkload } from './secrets/signing-client.ts';

export interface DiscoveryDeps {
  readonly settings: ProxySettings;
  /** What this proxy says that it is. */
  readonly announcement: Announcement;
  readonly clock: Clock;
  readonly log: Log;
  readonly runtime: ProxyRuntime;
  /** The certificate that the workload has by now. */
  held(): SignedWorkload | undefined;
  /** Who takes the names of the mesh, if anybody. */
  names(): Pick<DnsProxy, 'apply'> | undefined;
}

export class Discovery {
  readonly #deps: DiscoveryDeps;
  readonly #ads: AdsClient;
  /** Types of which everything is asked for. */
  #wholeTypes: readonly string[];
  /** Endpoints that clusters wait for; whether any have come. */
  #endpointNames: ReadonlySet<string> = new Set();
  #endpointsCame = false;

  constructor(deps: DiscoveryDeps) {
    const { settings, announcement, log, clock } = deps;
    this.#deps = deps;
    this.#wholeTypes = wholeTypes(announcement, settings);
    this.#ads = createAdsClient({
      connect: () => connectDiscovery(settings, () => deps.held()),
      node: encodeNode(settings, announcement),
      apply: (update) => this.#apply(update),
      lastGood: createLastGoodFile({ path: `${settings.files.data}/last-good.bin`, log }),
      wildcardTypes: this.#wholeTypes,
      log,
      clock,
    });
  }

  /** Resolves when what was in force is in force again, and the control plane is being asked. */
  start(): Promise<void> {
    const { runtime } = this.#deps;
    runtime.onInterest((typeUrl, names) => {
      if (typeUrl === TypeUrl.Endpoints) this.#endpointNames = names;
      if (!this.#wholeTypes.includes(typeUrl)) this.#ads.setNames(typeUrl, names);
    });
    runtime.onPortFree((name) => this.#ads.askAgain(TypeUrl.Listener, name));
    return this.#ads.start();
  }

  close(): Promise<void> {
    return this.#ads.close();
  }

  status() {
    return this.#ads.status();
  }

  reportHealth(report: Parameters<AdsClient['reportHealth']>[0]): void {
    this.#ads.reportHealth(report);
  }

  /** What the configuration waits for, while it is not complete. */
  whatIsMissing(): string {
    const { connects, lastError } = this.#ads.status();
    if (connects === 0) return 'not connected to the control plane yet';
    return `configuration is not complete yet${lastError === undefined ? '' : ` (${errorText(lastError)})`}`;
  }

  #apply(update: ResourceUpdate): readonly Rejected[] | Promise<readonly Rejected[]> {
    const { runtime } = this.#deps;
    const names = this.#deps.names();
    if (update.typeUrl === TypeUrl.NameTable && names) return names.apply(update);
    const rejected = runtime.apply(update);
    if (update.typeUrl === TypeUrl.Endpoints && update.upserted.length > 0) this.#endpointsCame = true;
    const bound = runtime.bound();
    if (update.typeUrl === TypeUrl.Listener) void Promise.resolve(bound).then(() => this.#checkEndpoints());
    return bound?.then((more) => [...rejected, ...more]) ?? rejected;
  }

  /** Our control plane sends endpoints before listeners, unasked. One that does not know `*` for them has to be asked by name, as Envoy does. */
  #checkEndpoints(): void {
    if (this.#endpointsCame || this.#endpointNames.size === 0 || !this.#wholeTypes.includes(TypeUrl.Endpoints)) return;
    this.#deps.log.info('no endpoints have come with the clusters: they are asked for by name', { clusters: this.#endpointNames.size });
    this.#wholeTypes = this.#wholeTypes.filter((typeUrl) => typeUrl !== TypeUrl.Endpoints);
    this.#ads.askByName(TypeUrl.Endpoints, this.#endpointNames);
  }
}

/** In the order of a push. As Envoy, the proxy asks for endpoints by name where it is introduced as one. */
function wholeTypes({ extensions }: Announcement, { dns }: ProxySettings): readonly string[] {
  const isOurs = extensions.includes(TAKES_VIRTUAL_HOSTS);
  return [TypeUrl.Cluster, ...(isOurs ? [TypeUrl.Endpoints] : []), TypeUrl.Listener, ...(isOurs ? [TypeUrl.VirtualHost] : []), ...(dns.captures ? [TypeUrl.NameTable] : [])];
}
