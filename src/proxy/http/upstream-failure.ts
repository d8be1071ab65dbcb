/** What a client is told when its request could not be sent or was not answered. The words are Envoy's: people look for them. */
import type { LocalReply } from './filter.ts';
import type { ResetReason } from '../../codec/stream.ts';

interface Failure {
  readonly flag: string;
  readonly phrase: string;
  /** Why there is no connection. */
  readonly transport?: string;
  readonly attempts: number;
}

export function failureReply({ flag, phrase, transport, attempts }: Failure): LocalReply {
  const latest = attempts > 1 ? 'retried and the latest ' : '';
  const suffix = transport === undefined ? '' : `|${transport}`;
  return {
    // Somebody is there, but does not speak HTTP.
    status: flag === 'UPE' ? 502 : 503,
    body: `upstream connect error or disconnect/reset before headers. ${latest}reset reason: ${phrase}`,
    flag,
    details: `upstream_reset_before_response_started{${`${phrase}${suffix}`.replaceAll(' ', '_')}}`,
  };
}

/** Response flag and Envoy's words for it. */
export function resetTexts(reason: ResetReason): readonly [flag: string, phrase: string] {
  switch (reason) {
    case 'connection termination':
      return ['UC', 'connection termination'];
    case 'connection failure':
      return ['UF', 'remote connection failure'];
    case 'remote reset':
      return ['UR', 'remote reset'];
    case 'remote refused stream reset':
      return ['UR', 'remote refused stream reset'];
    case 'overflow':
      return ['UO', 'overflow'];
    case 'protocol error':
      return ['UPE', 'protocol error'];
  }
}
