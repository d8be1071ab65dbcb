/** Which resource of the API an object that we install belongs to. */
import type { KubeObject } from '../kube/object.ts';
import {
  apiVersionOf,
  ClusterRoleBindings,
  ClusterRoles,
  ConfigMaps,
  CustomResourceDefinitions,
  Deployments,
  MutatingWebhooks,
  Namespaces,
  RoleBindings,
  Roles,
  ServiceAccounts,
  Services,
  ValidatingWebhooks,
  type Resource,
} from '../kube/resource.ts';
import { InstallError } from './errors.ts';

/** Everything that we create besides namespaces, in the order in which it is taken away: first what calls the control
 * plane, so that nothing waits for an answer that will not come. */
export const INSTALLED: readonly Resource[] = [MutatingWebhooks, ValidatingWebhooks, Deployments, Services, ConfigMaps, RoleBindings, Roles, ClusterRoleBindings, ClusterRoles, ServiceAccounts];

const KNOWN: readonly Resource[] = [Namespaces, CustomResourceDefinitions, ...INSTALLED];

export function resourceFor(object: KubeObject): Resource {
  const resource = KNOWN.find((candidate) => candidate.kind === object.kind && apiVersionOf(candidate) === object.apiVersion);
  if (!resource) throw new InstallError('INSTALL_APPLY', `${object.apiVersion} ${object.kind} is not something that is installed`);
  return resource;
}

export const describeObject = (object: KubeObject): string => `${object.kind} ${object.metadata?.namespace ? `${object.metadata.namespace}/` : ''}${object.metadata?.name}`;
