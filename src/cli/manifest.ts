/** Applies manifests of any kind, server-side: the kind's resource is asked of the API server. */
import { parseAllDocuments } from 'yaml';
import { PatchType, type KubeClient } from '../kube/client.ts';
import type { KubeObject } from '../kube/object.ts';
import { resource, type Resource } from '../kube/resource.ts';
import { CliError } from './errors.ts';

interface ResourceList {
  resources: { name: string; kind: string; namespaced: boolean }[];
}

export class ManifestApplier {
  readonly #client: KubeClient;
  readonly #discovered = new Map<string, Promise<ResourceList>>();

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /** Objects that do not say their namespace go to `namespace`. @returns them as the API server has them */
  async apply(text: string, namespace: string): Promise<KubeObject[]> {
    const objects = parseAllDocuments(text).map((document) => document.toJS() as KubeObject | null).filter((object): object is KubeObject => object !== null);
    return Promise.all(objects.map((object) => this.#applyOne(object, namespace)));
  }

  async #applyOne(object: KubeObject, namespace: string): Promise<KubeObject> {
    const found = await this.#resourceOf(object);
    const at = { name: object.metadata?.name ?? '', ...(found.namespaced ? { namespace: object.metadata?.namespace ?? namespace } : {}) };
    return this.#client.patch(found, at, { type: PatchType.Apply, body: object }, { fieldManager: 'lateen', force: true });
  }

  async #resourceOf({ apiVersion = '', kind = '' }: KubeObject): Promise<Resource> {
    const path = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    let list = this.#discovered.get(path);
    if (!list) this.#discovered.set(path, (list = this.#client.raw<ResourceList>('GET', path)));
    const found = (await list).resources.find((entry) => entry.kind === kind && !entry.name.includes('/'));
    if (!found) throw new CliError(`the cluster has no kind ${kind} in ${apiVersion}`);
    return resource(apiVersion, found.name, kind, found.namespaced);
  }
}
