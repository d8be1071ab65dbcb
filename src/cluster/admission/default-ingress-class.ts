/** DefaultIngressClass: an Ingress that names no class gets the default one. */
import type { Ingress } from 'kubernetes-types/networking/v1.d.ts';
import type { AdmissionPlugin } from '../apiserver/admission.ts';
import { isAbout } from './plugin.ts';
import type { PluginContext } from './plugin.ts';

const DEFAULT = 'ingressclass.kubernetes.io/is-default-class';

export function createDefaultIngressClass(context: PluginContext): AdmissionPlugin {
  return {
    name: 'DefaultIngressClass',
    async mutate(request) {
      if (request.operation !== 'CREATE' || !isAbout(request, 'networking.k8s.io', 'ingresses')) return;
      // The resource says what the object is.
      const ingress = (request.object ?? {}) as Ingress;
      if (ingress.spec?.ingressClassName !== undefined || ingress.metadata?.annotations?.['kubernetes.io/ingress.class'] !== undefined) return;
      const marked = context.reads.ingressClasses.list().filter((held) => held.metadata.annotations?.[DEFAULT] === 'true');
      marked.sort((a, b) => Date.parse(b.metadata.creationTimestamp) - Date.parse(a.metadata.creationTimestamp));
      if (marked[0]) ingress.spec = { ...ingress.spec, ingressClassName: marked[0].metadata.name };
    },
  };
}
