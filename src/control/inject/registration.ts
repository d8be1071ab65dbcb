/** Keeps the webhook configurations of this control plane usable: the certificate of its authority in each `caBundle`, and
 * the validator's failure policy `Fail` once it has been seen to answer. Istio: webhook controllers. */
import type { MutatingWebhookConfiguration, ValidatingWebhookConfiguration } from 'kubernetes-types/admissionregistration/v1.d.ts';
import { systemClock, type Clock, type Timer } from '../../base/clock.ts';
import { errorText } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { Gateways, type Gateway } from '../../api/gateway.ts';
import { KubeApiError, PatchType, type KubeClient } from '../../kube/client.ts';
import { createInformer, type Informer } from '../../kube/informer.ts';
import type { Stored } from '../../kube/object.ts';
import { MutatingWebhooks, ValidatingWebhooks, type Resource } from '../../kube/resource.ts';

export interface RegistrationOptions {
  readonly client: KubeClient;
  /** PEM of the root that signed the webhook server's certificate. */
  rootPem(): string;
  readonly revision: string;
  /** Where the control plane runs. */
  readonly namespace: string;
  readonly log: Log;
  readonly clock?: Clock;
}

export interface WebhookRegistration {
  /** Resolves when the configurations that exist carry the certificate. */
  start(): Promise<void>;
  /** The root has changed. */
  refresh(): Promise<void>;
  close(): Promise<void>;
}

type Configuration = MutatingWebhookConfiguration | ValidatingWebhookConfiguration;
const PROBE_EVERY_MS = 500;

export function createWebhookRegistration(options: RegistrationOptions): WebhookRegistration {
  return new Registration(options);
}

class Registration implements WebhookRegistration {
  readonly #options: RegistrationOptions;
  readonly #clock: Clock;
  readonly #mutating: Informer<MutatingWebhookConfiguration>;
  readonly #validating: Informer<ValidatingWebhookConfiguration>;
  #stops: (() => void)[] = [];
  #probe: Timer | undefined;
  #isClosed = false;
  /** Set when the API server has been seen to ask us about an object. */
  #isServing = false;

  constructor(options: RegistrationOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const common = { client: options.client, labelSelector: `istio.io/rev=${options.revision}`, clock: this.#clock, log: options.log };
    this.#mutating = createInformer(MutatingWebhooks, common);
    this.#validating = createInformer(ValidatingWebhooks, common);
  }

  async start(): Promise<void> {
    await Promise.all([this.#mutating.start(), this.#validating.start()]);
    await this.refresh();
    const again = () => void this.refresh();
    this.#stops = [this.#mutating.subscribe(again), this.#validating.subscribe(again)];
    this.#scheduleProbe(0);
  }

  async refresh(): Promise<void> {
    await Promise.all([
      ...this.#mutating.list().map((configuration) => this.#patch(MutatingWebhooks, configuration, undefined)),
      ...this.#validating.list().map((configuration) => this.#patch(ValidatingWebhooks, configuration, this.#isServing ? 'Fail' : undefined)),
    ]);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#probe?.cancel();
    for (const stop of this.#stops) stop();
    await Promise.all([this.#mutating.close(), this.#validating.close()]);
  }

  async #patch<T extends Configuration>(resource: Resource<T>, configuration: Stored<T>, failurePolicy: string | undefined): Promise<void> {
    const body = bundlePatch(configuration, this.#options.rootPem(), failurePolicy);
    if (body.length === 0 || this.#isClosed) return;
    const { name } = configuration.metadata;
    try {
      await this.#options.client.patch(resource, { name }, { type: PatchType.Json, body }, { fieldManager: 'istiod' });
      this.#options.log.info('webhook configuration updated', { name, failurePolicy });
    } catch (error) {
      // The informer delivers the newer object that made this patch fail, and the next attempt starts from it.
      this.#options.log.warn('webhook configuration not updated', { name, error: errorText(error) });
    }
  }

  #scheduleProbe(delayMs: number): void {
    if (this.#isClosed || this.#isServing) return;
    this.#probe = this.#clock.after(delayMs, () => void this.#runProbe());
    this.#probe.unref();
  }

  /** Asks the API server to take, as a dry run, an object that only our validator refuses. */
  async #runProbe(): Promise<void> {
    if (this.#validating.list().length > 0 && (await this.#isRefused())) {
      this.#isServing = true;
      await this.refresh();
    }
    this.#scheduleProbe(PROBE_EVERY_MS);
  }

  async #isRefused(): Promise<boolean> {
    const object: Gateway = { apiVersion: 'networking.istio.io/v1', kind: 'Gateway', metadata: { name: 'lateen-validator-probe', namespace: this.#options.namespace }, spec: {} };
    try {
      await this.#options.client.create(Gateways, object, { dryRun: true });
      return false;
    } catch (error) {
      return error instanceof KubeApiError && /denied the request/.test(error.message);
    }
  }
}

/** The JSON patch that brings every webhook of a configuration up to date; empty when nothing has to change. */
export function bundlePatch(configuration: Configuration, rootPem: string, failurePolicy: string | undefined): { op: string; path: string; value: string }[] {
  const caBundle = Buffer.from(rootPem).toString('base64');
  return (configuration.webhooks ?? []).flatMap((webhook, index) => [
    ...(webhook.clientConfig.caBundle === caBundle ? [] : [{ op: 'add', path: `/webhooks/${index}/clientConfig/caBundle`, value: caBundle }]),
    ...(failurePolicy === undefined || webhook.failurePolicy === failurePolicy ? [] : [{ op: 'add', path: `/webhooks/${index}/failurePolicy`, value: failurePolicy }]),
  ]);
}
