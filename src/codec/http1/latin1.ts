/** Bytes ↔ strings of one char per byte, by Buffer's own methods: `toString('latin1')` and `write(…, 'latin1')` go through an encoding
 * look-up that shows in profiles. Node has had these methods since its beginning; its types leave them out. */
interface Latin1Methods {
  latin1Slice(start: number, end: number): string;
  latin1Write(text: string, offset: number): number;
}

export function latin1Slice(bytes: Buffer, start: number, end: number): string {
  return (bytes as Buffer & Latin1Methods).latin1Slice(start, end);
}

export function latin1Write(bytes: Buffer, text: string, offset: number): void {
  (bytes as Buffer & Latin1Methods).latin1Write(text, offset);
}
