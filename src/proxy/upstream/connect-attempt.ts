/** One try to reach an endpoint: turns the events of its sockets into exactly one call of the listener. */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '../../base/clock.ts';
import type { UpstreamConnectionFacts } from '../../codec/stream.ts';

export interface ConnectListener {
  onConnected(socket: Duplex, facts: UpstreamConnectionFacts): void;
  /** @param reason Envoy's transport failure reason; undefined: the connection ended without one */
  onFailed(reason: string | undefined, timedOut: boolean): void;
}

export interface Connecting {
  cancel(): void;
}

export class ConnectAttempt implements Connecting {
  readonly #listener: ConnectListener;
  readonly #timer: Timer;
  /** Undoes the listening on the socket of the present stage. */
  #leave: (() => void) | undefined;
  #socket: Socket | undefined;
  #done = false;

  constructor(clock: Clock, timeoutMs: number, listener: ConnectListener) {
    this.#listener = listener;
    this.#timer = clock.after(timeoutMs, () => this.fail(undefined, true));
  }

  /** A stage: when the socket tells this event, `next` goes on. Its errors and its end are failures of the attempt. */
  follow(socket: Socket, event: 'connect' | 'secureConnect', next: () => void): void {
    this.#socket = socket;
    const onError = (error: NodeJS.ErrnoException) => this.fail(failureReason(error), false);
    const onClose = () => this.fail(undefined, false);
    const onEvent = () => {
      this.#leave?.();
      next();
    };
    this.#leave = () => {
      socket.removeListener(event, onEvent).removeListener('close', onClose).removeListener('error', onError);
      this.#leave = undefined;
    };
    socket.once(event, onEvent);
    socket.on('error', onError);
    socket.once('close', onClose);
  }

  succeed(socket: Duplex, facts: UpstreamConnectionFacts): void {
    if (this.#settle()) this.#listener.onConnected(socket, facts);
  }

  fail(reason: string | undefined, timedOut: boolean): void {
    if (!this.#settle()) return;
    this.#abandon();
    this.#listener.onFailed(reason, timedOut);
  }

  cancel(): void {
    if (this.#settle()) this.#abandon();
  }

  #settle(): boolean {
    if (this.#done) return false;
    this.#done = true;
    this.#timer.cancel();
    this.#leave?.();
    return true;
  }

  #abandon(): void {
    // What the socket still says about its end is of no interest.
    this.#socket?.on('error', () => {}).destroy();
  }
}

/** Envoy's words. */
function failureReason(error: NodeJS.ErrnoException): string | undefined {
  switch (error.code) {
    case 'ECONNREFUSED':
      return 'delayed connect error: Connection refused';
    case 'EHOSTUNREACH':
      return 'immediate connect error: No route to host';
    case 'ENETUNREACH':
      return 'immediate connect error: Network is unreachable';
    case 'ETIMEDOUT':
      return 'delayed connect error: Connection timed out';
    case 'ECONNRESET':
    case 'EPIPE':
      return undefined;
    default:
      return tlsFailure(error) ?? `delayed connect error: ${error.message}`;
  }
}

/** Envoy's TLS reasons: BoringSSL's numbers and names. An alert of the peer has the number 1000 + its own. */
const SSL_REASONS: readonly (readonly [pattern: RegExp, number: number, name: string])[] = [
  [/wrong version number|packet length too long|http request|unknown protocol|record layer failure/, 247, 'WRONG_VERSION_NUMBER'],
  [/alert handshake failure/, 1040, 'SSLV3_ALERT_HANDSHAKE_FAILURE'],
  [/alert bad certificate/, 1042, 'SSLV3_ALERT_BAD_CERTIFICATE'],
  [/alert unsupported certificate/, 1043, 'SSLV3_ALERT_UNSUPPORTED_CERTIFICATE'],
  [/alert certificate revoked/, 1044, 'SSLV3_ALERT_CERTIFICATE_REVOKED'],
  [/alert certificate expired/, 1045, 'SSLV3_ALERT_CERTIFICATE_EXPIRED'],
  [/alert certificate unknown/, 1046, 'SSLV3_ALERT_CERTIFICATE_UNKNOWN'],
  [/alert unknown ca/, 1048, 'TLSV1_ALERT_UNKNOWN_CA'],
  [/alert access denied/, 1049, 'TLSV1_ALERT_ACCESS_DENIED'],
  [/alert decrypt error/, 1051, 'TLSV1_ALERT_DECRYPT_ERROR'],
  [/alert protocol version/, 1070, 'TLSV1_ALERT_PROTOCOL_VERSION'],
  [/alert internal error/, 1080, 'TLSV1_ALERT_INTERNAL_ERROR'],
  [/alert unrecognized name/, 1112, 'TLSV1_ALERT_UNRECOGNIZED_NAME'],
  [/alert certificate required/, 1116, 'TLSV1_ALERT_CERTIFICATE_REQUIRED'],
];
/** ERR_LIB_SSL of BoringSSL. */
const SSL_LIBRARY = 16 * 2 ** 24;
const VERIFY_FAILED = 125;

const tlsError = (number: number, text: string): string => `TLS_error:|${SSL_LIBRARY + number}:SSL routines:OPENSSL_internal:${text}:TLS_error_end`;

/** A certificate was refused by us. @param why in Envoy's words */
export class VerificationError extends Error {
  override readonly name = 'VerificationError';
}

function tlsFailure(error: NodeJS.ErrnoException & { reason?: string }): string | undefined {
  if (error instanceof VerificationError) return tlsError(VERIFY_FAILED, `CERTIFICATE_VERIFY_FAILED:verify cert failed: ${error.message}`);
  if (error.code !== undefined && VERIFY_CODES.test(error.code)) {
    // Node does not tell the depth. What is self-signed in a chain is the root, which mostly comes right after the leaf.
    const depth = error.code === 'SELF_SIGNED_CERT_IN_CHAIN' ? 1 : 0;
    return tlsError(VERIFY_FAILED, `CERTIFICATE_VERIFY_FAILED:verify cert failed: X509_verify_cert: certificate verification error at depth ${depth}: ${VERIFY_TEXTS.get(error.code) ?? error.message}`);
  }
  if (error.code === undefined || !/SSL|TLS|ERR_OSSL/.test(error.code)) return undefined;
  const text = (error.reason ?? error.message).toLowerCase();
  const known = SSL_REASONS.find(([pattern]) => pattern.test(text));
  return known ? tlsError(known[1], known[2]) : `TLS_error:|${text}:TLS_error_end`;
}

/** Where node:tls has other words. */
const VERIFY_TEXTS: ReadonlyMap<string, string> = new Map([
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'unable to get local issuer certificate'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'unable to get local issuer certificate'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'self signed certificate in certificate chain'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'self signed certificate'],
  ['CERT_REVOKED', 'certificate revocation check against provided CRLs failed: certificate revoked'],
]);

/** X.509 verification results, as node:tls names them. */
const VERIFY_CODES = /^(CERT_|CRL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|INVALID_CA|PATH_LENGTH_EXCEEDED|INVALID_PURPOSE|HOSTNAME_MISMATCH|ERROR_IN_)/;

export function localAddress(socket: Socket): string {
  return `${socket.localAddress ?? ''}:${socket.localPort ?? 0}`;
}
