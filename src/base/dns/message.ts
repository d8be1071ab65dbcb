/** DNS messages: RFC 1035, with the OPT record of RFC 6891. Only what a server of its own zones needs. */
export const RecordType = { A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, TXT: 16, AAAA: 28, SRV: 33, OPT: 41, ANY: 255 } as const;
export const ResponseCode = { NoError: 0, FormatError: 1, ServerFailure: 2, NameError: 3, NotImplemented: 4, Refused: 5 } as const;
export type ResponseCode = (typeof ResponseCode)[keyof typeof ResponseCode];

export interface Question {
  /** As asked, without the last dot. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
}

export interface Query {
  readonly id: number;
  readonly opcode: number;
  readonly recursionDesired: boolean;
  readonly question: Question;
  /** What the client can take over UDP, in bytes; 512 without OPT. */
  readonly udpSize: number;
  readonly hasOpt: boolean;
}

export type RecordData =
  | { readonly type: 'A' | 'AAAA'; readonly address: Uint8Array }
  | { readonly type: 'CNAME' | 'PTR' | 'NS'; readonly target: string }
  | { readonly type: 'SRV'; readonly priority: number; readonly weight: number; readonly port: number; readonly target: string }
  | { readonly type: 'TXT'; readonly text: string }
  | { readonly type: 'SOA'; readonly zone: string };

export interface ResourceRecord {
  readonly name: string;
  readonly ttl: number;
  readonly data: RecordData;
}

export interface Answer {
  readonly code: ResponseCode;
  readonly answers: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
  readonly additional: readonly ResourceRecord[];
}

const HEADER = 12;
const MAX_NAME = 255;
const INTERNET = 1;

/** Undefined when the bytes are no query that can be answered at all (too short, a response, not one question). */
export function decodeQuery(bytes: Uint8Array): Query | undefined {
  if (bytes.length < HEADER) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flags = view.getUint16(2);
  if ((flags & 0x8000) !== 0 || view.getUint16(4) !== 1) return undefined;
  const name = readName(bytes, HEADER);
  if (!name || name.end + 4 > bytes.length) return undefined;
  const question = { name: name.text, type: view.getUint16(name.end), class: view.getUint16(name.end + 2) };
  const opt = findOpt(bytes, view, name.end + 4);
  return {
    id: view.getUint16(0), opcode: (flags >> 11) & 15, recursionDesired: (flags & 0x0100) !== 0, question,
    udpSize: Math.max(512, opt ?? 512), hasOpt: opt !== undefined,
  };
}

/** @param limit bytes; an answer that is longer is sent empty with TC set, so that the client asks again over TCP */
export function encodeAnswer(query: Query, answer: Answer, limit: number): Buffer {
  const whole = encode(query, answer, false);
  return whole.length <= limit ? whole : encode(query, { ...answer, answers: [], authority: [], additional: [] }, true);
}

function encode(query: Query, answer: Answer, truncated: boolean): Buffer {
  const writer = new MessageWriter();
  const flags = 0x8000 | (query.opcode << 11) | 0x0400 | (truncated ? 0x0200 : 0) | (query.recursionDesired ? 0x0180 : 0x0080) | answer.code;
  for (const value of [query.id, flags, 1, answer.answers.length, answer.authority.length, answer.additional.length + (query.hasOpt ? 1 : 0)]) writer.uint16(value);
  writer.name(query.question.name);
  writer.uint16(query.question.type);
  writer.uint16(query.question.class);
  for (const record of [...answer.answers, ...answer.authority, ...answer.additional]) writer.record(record);
  if (query.hasOpt) writer.opt();
  return writer.bytes();
}

/** Offset-remembering writer: a name that was written before becomes a pointer (RFC 1035 §4.1.4). */
class MessageWriter {
  readonly #parts: number[] = [];
  readonly #names = new Map<string, number>();

  uint16(value: number): void {
    this.#parts.push((value >> 8) & 255, value & 255);
  }

  name(name: string): void {
    const labels = name === '' ? [] : name.split('.');
    for (let i = 0; i < labels.length; i++) {
      const rest = labels.slice(i).join('.').toLowerCase();
      const known = this.#names.get(rest);
      if (known !== undefined) return this.uint16(0xc000 | known);
      if (this.#parts.length < 0x4000) this.#names.set(rest, this.#parts.length);
      const label = Buffer.from(labels[i] ?? '', 'latin1').subarray(0, 63);
      this.#parts.push(label.length, ...label);
    }
    this.#parts.push(0);
  }

  #wholeName(name: string): void {
    for (const text of name.split('.')) {
      const label = Buffer.from(text, 'latin1').subarray(0, 63);
      this.#parts.push(label.length, ...label);
    }
    this.#parts.push(0);
  }

  record(record: ResourceRecord): void {
    this.name(record.name);
    this.uint16(RecordType[record.data.type]);
    this.uint16(INTERNET);
    this.uint16(record.ttl >>> 16);
    this.uint16(record.ttl & 0xffff);
    const lengthAt = this.#parts.length;
    this.uint16(0);
    this.#data(record.data);
    const length = this.#parts.length - lengthAt - 2;
    this.#parts[lengthAt] = length >> 8;
    this.#parts[lengthAt + 1] = length & 255;
  }

  opt(): void {
    this.#parts.push(0, 0, RecordType.OPT, 1232 >> 8, 1232 & 255, 0, 0, 0, 0, 0, 0);
  }

  bytes(): Buffer {
    return Buffer.from(this.#parts);
  }

  #data(data: RecordData): void {
    switch (data.type) {
      case 'A':
      case 'AAAA':
        this.#parts.push(...data.address);
        return;
      case 'CNAME':
      case 'PTR':
      case 'NS':
        return this.name(data.target);
      case 'SRV':
        for (const value of [data.priority, data.weight, data.port]) this.uint16(value);
        // RFC 2782: the target of an SRV record is not compressed; some resolvers refuse a pointer here.
        return this.#wholeName(data.target);
      case 'TXT': {
        const text = Buffer.from(data.text).subarray(0, 255);
        this.#parts.push(text.length, ...text);
        return;
      }
      case 'SOA':
        this.name(`ns.dns.${data.zone}`);
        this.name(`hostmaster.${data.zone}`);
        // Serial, refresh, retry, expire, minimum; the last bounds how long "no such name" is remembered: 5 s.
        for (const value of [1, 7200, 1800, 86_400, 5]) {
          this.uint16(value >>> 16);
          this.uint16(value & 0xffff);
        }
    }
  }
}

/** Reads a name without pointers: questions come first, so there is nothing to point to. */
function readName(bytes: Uint8Array, start: number): { text: string; end: number } | undefined {
  const labels: string[] = [];
  let at = start;
  for (;;) {
    const length = bytes[at];
    if (length === undefined || length > 63) return undefined;
    if (length === 0) return { text: labels.join('.'), end: at + 1 };
    if (at + 1 + length > bytes.length || at - start + length > MAX_NAME) return undefined;
    const label = Buffer.from(bytes.subarray(at + 1, at + 1 + length)).toString('latin1');
    // Allowed by RFC 2181, but no name that is served here has one, and as text it would be two labels.
    if (label.includes('.')) return undefined;
    labels.push(label);
    at += 1 + length;
  }
}

/** The UDP size of an OPT record that follows the question at once, as every resolver sends it. */
function findOpt(bytes: Uint8Array, view: DataView, at: number): number | undefined {
  if (view.getUint16(10) === 0 || at + 5 > bytes.length || bytes[at] !== 0) return undefined;
  return view.getUint16(at + 1) === RecordType.OPT ? view.getUint16(at + 3) : undefined;
}
