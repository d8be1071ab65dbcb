/** The state of one container as its status shows it, and what changes it. Pure. */
import type { Container, ContainerState, ContainerStatus } from 'kubernetes-types/core/v1.d.ts';

export type ContainerRole = 'main' | 'init' | 'sidecar';

export interface ContainerRecord {
  readonly container: Container;
  readonly role: ContainerRole;
  state: ContainerState;
  lastState: ContainerState;
  started: boolean;
  /** By its readiness probe, or true as soon as it is started when it has none. */
  ready: boolean;
  restartCount: number;
  containerId: string;
  imageId: string;
}

export function newRecord(container: Container, role: ContainerRole, waitingReason: string): ContainerRecord {
  return { container, role, state: { waiting: { reason: waitingReason } }, lastState: {}, started: false, ready: false, restartCount: 0, containerId: '', imageId: '' };
}

export const isRunning = (record: ContainerRecord): boolean => record.state.running !== undefined;
export const isTerminated = (record: ContainerRecord): boolean => record.state.terminated !== undefined;
export const succeeded = (record: ContainerRecord): boolean => record.state.terminated?.exitCode === 0;

/** The last exit of the container, whether it is still down or waiting to be started again. */
export const lastExit = (record: ContainerRecord) => record.state.terminated ?? record.lastState.terminated;

export function containerStatus(record: ContainerRecord): ContainerStatus {
  return {
    name: record.container.name,
    image: record.container.image ?? '',
    imageID: record.imageId,
    ...(record.containerId ? { containerID: `lateen://${record.containerId}` } : {}),
    state: record.state,
    lastState: record.lastState,
    // A plain init container is "ready" when it has done its work.
    ready: record.role === 'init' ? succeeded(record) : isRunning(record) && record.started && record.ready,
    started: isRunning(record) && record.started,
    restartCount: record.restartCount,
  };
}
