/** Character classes of RFC 9110 §5.5 and §5.6.2, as bits in one table. */
export const TOKEN = 1;
export const FIELD = 2;
export const TARGET = 4;

export const CLASS: Uint8Array = classes();

function classes(): Uint8Array {
  const table = new Uint8Array(256);
  for (let c = 0x21; c < 0x7f; c++) table[c] = FIELD | TARGET;
  for (let c = 0x80; c < 0x100; c++) table[c] = FIELD;
  table[0x20] = FIELD;
  table[0x09] = FIELD;
  for (const c of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
    const code = c.charCodeAt(0);
    table[code] = (table[code] ?? 0) | TOKEN;
  }
  return table;
}
